"""Files on offer, from folders, browsers and ZIPs, with the class and split that their path says.

A file is read only when somebody calls its `read`. Nothing is ever unpacked to disk, and the
sizes that an archive states are never believed.

Source of the ways to be attacked: David Fifield (2019), "A better zip bomb", USENIX WOOT.
"""

import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tl_core.errors import ArchiveError, DatasetError, ImageFileError
from tl_core.images.files.decoding import MAX_FILE_BYTES

PICTURE_EXTENSIONS = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "tif", "tiff", "webp"),
    *("heic", "heif", "avif", "ppm", "pgm", "pbm", "pnm", "jp2"),
)
LABEL_FILES = {"labels.csv", "metadata.csv", "metadata.jsonl", "_annotations.coco.json"}
_SPLITS = dict.fromkeys(("train", "training"), "train")
_SPLITS |= dict.fromkeys(("val", "valid", "validation"), "validation")
_SPLITS |= dict.fromkeys(("test", "testing"), "test")
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_SYSTEM_FOLDERS = {"__macosx", "$recycle.bin", "system volume information", "@eadir"}
MAX_ZIP_FILES = 100_000
MAX_UNPACKED_BYTES = 50 * 2**30
HARMLESS_UNPACKED_BYTES = 512 * 2**20  # whatever unpacks to less than this is not called a bomb
MAX_UNPACKED_RATIO = 100  # unpacked : packed; pictures are compressed already and stay near 1
_ENCRYPTED = 0x1
_HEADER_BYTES = 30  # before an entry's name and its packed bytes
_ZIP64_BYTES = 76  # between the table of a large ZIP and its end


@dataclass(frozen=True)
class SourceFile:
    """A file on offer; `name` is its relative path as the person knows it."""

    name: str
    read: Callable[[], bytes]
    class_name: str | None = None
    split: str | None = None  # "train", "validation" or "test"
    group: str | None = None  # pictures that stay together
    place: str | None = None  # another place, where the model will be used


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and a plain reason.

    Of exactly the same file as a picture `copy_of` (digest), class and split are known as well.
    Of a file that may hold labels, `read` returns the bytes.
    """

    name: str
    reason: str
    copy_of: str | None = None
    class_name: str | None = None
    split: str | None = None
    read: Callable[[], bytes] | None = field(default=None, compare=False, repr=False)


def source_file(name: str, read: Callable[[], bytes]) -> SourceFile | Skipped:
    """Return the file with what its path says, or the reason to leave it out.

    The class is the parent folder; a level train, val or test directly above it is the split.
    """
    path = name.replace("\\", "/")
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or path[1:3] == ":/":
        return Skipped(name, "its path leads outside of the folder, so it was not read")
    reason = _reason_to_skip(parts)
    if reason is not None:
        return Skipped(name, reason, read=read if parts[-1].lower() in LABEL_FILES else None)
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
        return Skipped(name, _too_large())
    return found


def _too_large() -> str:
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


def zip_files(file: BinaryIO | Path) -> Iterator[SourceFile | Skipped]:
    """Offer the files of a ZIP of class folders, in the archive's order.

    Raises:
        ArchiveError: At once, if the whole is of no use: not a ZIP, empty, protected by a
            password, or so much packed into so little that it must be an attack.
    """
    name = Path(str(getattr(file, "name", None) or "archive.zip")).name
    if isinstance(file, Path) and not file.is_file():
        raise ArchiveError(f"There is no file '{file}'. Check the path.")
    try:
        count = _count_entries(file)
        if count > MAX_ZIP_FILES:
            raise ArchiveError(
                f"'{name}' holds {count:,} files; at most {MAX_ZIP_FILES:,} are read. "
                "Split it into several."
            )
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArchiveError(
            f"'{name}' is not a ZIP file, or it is damaged. Make or download it again."
        ) from error
    members = [one for one in archive.infolist() if not one.filename.endswith("/")]
    if not members:
        raise ArchiveError(
            f"'{name}' is empty. Put one folder per class, with its pictures, into the ZIP."
        )
    if all(member.flag_bits & _ENCRYPTED for member in members):
        raise ArchiveError(
            f"'{name}' is protected by a password. Unpack it and make a ZIP without one."
        )
    untrue = _of_untrue_size(archive)
    _check_ratio(name, [one for one in members if one.header_offset not in untrue])
    return (
        _zip_member(archive, member, number, untrue=member.header_offset in untrue)
        for number, member in enumerate(members, start=1)
    )


def _count_entries(file: BinaryIO | Path) -> int:
    """Count the entries of a ZIP's table without making an object of each, as `ZipFile` does."""
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        end = zipfile._EndRecData(opened)
        if end is None:
            return 0
        size, place = end[zipfile._ECD_SIZE], end[zipfile._ECD_LOCATION]
        opened.seek(max(0, place - size - _ZIP64_BYTES))
        return opened.read(size + _ZIP64_BYTES).count(b"PK\1\2")


def _of_untrue_size(archive: zipfile.ZipFile) -> set[int]:
    """Return where those entries start whose packed bytes reach into what comes after them."""
    entries = sorted(archive.infolist(), key=lambda one: one.header_offset)
    starts = [one.header_offset for one in entries[1:]] + [archive.start_dir]
    return {
        one.header_offset
        for one, following in zip(entries, starts, strict=True)
        if one.header_offset + _HEADER_BYTES + one.compress_size > following
    }


def _check_ratio(name: str, members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    bomb = unpacked > HARMLESS_UNPACKED_BYTES and unpacked > MAX_UNPACKED_RATIO * max(packed, 1)
    if bomb or unpacked > MAX_UNPACKED_BYTES:
        raise ArchiveError(
            f"'{name}' would unpack to {unpacked / 2**30:.1f} GB from {packed / 2**20:.1f} MB. "
            "It was not opened. Add the folder of pictures itself, or split it into several ZIPs."
        )


def _zip_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, number: int, *, untrue: bool
) -> SourceFile | Skipped:
    name = member.filename
    if not name:
        return Skipped(f"(entry {number} of the ZIP)", "it has no name; make the ZIP again")
    if untrue:
        return Skipped(name, "it overlaps another entry of the ZIP; make the ZIP again")
    if stat.S_ISLNK(member.external_attr >> 16):
        return Skipped(name, "a symbolic link in the ZIP; links are not followed")
    if member.flag_bits & _ENCRYPTED:
        return Skipped(name, "protected by a password; add it without one")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # `zipfile` unpacks some others in one go, a kilobyte perhaps to a gigabyte
        return Skipped(name, "packed in an unusual way; make the ZIP again, by the method Deflate")
    if member.file_size > MAX_FILE_BYTES:
        return Skipped(name, _too_large())
    return source_file(name, lambda: _read_member(archive, member))


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except Exception as error:  # damaged archives fail in zlib, lzma, struct, ... alike
        raise ImageFileError("it is damaged inside the ZIP; make the ZIP again.") from error
    if len(data) > MAX_FILE_BYTES:
        raise ImageFileError(f"{_too_large()}.")
    return data
