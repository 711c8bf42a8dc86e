"""ZIP files from strangers: nothing is ever unpacked to disk, sizes are never believed.

Source of the ways to be attacked: David Fifield (2019), "A better zip bomb", USENIX WOOT.
"""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tl_core.errors import ArchiveError, ImageFileError
from tl_core.images.decoding import MAX_FILE_BYTES
from tl_core.images.sources import Skipped, SourceFile, source_file, too_large

MAX_FILES = 100_000
MAX_TOTAL_BYTES = 50 * 2**30
HARMLESS_BYTES = 512 * 2**20  # whatever unpacks to less than this is not called a bomb
MAX_RATIO = 100  # unpacked : packed; pictures are compressed already and stay near 1
_ENCRYPTED = 0x1


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
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArchiveError(
            f"'{name}' is not a ZIP file, or it is damaged. Make or download it again."
        ) from error
    members = [member for member in archive.infolist() if not member.is_dir()]
    _check(name, members)
    return (_member(archive, member) for member in members)


def _check(name: str, members: list[zipfile.ZipInfo]) -> None:
    if not members:
        raise ArchiveError(
            f"'{name}' is empty. Put one folder per class, with its pictures, into the ZIP."
        )
    if all(member.flag_bits & _ENCRYPTED for member in members):
        raise ArchiveError(
            f"'{name}' is protected by a password. Unpack it and make a ZIP without one."
        )
    if len(members) > MAX_FILES:
        raise ArchiveError(
            f"'{name}' holds {len(members):,} files; at most {MAX_FILES:,} are read. "
            "Split it into several."
        )
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    bomb = unpacked > HARMLESS_BYTES and unpacked > MAX_RATIO * max(packed, 1)
    if bomb or unpacked > MAX_TOTAL_BYTES:
        raise ArchiveError(
            f"'{name}' would unpack to {unpacked / 2**30:.1f} GB from {packed / 2**20:.1f} MB. "
            "It was not opened. Add the folder of pictures itself, or split it into several ZIPs."
        )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> SourceFile | Skipped:
    name = member.filename
    if stat.S_ISLNK(member.external_attr >> 16):
        return Skipped(name, "a symbolic link in the ZIP; links are not followed")
    if member.flag_bits & _ENCRYPTED:
        return Skipped(name, "protected by a password; add it without one")
    if member.file_size > MAX_FILE_BYTES:
        return Skipped(name, too_large())
    return source_file(name, lambda: _read(archive, member))


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except Exception as error:  # damaged archives fail in zlib, lzma, struct, ... alike
        raise ImageFileError("it is damaged inside the ZIP; make the ZIP again.") from error
    if len(data) > MAX_FILE_BYTES:
        raise ImageFileError(f"{too_large()}.")
    return data
