"""One file from which a fine-tuning goes on as if it had never paused.

Tensors in safetensors (never a pickle), numbers in its metadata, replaced atomically.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from tl_core.approaches.optimising.optimisation import Optimisation
from tl_core.images import ImageSet
from tl_core.workspace.storage import write_atomic

NUMBERS = ("epoch", "best_epoch", "best_accuracy", "best_loss", "seconds", "loss_scale")


def write_checkpoint(path: Path, state: Optimisation, images: ImageSet) -> None:
    tensors = {f"network.{name}": value for name, value in state.learnt().items()}
    tensors |= {f"best.{name}": value for name, value in state.best.items()}
    for index, values in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in values.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    numbers = {name: getattr(state, name) for name in NUMBERS}
    write_atomic(
        path, save(tensors, {"numbers": json.dumps(numbers), "learnt_from": _learnt_from(images)})
    )


def restore_checkpoint(path: Path, state: Optimisation, images: ImageSet) -> bool:
    """Put a fresh `state` of the same network and settings where the checkpoint stood.

    Returns:
        False, with `state` as it was, if there is no checkpoint, none that can be read, or one
        that learnt from other pictures: some of them may be there to measure on by now.
    """
    try:
        with safe_open(path, framework="pt") as file:
            if file.metadata()["learnt_from"] != _learnt_from(images):
                return False
            numbers = json.loads(file.metadata()["numbers"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError):
        return False
    parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "best": {}, "optimiser": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    state.network.load_state_dict(parts["network"], strict=False)
    state.best = parts["best"]
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in parts["optimiser"].items():
        index, _, key = name.partition(".")
        slots.setdefault(int(index), {})[key] = value
    whole = state.optimiser.state_dict()
    state.optimiser.load_state_dict({**whole, "state": slots})
    for name, value in numbers.items():
        setattr(state, name, value)
    return True


def _learnt_from(images: ImageSet) -> str:
    pictures = sorted(f"{one.digest} {images.class_names[one.label]}" for one in images.train)
    return hashlib.sha256("\n".join(pictures).encode()).hexdigest()
