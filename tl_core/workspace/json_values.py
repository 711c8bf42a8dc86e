"""JSON files, and their data back as the frozen dataclasses that it was written from."""

import json
import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from tl_core.workspace.storage import write_atomic

UNREADABLE = (ValueError, KeyError, TypeError)  # what data of another shape raises
_hints = cache(get_type_hints)


def write_json(path: Path, value: Any) -> None:
    """Store a dataclass or JSON-able data, replacing what was there at once.

    Raises:
        StorageFull: If the disk is full.
    """
    data = asdict(value) if is_dataclass(value) else value
    write_atomic(path, json.dumps(data, indent=1).encode())


def read_json(path: Path, kind: Any = Any) -> Any:
    """Return what a file holds as `kind` (see `value_of`), None if it is not there or damaged."""
    try:
        return value_of(kind, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, *UNREADABLE):
        return None


def is_damaged(path: Path, kind: Any = Any) -> bool:
    """Whether a file is there that `read_json` cannot read."""
    return path.exists() and read_json(path, kind) is None


def value_of(kind: Any, data: Any) -> Any:
    """Return JSON data as the type that `kind` names: dataclasses, tuples and plain values.

    What a newer version has added to a dataclass is left out.

    Raises:
        ValueError, KeyError, TypeError: If the data does not fit, see `UNREADABLE`.
    """
    if kind is Any:
        return data
    if get_origin(kind) in (Union, types.UnionType):
        return _first_fit(get_args(kind), data)
    if is_dataclass(kind):
        hints = _hints(kind)
        given = _checked(data, Mapping)
        known = [field.name for field in fields(kind) if field.name in given]
        return kind(**{name: value_of(hints[name], given[name]) for name in known})
    if get_origin(kind) is tuple:
        inner, items = get_args(kind), _checked(data, list | tuple)
        if inner[-1] is Ellipsis:
            return tuple(value_of(inner[0], one) for one in items)
        return tuple(value_of(one, item) for one, item in zip(inner, items, strict=True))
    if kind in (int, float) and isinstance(data, bool):
        raise TypeError(f"a number expected, got {data!r}")
    return _checked(data, int | float if kind is float else get_origin(kind) or kind)


def _first_fit(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            return value_of(kind, data)
        except UNREADABLE:
            continue
    raise TypeError(f"one of {kinds} expected, got {data!r}")


def _checked(data: Any, kind: Any) -> Any:
    if not isinstance(data, kind):
        raise TypeError(f"{kind} expected, got {data!r}")
    return data
