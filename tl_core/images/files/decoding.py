"""Decode bytes from strangers into upright 8-bit RGB pictures, or say why not."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from tl_core.errors import ImageFileError
from tl_core.images.files.containers import check_container
from tl_core.images.files.rgb import to_rgb

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_PIXELS = 50_000_000  # 150 MB as RGB; phones and cameras stay below
MAX_DECODED_BYTES = 500_000_000  # while it is decoded
MAX_FILE_BYTES = 256 * 2**20
THUMBNAIL_SIDE = 160  # pixels
NO_MEMORY = "not enough memory to decode it; save it smaller."

# An allow-list: other decoders of Pillow start programs (EPS) or are rarely exercised.
_EXTENSIONS = {
    "JPEG": "jpg",
    "MPO": "jpg",  # what some phones write: a JPEG with further pictures behind it
    "PNG": "png",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "WEBP": "webp",
    "AVIF": "avif",
    "PPM": "ppm",
    "JPEG2000": "jp2",
    "HEIF": "heic",
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_WIDTHS = {"I;1": 2, "I": 4, "F": 4}  # bytes of a grey pixel, by the mode's first letters
_ORIENTATION = 0x0112  # EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class PictureFacts:
    """What a file turned out to be; sizes in pixels and upright, `digest` SHA-256 in hex."""

    extension: str
    width: int
    height: int
    digest: str


def read_picture(data: bytes | Path, *, shortest: int | None = None) -> Image.Image:
    """Decode a picture: upright, RGB, first frame, transparency on white.

    Args:
        data: The file's bytes or its path.
        shortest: Pixels that the shorter side will be resized to. A JPEG may then be decoded
            at a half, a quarter or an eighth of its size, but only where that leaves both
            sides at least twice as long.

    Raises:
        ImageFileError: With the reason, if this is not a picture that can be read.
    """
    return _decode(_load(data), shortest)[0]


def examine(data: bytes, *, digest: str | None = None) -> tuple[PictureFacts, bytes]:
    """Return what the picture is and its thumbnail, from one decoding.

    `digest` saves computing it again where it is known.

    Raises:
        ImageFileError: With the reason, if this is not a picture that can be read.
    """
    picture, extension, (width, height) = _decode(_load(data), THUMBNAIL_SIDE)
    digest = digest or hashlib.sha256(data).hexdigest()
    return PictureFacts(extension, width, height, digest), thumbnail_bytes(picture)


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    ahead: int = 2,
    patience: float | None = None,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Result | None]:
    """Yield ``work(item)`` in order, by threads that are at most `ahead` items each ahead.

    None is yielded whenever the next result takes longer than `patience` seconds. When nobody
    asks any more, `stop` is called to end what is being worked on.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()

        def first() -> Iterator[Result | None]:
            while not wait([waiting[0]], patience).done:
                yield None
            yield waiting.popleft().result()

        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= threads * ahead:
                    yield from first()
            while waiting:
                yield from first()
        finally:  # whoever stopped asking does not wait for what was read ahead
            for future in waiting:
                future.cancel()
            stop()


def thumbnail_bytes(image: Image.Image, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return `image` as WebP, its longer side at most `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = BytesIO()
    small.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()


def _load(data: bytes | Path) -> bytes:
    if not isinstance(data, Path):
        return data
    try:
        return data.read_bytes()
    except OSError as error:
        raise ImageFileError(
            f"The picture's file cannot be read ({error.strerror}). Add the picture again."
        ) from error


def _decode(data: bytes, shortest: int | None) -> tuple[Image.Image, str, tuple[int, int]]:
    """Return the picture, its file extension and its full upright size."""
    _check_bytes(data)
    check_container(data)
    try:
        with Image.open(BytesIO(data), formats=_formats(data)) as opened:
            size = opened.size
            _check_size(opened)
            if shortest is not None and opened.format in ("JPEG", "MPO"):
                opened.draft("RGB", (2 * shortest, 2 * shortest))
            picture = to_rgb(opened)
            turn = _turn(opened)  # only now: Pillow turns TIFF itself, while loading
            size = size if opened.format in ("JPEG", "MPO") else picture.size
            extension = _EXTENSIONS[opened.format or ""]
    except ImageFileError:
        raise
    except UnidentifiedImageError as error:
        raise ImageFileError("this is not a picture, or not in a supported format.") from error
    except Image.DecompressionBombError as error:
        raise ImageFileError(_too_large()) from error
    except MemoryError as error:
        raise ImageFileError(NO_MEMORY) from error
    except Exception as error:  # decoders fail on damaged bytes with whatever they stumble over
        raise ImageFileError(_damaged(error)) from error
    if turn is not None:
        picture = picture.transpose(turn)
        if turn not in (_UPRIGHT[2], _UPRIGHT[3], _UPRIGHT[4]):
            size = (size[1], size[0])
    return picture, extension, size


def _check_bytes(data: bytes) -> None:
    if len(data) == 0:
        raise ImageFileError("the file is empty (0 bytes); copy or download it again.")
    if len(data) > MAX_FILE_BYTES:
        raise ImageFileError(f"the file is larger than {MAX_FILE_BYTES >> 20} MB; save it smaller.")


def _check_size(opened: Image.Image) -> None:
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise ImageFileError(f"{width} x {height} pixels: {_too_large()}")
    channels = len(opened.getbands())
    each = 4 if channels > 1 else _WIDTHS.get(opened.mode[:3], 1)
    if opened.format == "JPEG2000":
        each += 4 * channels  # its decoder works in 32 bits
    if width * height * each > MAX_DECODED_BYTES:
        raise ImageFileError(
            f"{width} x {height} pixels of {channels} channels take "
            f"{width * height * each / 1e6:.0f} MB to decode; save it smaller."
        )


def _too_large() -> str:
    return f"the limit is {MAX_PIXELS // 10**6} million pixels; save it smaller."


def _damaged(error: Exception) -> str:
    text = str(error).lower()
    if "truncated" in text or isinstance(error, EOFError):
        return "the file is cut off in the middle (truncated); copy or download it again."
    return "the file is damaged and cannot be decoded; copy or download it again."


def _formats(data: bytes) -> tuple[str, ...]:
    Image.init()  # registers all formats, once
    formats = tuple(name for name in _EXTENSIONS if name in Image.OPEN and name != "HEIF")
    if bytes(data[4:8]) != b"ftyp" or bytes(data[8:12]) not in _HEIF_BRANDS:
        return formats
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageFileError(
            "HEIC pictures are not supported here. Save them as JPEG (on an iPhone: Settings, "
            'Camera, Formats, "Most Compatible"), or install the Python package pillow-heif.'
        ) from error
    pillow_heif.register_heif_opener()
    return (*formats, "HEIF")


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block is no reason to refuse the picture
        return None
