"""JSON files, and their data back as the frozen dataclasses that it was written from."""

import json
import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from tl_core.workspace.storage import write_atomic


def write_json(path: Path, value: Any) -> None:
    """Store a dataclass or JSON-able data, replacing what was there at once.

    Raises:
        StorageFull: If the disk is full.
    """
    data = asdict(value) if is_dataclass(value) else value
    write_atomic(path, json.dumps(data, indent=1).encode())


def read_json(path: Path, kind: Any = Any) -> Any:
    """Return what a file holds as `kind` (see `value_of`).

    None if there is no such file, or if it is damaged or of another version.
    """
    try:
        return value_of(kind, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def value_of(kind: Any, data: Any) -> Any:
    """Return JSON data as the type that `kind` names: dataclasses, tuples and plain values."""
    if data is None or kind is Any:
        return data
    if is_dataclass(kind):
        if not isinstance(data, Mapping):
            raise TypeError(f"{kind.__name__} expected, got {data!r}")
        hints = get_type_hints(kind)
        known = [field.name for field in fields(kind) if field.name in data]
        return kind(**{name: value_of(hints[name], data[name]) for name in known})
    if get_origin(kind) in (Union, types.UnionType):
        return value_of(next(one for one in get_args(kind) if one is not type(None)), data)
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if inner[-1] is Ellipsis:
            return tuple(value_of(inner[0], one) for one in data)
        return tuple(value_of(one, item) for one, item in zip(inner, data, strict=True))
    return data
