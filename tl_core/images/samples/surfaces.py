"""Pictures of machined metal and woven fabric, with or without a defect, drawn by numpy.

They stand for the inspection jobs that people bring; every one is a function of its generator.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

DEFECTS = ("no defect", "pit", "scratch", "stain")
SIDE = 224  # pixels
_MARGIN = 48  # pixels around, cut off after turning


def surface(defect: str, rng: np.random.Generator) -> Image.Image:
    """Return one RGB picture of `SIDE` x `SIDE` pixels; `defect` is one of `DEFECTS`."""
    material = _metal if rng.random() < 0.5 else _fabric
    colour = _lit(material(rng), rng)  # float (H, W, 3) in [0, 1]
    if defect == "scratch":
        colour = _scratched(colour, rng)
    elif defect == "pit":
        colour = _pitted(colour, rng)
    elif defect == "stain":
        colour = _stained(colour, rng)
    colour = colour + 0.012 * rng.standard_normal(
        colour.shape, dtype=np.float32
    )  # the camera's noise
    return Image.fromarray((np.clip(colour, 0, 1) * 255).round().astype(np.uint8))


def _metal(rng: np.random.Generator) -> np.ndarray:
    """Brushed: noise smeared along one direction, cool or warm."""
    side, smear = SIDE + 2 * _MARGIN, int(rng.integers(30, 90))
    noise = rng.standard_normal((side, side + smear), dtype=np.float32)
    total = np.cumsum(noise, axis=1)
    strokes = (total[:, smear:] - total[:, :-smear]) / np.sqrt(smear)
    grey = 0.55 + rng.uniform(0.03, 0.07) * strokes
    tone = np.array([1.0, 1.0, 1.0]) + rng.uniform(-0.06, 0.06) * np.array([1.0, 0.1, -1.0])
    return _turned(grey, rng.uniform(-12, 12))[..., None] * tone


def _fabric(rng: np.random.Generator) -> np.ndarray:
    """Plain weave: threads over and under each other, none quite as thick as the next."""
    side, period = SIDE + 2 * _MARGIN, rng.uniform(5.0, 8.0)
    y, x = np.mgrid[:side, :side].astype(np.float32) / period
    x = x + 0.15 * _soft(rng, side, 12)
    y = y + 0.15 * _soft(rng, side, 12)
    warp, weft = np.abs(np.sin(np.pi * x)), np.abs(np.sin(np.pi * y))
    over = (np.floor(x) + np.floor(y)) % 2
    weave = np.where(over == 1, warp * (0.7 + 0.3 * weft), weft * (0.7 + 0.3 * warp))
    grey = _turned(0.45 + 0.4 * weave + 0.04 * _soft(rng, side, 2), rng.uniform(-12, 12))
    dyes = np.array([[0.75, 0.80, 0.92], [0.88, 0.82, 0.70], [0.74, 0.82, 0.74], [0.85] * 3])
    return grey[..., None] * dyes[rng.integers(len(dyes))]


def _turned(grey: np.ndarray, degrees: float) -> np.ndarray:
    turned = Image.fromarray(grey.astype(np.float32)).rotate(degrees, Image.Resampling.BILINEAR)
    return np.asarray(turned)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def _lit(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A lamp from one side, somewhat brighter or darker each time."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / (SIDE - 1) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = rng.uniform(0.85, 1.15) + rng.uniform(0.05, 0.35) * (
        x * np.cos(angle) + y * np.sin(angle)
    )
    return colour * light[..., None]


def _scratched(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to three thin bent lines: a bright groove with a shadow beside it."""
    for _ in range(rng.integers(1, 4)):
        angle, length = rng.uniform(0, np.pi), rng.uniform(60, 170)
        middle = rng.uniform(0.3, 0.7, 2) * SIDE
        along = np.array([np.cos(angle), np.sin(angle)])
        bend = np.array([-along[1], along[0]]) * rng.uniform(-5, 5)
        steps = np.linspace(-0.5, 0.5, 24)[:, None]
        line = middle + along * length * steps + bend * (0.25 - steps**2) * 4
        width = rng.uniform(1.0, 2.2)
        groove, shadow = _line_mask(line, width), _line_mask(line + 1.5, width)
        strength = rng.uniform(0.25, 0.5)
        colour = colour * (1 - 0.6 * strength * shadow[..., None])
        colour = colour + strength * groove[..., None]
    return colour


def _line_mask(line: np.ndarray, width: float) -> np.ndarray:
    """Antialiased by drawing at three times the size."""
    mask = Image.new("L", (3 * SIDE, 3 * SIDE))
    points = [tuple(point) for point in (3 * line).tolist()]
    ImageDraw.Draw(mask).line(points, fill=255, width=max(2, round(3 * width)), joint="curve")
    return np.asarray(mask.reduce(3), dtype=np.float32) / 255


def _pitted(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to five small holes: dark inside, a bright rim where the light catches."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for _ in range(rng.integers(1, 6)):
        across, down = rng.uniform(0.1, 0.9, 2) * SIDE
        radius, squeeze = rng.uniform(3.5, 9.0), rng.uniform(0.75, 1.3)
        away = np.hypot((x - across) * squeeze, (y - down) / squeeze) / radius
        hole = 1 / (1 + np.exp(6 * (away - 1)))
        rim = np.exp(-(((away - 1.15) / 0.2) ** 2)) * (x - across + y - down > 0)
        colour = colour * (1 - rng.uniform(0.55, 0.8) * hole[..., None])
        colour = colour + rng.uniform(0.1, 0.25) * rim[..., None]
    return colour


def _stained(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One soft patch of oil, rust or water with an uneven edge, darker where it dried."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    across, down = rng.uniform(0.25, 0.75, 2) * SIDE
    away = np.hypot((x - across), (y - down) * rng.uniform(0.7, 1.4)) / rng.uniform(22, 55)
    away = away + 0.25 * _soft(rng, SIDE, 14)
    patch = 1 / (1 + np.exp(9 * (away - 1)))
    edge = np.exp(-(((away - 0.95) / 0.12) ** 2))
    tones = np.array([[0.25, 0.40, 0.65], [0.30, 0.32, 0.36], [0.45, 0.40, 0.30]])  # what it takes
    tone = tones[rng.integers(len(tones))] * rng.uniform(0.7, 1.1)
    return colour * (1 - tone * (patch + 0.35 * edge)[..., None])


def _soft(rng: np.random.Generator, side: int, radius: float) -> np.ndarray:
    """Smooth noise of standard deviation 1, float (side, side)."""
    noise = Image.fromarray(rng.integers(0, 256, (side, side), dtype=np.uint8))
    soft = np.asarray(noise.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
    return (soft - soft.mean()) / max(soft.std(), 1e-9)
