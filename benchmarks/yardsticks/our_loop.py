"""Our fine-tuning on the same pictures, epochs and batches as `usual_loop`. Prints one JSON line.

`seconds` is the whole fine-tuning, computing the frozen front included; `epoch` one epoch of it
afterwards; `alone` forward, backward and update of the thawed part on values that lie in memory,
in turns with the epochs.
"""

import json
import statistics
import time

import torch

from benchmarks.measuring.projects import remember
from benchmarks.yardsticks.loop_start import options, start
from tl_core.approaches import fine_tuning
from tl_core.approaches.arithmetic import loss_of, step_logits, update
from tl_core.approaches.batches import Batches
from tl_core.approaches.fine_tuning_batches import tuning_batches
from tl_core.approaches.jobs import TrainingJob
from tl_core.backbones.layer_groups import layer_groups
from tl_core.runs.events import EpochResult, result_of


def main() -> None:
    given = options(__doc__)
    with start(given) as (job, network):
        began = time.perf_counter()
        job.tuning = fine_tuning.start(network, job.config, frozen_groups=job.config.frozen_groups)
        batches, validation = result_of(tuning_batches(job))
        front = time.perf_counter() - began
        epochs, alone = [], []
        events = fine_tuning.fine_tune(
            job.tuning, job.config, batches, validation, class_weights=None
        )
        for event in events:
            if isinstance(event, EpochResult) and event.epoch:
                epochs.append(event.seconds)
                alone.append(_alone(job, batches))
        found = {
            "seconds": front + sum(epochs),
            "front": front,
            "epoch": statistics.median(epochs),
            "alone": statistics.median(alone),
            "pictures": len(batches.labels),
            "groups": len(layer_groups(network)),
            "validated": len(validation.labels),
            "precision": job.tuning.precision,
        }
        if given.validation:
            found["correct"] = round(job.tuning.best_accuracy * len(validation.labels))
        if given.machine:
            remember(job.workspace.root, given.machine)
        print(json.dumps(found))


def _alone(job: TrainingJob, batches: Batches) -> float:
    """Return seconds of an epoch's steps on values in memory, which teach the network nothing."""
    steps = len(batches.labels) // job.config.batch_size
    ready = list(batches.shuffled(1, steps))
    job.tuning.network.train()
    learning = [value for value in job.tuning.network.parameters() if value.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=0.0)
    precision, scale, place = job.tuning.precision, job.tuning.loss_scale, learning[0].device.type
    began = time.perf_counter()
    for inputs, labels in ready:
        loss = loss_of(step_logits(batches, inputs, precision, place), labels, None)
        scale = update(loss, optimiser, precision, scale)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
