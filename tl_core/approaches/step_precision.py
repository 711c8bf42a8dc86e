"""Whether shorter numbers make the layers that learn faster here: measured once, and remembered.

Both ways are tried on a batch of the training's own pictures; nothing is learnt from it. The
shorter way must give the same logits and point the gradient the same way. Compiling the step is not
among the candidates: see `CANDIDATES`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tl_core.approaches import run_choices
from tl_core.approaches.arithmetic import loss_of, step_logits
from tl_core.approaches.batches import Batches, FrontBatches
from tl_core.approaches.jobs import TrainingJob
from tl_core.backbones.layer_groups import frozen_count, train_mode
from tl_core.features.device import machine_memo
from tl_core.runs.events import Event

# torch.compile needs a C++ compiler, which few laptops have, and half a minute or more before the
# first step: a whole fine-tuning takes about as long.
CANDIDATES = {"cpu": "bfloat16", "cuda": "bfloat16", "mps": "bfloat16"}
PAYS = 0.95  # of the seconds in float32: less is noise
LOGITS_TOLERANCE = 0.05  # largest change, relative to the largest logit
LEAST_COSINE = 0.95  # between the gradients
TIMED_STEPS = 2
NAME = "learning layers"  # of the choice in the run's folder
WORDS = {"float32": "full precision", "bfloat16": "shorter numbers", "float16": "shorter numbers"}


def choose_precision(job: TrainingJob, train: Batches) -> Iterator[Event]:
    """Set the precision of the job's steps, and say it."""
    precision = run_choices.choice(job.run_dir, NAME)
    if precision not in WORDS:
        precision = _faster(job, train)
        run_choices.keep_choice(job.run_dir, NAME, precision)
    job.tuning.precision = precision
    why = "the faster way here" if precision != "float32" else "as shorter ones do not pay here"
    yield from job.note(
        f"The layers that learn compute with {WORDS[precision]} ({precision}), {why}; every "
        "measurement and every prediction is made with full precision."
    )


def _faster(job: TrainingJob, train: Batches) -> str:
    network, batch_size = job.tuning.network, job.config.batch_size
    place = next(network.parameters()).device.type
    shorter = _candidate(place)
    part = "whole network" if not isinstance(train, FrontBatches) else "back"
    name = f"{job.config.backbone.name} | {part}, {frozen_count(network)} groups frozen"
    name += f", {network.features_read} | steps of {batch_size} in float32 and {shorter}"
    scratch = job.config.strategy == "scratch"

    def measure() -> tuple[float, ...]:
        train_mode(network, batch_size=batch_size, from_scratch=scratch)
        with _untouched(network):
            return _compare(network, train, shorter, place)

    plain_seconds, shorter_seconds, agrees = machine_memo(job.workspace).measured(name, measure)
    return shorter if agrees and shorter_seconds < PAYS * plain_seconds else "float32"


def _candidate(place: str) -> str:
    if place == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "float16"
    return CANDIDATES[place]


@contextmanager
def _untouched(network: nn.Module) -> Iterator[None]:
    """Leave statistics, gradients and random numbers as they were."""
    before = [buffer.clone() for buffer in network.buffers()]
    with torch.random.fork_rng():
        yield
    for buffer, value in zip(network.buffers(), before, strict=True):
        buffer.copy_(value)
    for parameter in network.parameters():
        parameter.grad = None


def _compare(
    network: nn.Module, train: Batches, shorter: str, place: str
) -> tuple[float, float, float]:
    """Return seconds of a step in float32 and in `shorter`, and 1.0 if they agree, else 0.0."""
    inputs, labels = next(iter(train.shuffled(1, 1)))
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]

    def step(precision: str) -> tuple[float, Tensor, Tensor]:
        torch.manual_seed(0)  # the same dropout
        for parameter in learnt:
            parameter.grad = None
        start = time.perf_counter()
        logits = step_logits(train, inputs, precision, place)
        loss_of(logits, labels, None).backward()
        logits[0, 0].item()  # waits for a graphics card
        seconds = time.perf_counter() - start
        grads = [parameter.grad.float().flatten() for parameter in learnt]
        return seconds, logits.detach(), torch.cat(grads)

    try:
        (_, exact, right), (_, logits, gradient) = step("float32"), step(shorter)
        seconds = [(step("float32")[0], step(shorter)[0]) for _ in range(TIMED_STEPS)]
    except (RuntimeError, TypeError):  # no kernel for that precision
        return 0.0, 0.0, 0.0
    plain, other = (min(column) for column in zip(*seconds, strict=True))
    close = (logits - exact).abs().max() <= LOGITS_TOLERANCE * (1 + exact.abs().max())
    cosine = nn.functional.cosine_similarity(right, gradient, dim=0)
    return plain, other, float(close and cosine >= LEAST_COSINE)
