"""Tensors and some texts in one safetensors file (never a pickle), with a checksum of both."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tl_core.workspace.storage import checksum, write_atomic

_SEAL = "checksum"  # among the texts; files of earlier versions have none


def write_tensors(path: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> None:
    """Write them so that the file is at any moment absent, the old one or the new one.

    Raises:
        StorageFull: If the disk is full.
    """
    kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomic(path, save(kept, {**texts, _SEAL: _checksum(kept, texts)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and texts as they were written.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is none of these files, or damaged; the message is half a sentence.
    """
    try:
        with safe_open(path, framework="pt") as file:
            texts = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    sealed = texts.pop(_SEAL, None)
    if sealed is not None and sealed != _checksum(tensors, texts):
        raise ValueError("its bytes have changed since it was written")
    return tensors, texts


def has_nan(tensors: Iterable[Tensor]) -> bool:
    return any(bool(value.isnan().any()) for value in tensors if value.is_floating_point())


def _checksum(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    parts: list[bytes | memoryview] = [repr(sorted(texts.items())).encode()]
    for name, value in sorted(tensors.items()):
        parts.append(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        parts.append(memoryview(value.reshape(-1).view(torch.uint8).numpy()))
    return checksum(*parts)
