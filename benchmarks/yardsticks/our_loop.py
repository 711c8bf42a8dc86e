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
from tl_core.approaches.fine_tuning import APPROACH
from tl_core.approaches.optimising.batches import Batches, batches_for
from tl_core.approaches.optimising.optimisation import (
    Optimisation,
    optimise,
    step_logits,
    update,
)
from tl_core.approaches.optimising.optimisation import (
    start as start_optimisation,
)
from tl_core.approaches.task import Task
from tl_core.backbones.layer_groups import layer_groups
from tl_core.runs.events import EpochResult, result_of


def main() -> None:
    given = options(__doc__)
    with start(given) as (task, network):
        began = time.perf_counter()
        frozen = task.config.frozen_groups
        state = start_optimisation(network, task.config, frozen_groups=frozen, from_scratch=False)
        batches, validation = result_of(batches_for(task, network, from_scratch=False))
        front = time.perf_counter() - began
        epochs, alone = [], []
        plan = APPROACH.step_plan
        events = optimise(state, task.config, plan, batches, validation, class_weights=None)
        for event in events:
            if isinstance(event, EpochResult) and event.epoch:
                epochs.append(event.seconds)
                alone.append(_alone(task, state, batches))
        found = {
            "seconds": front + sum(epochs),
            "front": front,
            "epoch": statistics.median(epochs),
            "alone": statistics.median(alone),
            "pictures": len(batches.labels),
            "groups": len(layer_groups(network)),
            "validated": len(validation.labels),
            "precision": str(state.dtype).removeprefix("torch."),
        }
        if given.validation:
            found["correct"] = round(state.best_accuracy * len(validation.labels))
        if given.machine:
            remember(task.workspace.root, given.machine)
        print(json.dumps(found))


def _alone(task: Task, state: Optimisation, batches: Batches) -> float:
    """Return seconds of an epoch's steps on values in memory, which teach the network nothing."""
    steps = len(batches.labels) // task.config.batch_size
    ready = list(batches.shuffled(1, steps))
    state.network.train()
    learning = [value for value in state.network.parameters() if value.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=0.0)
    scale, place = state.loss_scale, learning[0].device.type
    began = time.perf_counter()
    for inputs, labels in ready:
        logits = step_logits(batches, inputs, place, state.dtype)
        loss = torch.nn.functional.cross_entropy(logits, labels.to(logits.device))
        scale = update(loss, optimiser, scale, state.dtype)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
