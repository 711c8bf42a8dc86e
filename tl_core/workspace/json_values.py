"""JSON data back into the frozen dataclasses that it was written from."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints


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
