"""Runs a frozen network on uint8 crops: by OpenVINO or by torch, in the precision fast here.

The rule: on a processor OpenVINO, in the precision that it prefers there, once the network is
converted; until then, and elsewhere, torch in half precision. Whatever strays from plain float32 on
some of the pictures, or is slower, makes room for the next; what was found is remembered.
"""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.backbones.preprocessing import Preprocessing, normalise
from tl_core.backbones.tracing import CutNetwork, folded
from tl_core.features import openvino
from tl_core.features.device import device, machine_memo, one_thread_each
from tl_core.workspace.machine_memo import networks_dir
from tl_core.workspace.storage import Workspace

LEAST_COSINE, LEAST_MEDIAN_COSINE = 0.985, 0.995
LOGITS_TOLERANCE = 1e-2  # largest change of logits behind a front, relative to the largest of them
MUCH_SLOWER = 0.8  # of the speed of plain float32; less is no noise
CHECK_SECONDS = 2.0  # that plain float32 may take with the sample: a slow network sees less of it
CONVERTING_PAYS = 600  # pictures from which on a network is converted in any case
CONVERTING_SECONDS, CONVERTING_SAVES = 5.0, 0.6  # what it costs; the share of time it saves
PRECISIONS = ("float32", "bfloat16", "float16")  # that there is an engine for somewhere
NO_ENGINE = (RuntimeError, TypeError, ImportError)  # no kernel for that precision, say

Values = tuple[np.ndarray, ...]  # what a network made of n pictures: arrays (n, ...), float32


@dataclass(frozen=True)
class EngineChoice:
    """What runs a frozen network here, and how closely it agrees with plain float32.

    `cosine_least` and `cosine_median` compare its values with float32 ones, picture by picture.
    """

    precision: str
    batch_size: int
    device: str
    pictures_per_second: float = 0.0
    cosine_least: float = 1.0
    cosine_median: float = 1.0
    library: str = "torch"


PLAIN = {
    "cpu": EngineChoice("float32", 4, "cpu"),
    "cuda": EngineChoice("float32", 32, "cuda"),
    "mps": EngineChoice("float32", 32, "mps"),
}
SHORTER = {  # by torch, where that is no slower
    "cpu": EngineChoice("bfloat16", 8, "cpu"),
    "cuda": EngineChoice("float16", 64, "cuda"),
    "mps": EngineChoice("float16", 64, "mps"),
}


class Engine:
    """A frozen network, ready to turn uint8 crops (n, 3, S, S) into `Values`.

    `parallel` threads should call it side by side: one per core where torch computes in the thread
    that calls, twice as many where another one computes (OpenVINO, a GPU), so that some read
    pictures meanwhile.

    Args:
        frozen: Normalised images (n, 3, S, S) -> a tensor, or several, each (n, ...).
        preprocessing: What the network expects.
        choice: How to run it.
        converted: Where OpenVINO's network is kept, or will be.
    """

    def __init__(
        self,
        frozen: nn.Module,
        preprocessing: Preprocessing,
        choice: EngineChoice,
        *,
        converted: Path | None = None,
    ) -> None:
        self.choice = choice
        cores = torch.get_num_threads()
        self.parallel = 2
        if choice.device == "cpu":
            self.parallel = cores * (2 if choice.library == "openvino" else 1)
        self._preprocessing = preprocessing
        self._run: Callable[[Tensor], Values]
        if choice.library == "openvino":
            self._run = openvino.OpenVinoReader(
                frozen,
                converted,
                side=preprocessing.input_size,
                precision=choice.precision,
                threads=cores,
            )
        else:
            self._run = _TorchReader(frozen, choice)

    def __call__(self, crops: Tensor) -> Values:
        return self._run(normalise(crops, self._preprocessing))


class _TorchReader:
    """Normalised images (n, 3, S, S) -> `Values`, by torch."""

    def __init__(self, frozen: nn.Module, choice: EngineChoice) -> None:
        self._place = {"device": choice.device, "dtype": getattr(torch, choice.precision)}
        self._reader = folded(frozen).to(**self._place, memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Values:
        values = self._reader(images.to(**self._place, memory_format=torch.channels_last))
        values = values if isinstance(values, tuple) else (values,)
        return tuple(value.float().cpu().numpy() for value in values)


def choose_engine(
    frozen: nn.Module,
    preprocessing: Preprocessing,
    sample: Callable[[], Tensor],
    *,
    name: str,
    workspace: Workspace,
    pictures: int = 0,
    precision: str | None = None,
    logits: Callable[[Values], np.ndarray] | None = None,
) -> Engine:
    """Return the engine that the rule names here, checked once against plain float32.

    Args:
        frozen: Normalised images (n, 3, S, S) -> a tensor, or several, each (n, ...).
        preprocessing: What the network expects.
        sample: Reads uint8 crops of real pictures, shape (N, 3, S, S), N at least 1.
        name: What the choice is remembered under: the weights, and what is read of the network.
        workspace: Keeps choices for this machine, and converted networks.
        pictures: How many there are to look at. Where that pays, the network is converted for
            OpenVINO if it was not before.
        precision: Wanted rather than speed, for values that are to lie beside others; still it
            must agree.
        logits: What is made of the values behind `frozen`; must agree as well.
    """
    memo, make = machine_memo(workspace), partial(Engine, frozen, preprocessing)

    def known_or_checked(candidates: Sequence[EngineChoice], converted: Path | None) -> Engine:
        facts = ("engine", name, f"torch {torch.__version__}", converted and "OpenVINO", precision)
        key = " | ".join(filter(None, facts))
        with suppress(*NO_ENGINE):  # it may be one that cannot be had any more
            if known := memo.get(key, EngineChoice):
                return make(known, converted=converted)
        candidates = sorted(candidates, key=lambda one: one.precision != precision)
        if precision == "float32":
            candidates = [one for one in candidates if one.precision == precision]
        engine = _first_good(candidates, partial(make, converted=converted), sample(), logits)
        memo.put(key, asdict(engine.choice))
        return engine

    converted = None
    if device() == "cpu" and openvino.is_installed():
        converted = openvino.network_file(networks_dir(workspace), name)
    if converted is None or not (converted.exists() or pictures >= CONVERTING_PAYS):
        engine = known_or_checked([SHORTER[device()]], None)
        seconds = pictures / max(engine.choice.pictures_per_second, 1e-3)
        if converted is None or seconds * CONVERTING_SAVES < CONVERTING_SECONDS:
            return engine
    precisions = dict.fromkeys((openvino.preferred_precision(), "float32"))
    by_openvino = [EngineChoice(one, 2, "cpu", library="openvino") for one in precisions]
    return known_or_checked([*by_openvino, SHORTER["cpu"]], converted)


def _first_good(
    candidates: Sequence[EngineChoice],
    make: Callable[[EngineChoice], Engine],
    sample: Tensor,
    logits: Callable[[Values], np.ndarray] | None,
) -> Engine:
    """Return the first that agrees with plain float32 and is no slower, else plain float32."""
    plain = make(PLAIN[device()])
    sample = bearable(plain, sample)
    exact, plain_speed = timed(plain, sample)
    plain.choice = replace(plain.choice, pictures_per_second=round(plain_speed, 1))
    for choice in candidates:
        try:
            engine = make(choice)
            values, speed = timed(engine, sample)
        except NO_ENGINE:
            continue
        cosines = _cosines(exact, values)
        engine.choice = replace(
            choice,
            pictures_per_second=round(speed, 1),
            cosine_least=round(float(cosines.min()), 5),
            cosine_median=round(float(np.median(cosines)), 5),
        )
        if speed >= MUCH_SLOWER * plain_speed and _agree(cosines, exact, values, logits):
            return engine
    return plain


def _agree(
    cosines: np.ndarray,
    exact: Values,
    values: Values,
    logits: Callable[[Values], np.ndarray] | None,
) -> bool:
    if cosines.min() < LEAST_COSINE or np.median(cosines) < LEAST_MEDIAN_COSINE:
        return False
    if logits is None:
        return True
    wanted, got = logits(exact), logits(values)
    return bool(np.abs(got - wanted).max() <= LOGITS_TOLERANCE * (1 + np.abs(wanted).max()))


def logits_behind(halves: CutNetwork) -> Callable[[Values], np.ndarray]:
    """Return what the back of a cut network makes of the values of its front: logits (n, K)."""

    @torch.inference_mode()
    def logits(values: Values) -> np.ndarray:
        place = next(halves.back.parameters()).device
        halves.back.eval()
        return halves.back(*(torch.from_numpy(v).to(place) for v in values)).cpu().numpy()

    return logits


def bearable(engine: Engine, sample: Tensor) -> Tensor:
    """Return as much of the sample as takes `CHECK_SECONDS`, two pictures per core at least."""
    with one_thread_each():
        engine(sample[:1])  # the first call allocates
        start = time.perf_counter()
        engine(sample[:1])
        seconds = (time.perf_counter() - start) / engine.parallel
    return sample[: max(2 * engine.parallel, int(CHECK_SECONDS / max(seconds, 1e-6)))]


def timed(engine: Engine, sample: Tensor) -> tuple[Values, float]:
    """Return the values of the sample and pictures per second, run the way `extraction` does."""
    size = min(engine.choice.batch_size, math.ceil(len(sample) / engine.parallel))
    batches = sample.split(size)
    seconds = math.inf
    with one_thread_each(), ThreadPoolExecutor(engine.parallel) as pool:
        list(pool.map(engine, batches[: engine.parallel]))  # allocates and plans
        for _attempt in range(2):  # the machine may have been busy for a moment
            start = time.perf_counter()
            results = list(pool.map(engine, batches))
            seconds = min(seconds, time.perf_counter() - start)
    return tuple(np.concatenate(one) for one in zip(*results, strict=True)), len(sample) / seconds


def _cosines(exact: Values, values: Values) -> np.ndarray:
    """Return per picture the least cosine of its values, float64 (N,)."""
    rows = []
    for one, other in zip(exact, values, strict=True):
        a, b = (array.reshape(len(array), -1).astype(np.float64) for array in (one, other))
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        rows.append(np.where(norms > 1e-12, (a * b).sum(axis=1) / np.maximum(norms, 1e-12), 1.0))
    return np.min(rows, axis=0)
