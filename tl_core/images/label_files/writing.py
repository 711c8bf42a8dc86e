"""A project's labels as files for other programs, alone or beside the pictures."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from tl_core.images.label_files.reading import DIGEST
from tl_core.images.labels.questions import Answers, answers_of
from tl_core.images.queries import image_path, list_images
from tl_core.images.records import ImageRecord
from tl_core.workspace.names import printable, without_formula
from tl_core.workspace.storage import Workspace

COLUMNS = ("file", "label", DIGEST)
METADATA = ("file_name", "label", DIGEST)  # the names that Hugging Face's imagefolder wants
EVERYTHING = 10**9


def labels_file(workspace: Workspace, project_id: str, format_name: str) -> bytes:
    """Return all labels of a project in one of `FORMATS`.

    Pictures without a class have an empty label, or none; a table has a column for each further
    question. The digest (SHA-256 of a picture's
    bytes) tells pictures of one name apart when the file is read again.
    """
    records = list_images(workspace, project_id, limit=EVERYTHING)
    if FORMATS[format_name] is _table:
        return _table(records, answers_of(workspace, project_id, excluded=None)).encode("utf-8")
    return FORMATS[format_name](records).encode("utf-8")


def write_class_folders(workspace: Workspace, project_id: str, path: Path) -> None:
    """Write a ZIP of the pictures in class folders, with `metadata.csv` for Hugging Face.

    The originals are copied byte by byte.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        names: dict[str, int] = {}
        lines = []
        for record in list_images(workspace, project_id, limit=EVERYTHING):
            name = _free((_folder(record) / _short(record)).as_posix(), names)
            source = image_path(workspace, project_id, record)
            if not source.is_file():
                continue  # the page tells of it; the others are not to be lost
            archive.write(source, name)
            lines.append((name, record.class_name or "", record.digest))
        archive.writestr("metadata.csv", _csv(METADATA, iter(lines)))


def size_of_pictures(workspace: Workspace, project_id: str) -> int:
    """Return the bytes of all originals."""
    paths = (
        image_path(workspace, project_id, record)
        for record in list_images(workspace, project_id, limit=EVERYTHING)
    )
    return sum(path.stat().st_size for path in paths if path.is_file())


def _table(records: list[ImageRecord], answers: Answers) -> str:
    return _csv(
        (*COLUMNS, *answers),
        (
            (r.name, r.class_name or "", r.digest, *(a.get(r.digest, "") for a in answers.values()))
            for r in records
        ),
    )


def _metadata(records: list[ImageRecord]) -> str:
    return _csv(METADATA, ((r.name, r.class_name or "", r.digest) for r in records))


def _csv(head: Iterable[str], lines: Iterator[tuple[str, ...]]) -> str:
    """Return a table; what a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([without_formula(cell) for cell in head])
    table.writerows([without_formula(cell) for cell in line] for line in lines)
    return text.getvalue()


def _coco(records: list[ImageRecord]) -> str:
    names = sorted({r.class_name for r in records if r.class_name})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    labelled = [r for r in records if r.class_name]
    return _json(
        {
            "images": [
                {"id": r.id, "file_name": r.name, "width": r.width, "height": r.height}
                | {DIGEST: r.digest}
                for r in records
            ],
            "annotations": [
                {"id": number, "image_id": r.id, "category_id": numbers[r.class_name]}
                for number, r in enumerate(labelled, start=1)
            ],
            "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        }
    )


def _label_studio(records: list[ImageRecord]) -> str:
    def task(record: ImageRecord) -> dict:
        choice = {"from_name": "class", "to_name": "image", "type": "choices"}
        choice["value"] = {"choices": [record.class_name]}
        result = [choice] if record.class_name else []
        data = {"image": record.name, DIGEST: record.digest}
        return {"id": record.id, "data": data, "annotations": [{"result": result}]}

    return _json([task(record) for record in records])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _folder(record: ImageRecord) -> PurePosixPath:
    """Return a folder's name that every system takes; without a class, the ZIP itself."""
    if record.class_name is None:
        return PurePosixPath()
    name = printable(record.class_name).strip(". ")
    return PurePosixPath("".join("_" if c in '<>:"/\\|?*' else c for c in name) or "_")


def _short(record: ImageRecord) -> str:
    name = PurePosixPath(record.name.replace("\\", "/"))
    known = name.suffix[1:].casefold() in (record.extension, "jpeg", "tif", "heif")
    return name.name if known else f"{name.name}.{record.extension}"


def _free(name: str, taken: dict[str, int]) -> str:
    """Return the name, with a number if another picture has it."""
    key = name.casefold()
    taken[key] = taken.get(key, 0) + 1
    if taken[key] == 1:
        return name
    path = PurePosixPath(name)
    other = path.with_name(f"{path.stem} ({taken[key]}){path.suffix}")
    return _free(other.as_posix(), taken)


FORMATS: dict[str, Callable[..., str]] = {
    "table": _table,
    "metadata": _metadata,
    "coco": _coco,
    "label_studio": _label_studio,
}
"""By name: a plain table, Hugging Face's metadata.csv, COCO, Label Studio."""
