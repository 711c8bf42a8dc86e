"""What a picture's file may hold, checked before anything is decoded.

A few kilobytes can ask for gigabytes or for minutes: by millions of empty markers, thousands of
scans over the same pixels, or strips of a pixel each.
"""

import re
import struct
from collections.abc import Iterator
from itertools import islice

from tl_core.errors import ImageFileError

# What cameras and programs write stays below a tenth of these.
MAX_SEGMENTS = 10_000  # of a JPEG before its first scan, padding bytes counted
MAX_SCANS = 100  # of a JPEG
MAX_CHUNKS = 50_000  # of a PNG; 256 MB in chunks of 8 kB are 32,768
MAX_VALUES = 200_000  # of one tag of a TIFF, such as where its strips are

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_SCAN, _END = 0xDA, 0xD9
_ALONE = {0x00, 0x01, 0xFF, *range(0xD0, 0xD9)}  # bytes behind 0xFF that no length follows
_NEXT_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_TIFF_BYTES = (1, 2, 6, 7)  # types of values that stay one block of bytes


def check_container(data: bytes) -> None:
    """Raises: ImageFileError: If the file holds more parts than any picture needs."""
    if data[:3] == _JPEG:
        _check_jpeg(data)
    elif data[:8] == _PNG:
        _check("chunks", sum(1 for _ in islice(_png_chunks(data), MAX_CHUNKS + 1)), MAX_CHUNKS)
    elif data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        _check("values in one tag", max(_tiff_counts(data), default=0), MAX_VALUES)


def _check(parts: str, found: int, most: int) -> None:
    if found > most:
        raise ImageFileError(
            f"the file holds more than {most:,} {parts}, as no ordinary picture does; save it anew."
        )


def _check_jpeg(data: bytes) -> None:
    place, steps = 2, 0
    while place < len(data) - 3:
        steps += 1
        _check("segments", steps, MAX_SEGMENTS)
        kind = data[place + 1]
        if data[place] != 0xFF:
            place += 1
        elif kind == _SCAN:
            break
        else:
            place += 1 if kind == 0xFF else 2 if kind in _ALONE else 2 + _length(data, place + 2)
    if data.count(b"\xff\xda", place) > MAX_SCANS:  # the bytes may also stand behind the picture
        scans = sum(kind == _SCAN for kind in islice(_markers(data, place), MAX_SEGMENTS))
        _check("scans", scans, MAX_SCANS)


def _markers(data: bytes, place: int) -> Iterator[int]:
    """Yield the markers from the first scan to the picture's end."""
    while found := _NEXT_MARKER.search(data, place):
        kind = data[found.end() - 1]
        yield kind
        if kind == _END:
            return
        place = found.end() + _length(data, found.end())


def _length(data: bytes, place: int) -> int:
    return max(2, int.from_bytes(data[place : place + 2], "big"))


def _png_chunks(data: bytes) -> Iterator[int]:
    place = 8
    while place < len(data) - 8:
        yield place
        place += 12 + int.from_bytes(data[place : place + 4], "big")


def _tiff_counts(data: bytes) -> Iterator[int]:
    """Yield how many values each tag of the first picture has; damaged ones are left to Pillow."""
    order = "<" if data[:2] == b"II" else ">"
    large = data[2:4] in (b"+\0", b"\0+")
    offset, entries, entry = ("Q", "Q", "HHQ8x") if large else ("I", "H", "HHI4x")
    try:
        (place,) = struct.unpack_from(order + offset, data, 8 if large else 4)
        (number,) = struct.unpack_from(order + entries, data, place)
        place += struct.calcsize(order + entries)
        size = struct.calcsize(order + entry)
        for at in range(place, place + min(number, MAX_VALUES) * size, size):
            _tag, kind, count = struct.unpack_from(order + entry, data, at)
            if kind not in _TIFF_BYTES:
                yield count
    except (struct.error, OverflowError):
        return
