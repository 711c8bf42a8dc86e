"""Any of Pillow's colour modes to 8-bit RGB, with nothing clipped and nothing black."""

import numpy as np
from PIL import Image

_TWELVE_BITS = 4095


def to_rgb(image: Image.Image) -> Image.Image:
    """Return the first frame as RGB, transparency laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBa", "La"):  # premultiplied
        image = image.convert(image.mode.upper())
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    image.load()
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale grey values of 12, 16 or 32 bits or of fractions to uint8.

    The range is the container's (or that of 12-bit cameras when all values fit in it), so
    that pictures of one series keep their brightness relative to each other. Only values
    outside any usual range are stretched from their own minimum to their own maximum.
    """
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    lowest, highest = values.min(), values.max()
    fraction = highest <= 1 and not np.array_equal(values, np.round(values))
    if lowest >= 0 and fraction:
        low, high = 0.0, 1.0
    elif lowest >= 0 and highest <= 65535:
        low, high = 0.0, _TWELVE_BITS if highest <= _TWELVE_BITS else 65535
    else:
        low, high = lowest, highest
    return np.round((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)
