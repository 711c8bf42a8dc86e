"""A person's own weights file becomes a backbone: checked against a named architecture, stored.

Only numbers are read: safetensors, or a state dict through ``weights_only=True``. A file that
wants to run code is refused.
"""

import hashlib
import pickle
from argparse import Namespace
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from timm.models import clean_state_dict
from torch import Tensor
from torch.serialization import safe_globals

from tl_core.backbones.creation import published_config
from tl_core.errors import BackboneError
from tl_core.runs.catalogue import Backbone
from tl_core.workspace.storage import storage_errors, write_atomic

# Where training programs keep the weights in what they save; averaged ones are the better ones.
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model", "model_state_dict")
_UNPACKED_RATIO = 2  # bytes of tensors for a byte of the file; training programs pack nothing
_SHOWN = 3  # how many tensors a message names


def check_weights_file(path: Path, architecture: str, *, project_dir: Path) -> Backbone:
    """Check that a weights file fits a timm architecture and store it with the project.

    The classifier in the file, if any, is left out.

    Args:
        path: A ``.safetensors`` file, or a state dict saved with ``torch.save``.
        architecture: timm's name, with or without pretrained tag.
        project_dir: The project's folder; the backbone goes to ``weights/`` in it.

    Raises:
        BackboneError: If the architecture is unknown, the file cannot be read safely, or its
            tensors do not fit; the message names some that do not.
    """
    published = published_config(architecture)
    state = _read(path)
    with torch.device("meta"):  # names and shapes, no memory: the largest would take 5 GB
        network = timm.create_model(architecture, num_classes=0)
    fitting = _fitting(state, network, path.name, architecture)
    digest, stored = _store(fitting, project_dir)
    return Backbone(
        name=architecture,
        title=f"{path.name} ({architecture})",
        family="ViT" if hasattr(network, "patch_embed") else "CNN",
        pretraining="your own weights",
        good_at="Whatever you trained it for.",
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        input_size=published.input_size[-1] if published else 224,
        licence="not stated",
        download_bytes=0,
        source="file",
        weights_file=stored.relative_to(project_dir).as_posix(),
        digest=digest,
    )


def _read(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a file, by name, without running anything that it contains."""
    most = _UNPACKED_RATIO * path.stat().st_size  # several tensors may be views of the same bytes
    state = _loaded(path, most)
    if sum(value.numel() * value.element_size() for value in state.values()) > most:
        raise _unreadable(path)
    return state


def _loaded(path: Path, most: int) -> dict[str, Tensor]:
    try:
        if _unpacked_bytes(path) > most:
            raise _unreadable(path)
        if path.suffix.lower() == ".safetensors":
            return _tensors(load_file(path), path.name)
        with safe_globals([Namespace]):  # the options that training programs save beside weights
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error) or path.read_bytes().startswith(b"\x80"):
            raise BackboneError(
                f"{path.name} contains more than tensors and could run program code, so it was "
                "not opened. Save only the weights (model.state_dict()), preferably as "
                "safetensors."
            ) from error
        raise _unreadable(path) from error
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _unreadable(path) from error
    return _tensors(content, path.name)


def _unpacked_bytes(path: Path) -> int:
    """Return to how much the file unpacks, if it is a ZIP, as `torch.save` makes them."""
    try:
        with ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except BadZipFile:
        return 0


def _unreadable(path: Path) -> BackboneError:
    return BackboneError(
        f"{path.name} cannot be read as weights; it may be damaged or another kind of file. "
        "Choose a .safetensors file, or a state dict saved with torch.save."
    )


def _tensors(content: object, name: str) -> dict[str, Tensor]:
    if isinstance(content, dict):
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), dict):
                content = content[wrapper]
                break
        tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        if tensors:
            return clean_state_dict(tensors)
    raise BackboneError(
        f"{name} holds no named tensors. Choose a state dict (model.state_dict()) of the network."
    )


def _fitting(
    state: dict[str, Tensor], network: torch.nn.Module, name: str, architecture: str
) -> dict[str, Tensor]:
    """Return the tensors of the backbone in `state`, or raise with what does not fit."""
    expected = network.state_dict()
    # Counters of training steps do not change what a network computes; old files lack them.
    counters = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = [key for key in expected if key not in state and key not in counters]
    misshapen = [
        f"{key} ({_shape(state[key])} instead of {_shape(value)})"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    classifiers = tuple(_classifier_names(network))
    extra = [key for key in state if key not in expected and not key.startswith(classifiers)]
    troubles = [
        f"{len(keys)} {words}: {', '.join(keys[:_SHOWN])}{', ...' if len(keys) > _SHOWN else ''}"
        for words, keys in (
            ("tensors are missing", missing),
            ("have another shape", misshapen),
            ("are unknown to it", extra),
        )
        if keys
    ]
    if troubles:
        raise BackboneError(
            f"{name} does not fit {architecture}. {'; '.join(troubles)}. "
            "Choose the architecture that the weights were made for."
        )
    return {
        key: state[key].to(value.dtype)
        if key in state
        else torch.zeros(value.shape, dtype=value.dtype)
        for key, value in expected.items()
    }


def _classifier_names(network: torch.nn.Module) -> list[str]:
    names = network.pretrained_cfg.get("classifier") or ()
    names = (names,) if isinstance(names, str) else names
    return [f"{name}." for name in names]


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _store(state: dict[str, Tensor], project_dir: Path) -> tuple[str, Path]:
    """Write the tensors under the digest of the file that holds them."""
    content = save({name: value.contiguous() for name, value in state.items()})
    digest = hashlib.sha256(content).hexdigest()
    stored = project_dir / "weights" / f"{digest}.safetensors"
    with storage_errors("saving the weights"):
        stored.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(stored, content)
    return digest, stored
