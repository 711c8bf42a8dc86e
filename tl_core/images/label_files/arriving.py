"""Pictures that come with a label file beside them, as Hugging Face's imagefolder does."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from tl_core.errors import TLCoreError
from tl_core.images.files.sources import Skipped, SourceFile
from tl_core.images.label_files.reading import read_labels


def with_labels(files: Iterable[SourceFile | Skipped]) -> list[SourceFile | Skipped]:
    """Return the files with the classes that label files among them give.

    The names in a label file count from its own folder. What it says goes before what folders say;
    the file itself stays in the list, with what became of it as its reason.
    """
    files = list(files)
    classes: dict[str, str] = {}
    said: dict[str, str] = {}
    names = {_path(file.name) for file in files if isinstance(file, SourceFile)}
    for file in files:
        if isinstance(file, Skipped) and file.read is not None:
            try:
                found = _classes(file, names)
            except (TLCoreError, OSError) as error:
                said[file.name] = str(error).rstrip(".")
                continue
            classes |= found
            said[file.name] = f"read as labels; {len(found):,} pictures have their class from it"
            if not found:
                said[file.name] += ". Read it again with “Labels from a file”"
    return [
        replace(file, class_name=classes.get(_path(file.name), file.class_name))
        if isinstance(file, SourceFile)
        else replace(file, reason=said.get(file.name, file.reason))
        for file in files
    ]


def _classes(file: Skipped, names: set[str]) -> dict[str, str]:
    """Return the class of each picture that the file names; of two labels, neither."""
    folder = PurePosixPath(_path(file.name)).parent
    given: dict[str, set[str]] = {}
    for line in read_labels(file.name, file.read()).lines:
        path = (folder / _path(line.name)).as_posix()
        if line.label and path in names:
            given.setdefault(path, set()).add(line.label)
    return {path: labels.pop() for path, labels in given.items() if len(labels) == 1}


def _path(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()
