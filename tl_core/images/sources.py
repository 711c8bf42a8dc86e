"""Files with the class and the part (train, validation, test) that their path says.

Reads no picture: a `SourceFile` is opened only when somebody calls its `read`.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tl_core.errors import DatasetError
from tl_core.images.decoding import MAX_FILE_BYTES

PICTURE_EXTENSIONS = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "tif", "tiff", "webp"),
    *("heic", "heif", "avif", "ppm", "pgm", "pbm", "pnm", "jp2"),
)
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_SYSTEM_FOLDERS = {"__macosx", "$recycle.bin", "system volume information", "@eadir"}


@dataclass(frozen=True)
class SourceFile:
    """A file on offer; `name` is its relative path as the person knows it."""

    name: str
    read: Callable[[], bytes]
    class_name: str | None = None
    split: str | None = None  # "train", "validation" or "test"


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and a plain reason."""

    name: str
    reason: str


def source_file(name: str, read: Callable[[], bytes]) -> SourceFile | Skipped:
    """Return the file with what its path says, or the reason to leave it out.

    The class is the parent folder; a level train, val or test directly above it is the split.
    """
    path = name.replace("\\", "/")
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or path[1:3] == ":/":
        return Skipped(name, "its path leads outside of the folder; it was not touched")
    reason = _reason_to_skip(parts)
    if reason is not None:
        return Skipped(name, reason)
    folders = parts[:-1]
    return SourceFile(
        name=name,
        read=read,
        class_name=folders[-1] if folders else None,
        split=_SPLITS.get(folders[-2].lower()) if len(folders) > 1 else None,
    )


def uploaded_files(
    files: Iterable[tuple[str, bytes]], *, class_name: str | None = None
) -> Iterator[SourceFile | Skipped]:
    """Offer files from a browser; with `class_name` they all belong to that class."""
    for name, data in files:
        found = source_file(name, lambda data=data: data)
        if class_name is not None and isinstance(found, SourceFile):
            found = SourceFile(found.name, found.read, class_name, found.split)
        yield found


def folder_files(root: Path) -> Iterator[SourceFile | Skipped]:
    """Offer every file below `root`, in a fixed order.

    Raises:
        DatasetError: If `root` is not a folder that can be read.
    """
    root = Path(root).expanduser()
    try:
        if not root.is_dir():
            raise DatasetError(f"'{root}' is not a folder on this machine. Check the path.")
        os.listdir(root)
    except OSError as error:
        raise DatasetError(
            f"The folder '{root}' cannot be read ({error.strerror}). Check its permissions."
        ) from error
    return _walk(root, root)


def _walk(folder: Path, root: Path) -> Iterator[SourceFile | Skipped]:
    relative = folder.relative_to(root).as_posix()
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Skipped(relative, f"the folder cannot be read ({error.strerror})")
        return
    for entry in entries:
        path = Path(entry.path)
        name = path.relative_to(root).as_posix()
        if not entry.is_dir():
            yield _file(path, name)
        elif entry.is_symlink() or getattr(path, "is_junction", bool)():
            yield Skipped(name, "a link to another folder; such links are not followed")
        elif _is_system(entry.name):
            yield Skipped(name, "system folder")
        else:
            yield from _walk(path, root)


def _file(path: Path, name: str) -> SourceFile | Skipped:
    found = source_file(name, lambda: path.read_bytes())
    if isinstance(found, Skipped):
        return found
    try:
        facts = path.stat()
    except OSError as error:
        return Skipped(name, f"the file cannot be read ({error.strerror})")
    if not stat.S_ISREG(facts.st_mode):  # reading a pipe or a device could wait for ever
        return Skipped(name, "not an ordinary file")
    if facts.st_size > MAX_FILE_BYTES:
        return Skipped(name, too_large())
    return found


def too_large() -> str:
    return f"the file is larger than {MAX_FILE_BYTES >> 20} MB; save it smaller"


def _is_system(part: str) -> bool:
    lower = part.lower()
    return part.startswith(".") or lower in _SYSTEM_FILES or lower in _SYSTEM_FOLDERS


def _reason_to_skip(parts: tuple[str, ...]) -> str | None:
    if any(_is_system(part) for part in parts):
        return "system file"
    suffix = PurePosixPath(parts[-1]).suffix.lower()
    if suffix == ".zip":
        return "a ZIP file inside; unpack it first, or add it by itself"
    if suffix and suffix[1:] not in PICTURE_EXTENSIONS and _looks_like_suffix(suffix):
        return f"not a picture (a {suffix} file)"
    return None


def _looks_like_suffix(suffix: str) -> bool:
    """ "photo.no 7" has no suffix; such files are judged by their content."""
    return suffix[1:].isalnum() and len(suffix) <= 6
