"""One file from which a fine-tuning goes on as if it had never paused.

It is replaced atomically, and carries a checksum.
"""

import hashlib
import json
from pathlib import Path

import torch

from tl_core.approaches.optimising.optimisation import Optimisation
from tl_core.backbones.tensor_file import has_nan, read_tensors, write_tensors
from tl_core.images import ImageSet

NUMBERS = ("epoch", "best_epoch", "best_accuracy", "best_loss", "seconds", "loss_scale")


def write_checkpoint(path: Path, state: Optimisation, images: ImageSet) -> None:
    tensors = {f"network.{name}": value for name, value in state.learnt().items()}
    tensors |= {f"best.{name}": value for name, value in state.best.items()}
    for index, values in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in values.items()}
    numbers = json.dumps({name: getattr(state, name) for name in NUMBERS})
    write_tensors(path, tensors, {"numbers": numbers, "learnt_from": _learnt_from(images)})


def restore_checkpoint(path: Path, state: Optimisation, images: ImageSet) -> bool:
    """Put a fresh `state` of the same network and settings where the checkpoint stood.

    Returns:
        False, with `state` as it was, if there is no checkpoint, none that is whole, or one that
        learnt from other pictures: some of them may be there to measure on by now.
    """
    try:
        tensors, texts = read_tensors(path)
        if texts["learnt_from"] != _learnt_from(images):
            return False
        numbers = json.loads(texts["numbers"])
    except (OSError, ValueError, KeyError):
        return False
    if has_nan(tensors.values()):
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
