"""JSON back as values: what does not fit counts as damaged, what is new is left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tl_core.workspace.json_values import UNREADABLE, is_damaged, read_json, value_of, write_json


@dataclass(frozen=True)
class Point:
    x: float
    name: str | None = None


@dataclass(frozen=True)
class Line:
    points: tuple[Point, ...]
    range: tuple[int, float] = (0, 1.0)
    facts: Mapping[str, bool | int] = field(default_factory=dict)


LINE = Line((Point(1.0, "a"), Point(2)), (3, 0.5), {"closed": True})


def test_a_value_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "line.json", LINE)
    assert read_json(tmp_path / "line.json", Line) == LINE


def test_what_a_newer_version_has_added_is_left_out() -> None:
    assert value_of(Point, {"x": 1, "colour": "red"}) == Point(1)


@pytest.mark.parametrize(
    "data",
    [
        *({"x": "1"}, {"x": True}, {"x": None}, {"x": 1, "name": 2}, {}, [], "x", None),
        *({"points": [{"x": 1}, {}]}, {"points": {"x": 1}}, {"points": [], "range": [1.5, 1]}),
        *({"points": [], "range": [1]}, {"points": [], "facts": []}),
    ],
)
def test_what_does_not_fit_is_refused(data: object) -> None:
    with pytest.raises(UNREADABLE):
        value_of(Line if isinstance(data, dict) and "points" in data else Point, data)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"[]", b'{"x": "far"}'])
def test_a_damaged_file_is_told_from_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "point.json"
    assert read_json(path, Point) is None and not is_damaged(path, Point)
    path.write_bytes(content)
    assert read_json(path, Point) is None and is_damaged(path, Point)
