"""Whatever Pillow decodes to 8-bit RGB, a few rows at a time, so that memory stays small."""

from collections.abc import Callable, Iterator

from PIL import Image

_TWELVE_BITS = 4095
_PIXELS_AT_ONCE = 4_000_000


def to_rgb(image: Image.Image) -> Image.Image:
    """Return the first frame as RGB, transparency laid on white."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _by_rows(image, _on_white)
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBa", "La"):  # premultiplied
        image = image.convert(image.mode.upper())
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _rows(image: Image.Image) -> Iterator[Image.Image]:
    """Yield the picture in stripes from side to side, from the top."""
    width, height = image.size
    each = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, each):
        yield image.crop((0, top, width, min(height, top + each)))


def _by_rows(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert to RGB a few rows at a time."""
    whole, top = Image.new("RGB", image.size), 0
    for rows in _rows(image):
        whole.paste(convert(rows), (0, top))
        top += rows.height
    return whole


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey values of 12, 16 or 32 bits or of fractions to 8 bits, as RGB.

    The range is the container's (or that of 12-bit cameras when all values fit in it), so
    that pictures of one series keep their brightness relative to each other. Only values
    outside any usual range are stretched from their own minimum to their own maximum.
    """
    import numpy as np  # few pictures need it, and a decoding process is there sooner without

    def values(rows: Image.Image) -> np.ndarray:
        return np.nan_to_num(np.asarray(rows, np.float64), nan=0.0, posinf=0.0, neginf=0.0)

    def scaled(rows: Image.Image) -> Image.Image:
        grey = np.round((values(rows) - low) * (255.0 / max(high - low, 1e-12)))
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")

    lowest, highest, whole = np.inf, -np.inf, True
    for some in map(values, _rows(image)):
        lowest, highest = min(lowest, some.min()), max(highest, some.max())
        whole = whole and np.array_equal(some, np.round(some))
    if lowest >= 0 and highest <= 1 and not whole:
        low, high = 0.0, 1.0
    elif lowest >= 0 and highest <= 65535:
        low, high = 0.0, _TWELVE_BITS if highest <= _TWELVE_BITS else 65535
    else:
        low, high = lowest, highest
    return _by_rows(image, scaled)
