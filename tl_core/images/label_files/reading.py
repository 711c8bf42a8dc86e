"""Label files of other programs into names and labels.

Formats: tables (CSV with any usual delimiter and encoding), `metadata.csv` and `metadata.jsonl` of
Hugging Face's imagefolder, COCO's JSON with one category per picture, Label Studio's JSON and
JSON-MIN of a choice per picture.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from tl_core.errors import DatasetError
from tl_core.workspace.names import with_formula

EXTENSIONS = ("csv", "tsv", "txt", "json", "jsonl")
FILE_COLUMNS = ("file", "file_name", "filename", "image", "image_path", "path", "picture", "name")
LABEL_COLUMNS = ("label", "class", "class_name", "category", "target", "labels", "choice")
DIGEST = "digest"  # SHA-256 of the picture's bytes; only files that the app wrote have it
MOST_LINES = 2_000_000
MOST_BYTES = 500 * 2**20
DELIMITERS = ",;\t|"
SAMPLE = 65_536  # characters that tell the delimiter
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # which Label Studio puts before a file's name


@dataclass(frozen=True)
class Line:
    """What a file says of one picture; no label means that it has none yet.

    `answers` are what its further columns hold, by column; blanks are left out.
    """

    name: str
    label: str | None
    digest: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelFile:
    """A label file's lines, and of which format it is: "table", "coco" or "label_studio"."""

    name: str
    format: str
    lines: tuple[Line, ...]


def read_labels(name: str, data: bytes) -> LabelFile:
    """Read a label file of any known format.

    Args:
        name: Of the file, for messages.
        data: Its bytes.

    Raises:
        DatasetError: If it is none of the formats, empty, or too large.
    """
    if len(data) > MOST_BYTES:
        raise DatasetError(f"'{name}' is larger than {MOST_BYTES >> 20} MB. Split it.")
    text = text_of(data)
    try:
        if text.lstrip().startswith(("{", "[")):
            kind, lines = _json_lines(name, text)
        else:
            kind, lines = "table", _table_lines(name, text)
        found = tuple(line for line in lines if line.name or line.digest)
    except (KeyError, TypeError, AttributeError, IndexError, StopIteration) as error:
        raise _unknown(name) from error
    if not found:
        raise DatasetError(f"'{name}' names no pictures.")
    return LabelFile(name, kind, found)


def text_of(data: bytes) -> str:
    """Return a text file's characters: Unicode in its usual forms, else Western European."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read_table(name: str, text: str) -> tuple[list[str], list[list[str]]]:
    """Return a table's first line and the others, cells stripped; the delimiter is found out.

    Raises:
        DatasetError: If it is no table, or too long.
    """
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        rows = []
        for row in csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
            if len(rows) > MOST_LINES:
                raise DatasetError(f"'{name}' has more than {MOST_LINES:,} lines. Split it.")
    except csv.Error as error:
        raise DatasetError(f"'{name}' cannot be read as a table ({error}).") from error
    if not rows:
        raise DatasetError(f"'{name}' is empty.")
    return rows[0], rows[1:]


def _table_lines(name: str, text: str) -> Iterator[Line]:
    head, rows = read_table(name, text)
    columns = [cell.casefold() for cell in head]
    file, label = _column(columns, FILE_COLUMNS), _column(columns, LABEL_COLUMNS)
    if file is None and label is None and len(head) == 2:  # no line of names
        file, label, rows = 0, 1, [head, *rows]
    digest = _column(columns, (DIGEST,))
    further = [i for i, cell in enumerate(head) if cell and i not in (file, label, digest)]
    if file is None or (label is None and not further):
        raise DatasetError(
            f"'{name}' needs a column 'file', and a column 'label' or one for each question. Its "
            f"columns are: {', '.join(head)[:200]}."
        )

    def cell(row: list[str], column: int | None) -> str:
        return with_formula(row[column]) if column is not None and column < len(row) else ""

    def line(row: list[str]) -> Line:
        answers = {with_formula(head[i]): cell(row, i) for i in further if cell(row, i)}
        return Line(cell(row, file), cell(row, label) or None, cell(row, digest) or None, answers)

    return map(line, rows)


def _column(columns: list[str], names: Iterable[str]) -> int | None:
    return next((columns.index(name) for name in names if name in columns), None)


def _json_lines(name: str, text: str) -> tuple[str, Iterable[Line]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _objects(name, text)
    if isinstance(found, dict) and "images" in found:
        return "coco", _coco(found)
    if isinstance(found, dict):
        found = [found]
    tasks = any("data" in one or "annotations" in one for one in found[:1])
    if tasks or any("choice" in one for one in found):
        return "label_studio", [_task(one) for one in found]
    return "table", [_plain(one) for one in found]


def _objects(name: str, text: str) -> list[Any]:
    """Return one JSON object per line."""
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"'{name}' is damaged: it is no JSON. Export it again.") from error


def _plain(one: dict) -> Line:
    keys = {key.casefold(): key for key in one}
    file = next(keys[key] for key in FILE_COLUMNS if key in keys)
    label = next((keys[key] for key in LABEL_COLUMNS if key in keys), None)
    known = (file, label, DIGEST)
    further = {key: _label(value) for key, value in one.items() if key not in known}
    answers = {key: answer for key, answer in further.items() if answer}
    return Line(str(one[file]), _label(one.get(label) if label else None), one.get(DIGEST), answers)


def _coco(found: dict) -> Iterator[Line]:
    names = {one["id"]: str(one["name"]) for one in found.get("categories", [])}
    labels: dict[Any, list[str]] = {}
    for one in found.get("annotations", []):
        labels.setdefault(one["image_id"], []).append(names[one["category_id"]])
    for one in found["images"]:
        for label in dict.fromkeys(labels.get(one["id"], [])) or [None]:
            yield Line(str(one["file_name"]), label, one.get(DIGEST))


def _task(task: dict) -> Line:
    data = task.get("data", task)
    path = str(data.get("image") or next(v for k, v in data.items() if "image" in k.casefold()))
    name = unquote(path.rpartition("?d=")[2] if "?d=" in path else path.split("?")[0])
    short = PurePosixPath(name).name
    if "/upload/" in name or UPLOADED.match(short):
        name = UPLOADED.sub("", short)
    if "data" not in task:
        return Line(name, _label(task.get("choice")), data.get(DIGEST))
    kept = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
    choices = [
        choice
        for one in (kept[-1].get("result") or [] if kept else [])
        if one.get("type") == "choices"
        for choice in one["value"]["choices"]
    ]
    return Line(name, _label(choices), data.get(DIGEST))


def _label(value: object) -> str | None:
    """Return the one label; several cannot be one class."""
    values = value if isinstance(value, list) else [value]
    values = [str(one) for one in values if one not in (None, "")]
    return " + ".join(values) or None


def _unknown(name: str) -> DatasetError:
    return DatasetError(
        f"'{name}' is none of the label files that can be read: a table with the columns 'file' "
        "and 'label', COCO's JSON, Label Studio's JSON, or metadata.csv of Hugging Face."
    )
