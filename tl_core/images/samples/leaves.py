"""Pictures of leaves of made-up trees on all kinds of ground, drawn by numpy and Pillow.

Trees differ in outline and veins only; colour, light, size, place, turn and ground vary in each:
what a pretrained network copes with. Every picture is a function of its generator.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 224  # pixels
_FINER = 2  # shapes are drawn so much larger, then reduced
_POINTS = 720  # of an outline


@dataclass(frozen=True)
class Tree:
    """How a leaf looks: `lobes` round it, each so `deep`; fine `teeth` on its edge.

    `slender` is its length by its width, `widest` where along its length (0 the stalk, 1 the tip);
    side veins come in `veins` pairs.
    """

    lobes: int = 0
    deep: float = 0.0
    teeth: int = 0
    slender: float = 1.6
    widest: float = 0.45
    veins: int = 6


TREES = {
    "birch": Tree(teeth=26, slender=1.35, widest=0.3, veins=7),
    "beech": Tree(slender=1.6, widest=0.5, veins=9),
    "willow": Tree(teeth=60, slender=4.2, widest=0.45, veins=12),
    "oak": Tree(lobes=9, deep=0.28, slender=1.7, widest=0.6, veins=5),
    "maple": Tree(lobes=5, deep=0.5, slender=1.0, widest=0.5, veins=2),
    "magnolia": Tree(slender=2.3, widest=0.6, veins=11),
    "lime": Tree(teeth=40, slender=1.05, widest=0.35, veins=5),
    "holly": Tree(lobes=13, deep=0.2, slender=2.1, widest=0.5, veins=6),
}

SEASONS = np.array([[62, 105, 40], [96, 128, 52], [150, 140, 50], [168, 104, 44], [120, 66, 40]])
GROUNDS = np.array([[225, 220, 208], [92, 70, 52], [140, 138, 134], [88, 112, 58]])
ROUGH = (0.03, 0.28, 0.18, 0.3)  # of each ground


def leaf(name: str, rng: np.random.Generator) -> Image.Image:
    """Return one RGB picture of `SIDE` x `SIDE` pixels of a leaf of one of `TREES`."""
    tree = TREES[name]
    outline, place = _outline(tree, rng), _placed(rng)
    shape = _mask(lambda draw: draw.polygon(_points(place(outline)), fill=255))
    veins = _mask(lambda draw: _draw_veins(draw, tree, outline, place))
    shadow = _blurred(shape, rng.integers(-8, 9, 2))
    ground, colour = _ground(rng), _colour(rng)
    vein = colour * rng.choice([0.72, 1.35])
    blade = colour * (1 + 0.16 * _soft(rng, 5)[..., None])
    blade += (vein - blade) * veins
    picture = ground * (1 - 0.55 * shadow)
    picture += (blade - picture) * shape
    lit = picture * _light(rng)
    lit += 4 * rng.standard_normal(lit.shape, dtype=np.float32)  # the camera's noise
    return Image.fromarray(np.clip(lit, 0, 255).round().astype(np.uint8))


def _outline(tree: Tree, rng: np.random.Generator) -> np.ndarray:
    """Return the edge from the stalk round to the stalk, (P, 2), the leaf pointing up."""
    along = np.linspace(0, 1, _POINTS // 2)
    peak = np.clip(tree.widest + rng.normal(0, 0.03), 0.2, 0.75)
    power = np.log(0.5) / np.log(peak)  # puts the widest place where it belongs
    width = np.sin(np.pi * along**power) ** 0.85 / (2 * tree.slender * rng.uniform(0.9, 1.1))
    if tree.lobes:
        wave = np.cos(np.pi * tree.lobes * along + rng.normal(0, 0.15))
        width = width * (1 - tree.deep * rng.uniform(0.8, 1.2) * (0.5 + 0.5 * wave))
    if tree.teeth:
        saw = (tree.teeth * along) % 1
        width = width * (1 - 0.08 * rng.uniform(0.8, 1.2) * saw)
    bend = rng.normal(0, 0.06) * np.sin(np.pi * along)
    right = np.stack([bend + width, along - 0.5], axis=1)
    left = np.stack([bend - width, along - 0.5], axis=1)
    return np.concatenate([right, left[::-1]])


def _placed(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Return what turns, scales and moves points of a leaf into the picture, in pixels."""
    turn, size = rng.uniform(0, 2 * np.pi), SIDE * rng.uniform(0.55, 0.85)
    middle = SIDE / 2 + rng.uniform(-0.08, 0.08, 2) * SIDE
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return lambda points: np.asarray(points) @ turned.T * size + middle


def _mask(draw: Callable[[ImageDraw.ImageDraw], None]) -> np.ndarray:
    """Return how much of each pixel is drawn, (SIDE, SIDE, 1) in [0, 1], with smooth edges."""
    large = Image.new("L", (SIDE * _FINER, SIDE * _FINER))
    draw(ImageDraw.Draw(large))
    small = large.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float32)[..., None] / 255


def _points(points: np.ndarray) -> list[tuple[float, float]]:
    return [tuple(point) for point in (points * _FINER).tolist()]


def _draw_veins(
    draw: ImageDraw.ImageDraw,
    tree: Tree,
    outline: np.ndarray,
    place: Callable[[np.ndarray], np.ndarray],
) -> None:
    half = len(outline) // 2
    right, left = outline[:half], outline[half:][::-1]
    middle = (right + left) / 2
    draw.line(_points(place(middle)), fill=255, width=3 * _FINER)
    for number in range(tree.veins):
        start = int(half * (0.08 + 0.72 * number / tree.veins))
        end = min(half - 1, start + int(half * 0.16))
        for edge in (right[end], left[end]):
            ends = np.stack([middle[start], middle[start] + 0.9 * (edge - middle[start])])
            draw.line(_points(place(ends)), fill=255, width=_FINER)


def _blurred(shape: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the shadow of a shape, moved by so many pixels."""
    image = Image.fromarray((255 * shape[..., 0]).astype(np.uint8))
    moved = Image.new("L", image.size)
    moved.paste(image.filter(ImageFilter.GaussianBlur(SIDE / 60)), tuple(shift.tolist()))
    return np.asarray(moved, np.float32)[..., None] / 255


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Return a colour between the green of spring and the brown of autumn, (3,)."""
    share = rng.uniform(0, len(SEASONS) - 1)
    low = min(int(share), len(SEASONS) - 2)
    colour = SEASONS[low] + (share - low) * (SEASONS[low + 1] - SEASONS[low])
    return colour * rng.uniform(0.8, 1.2)


def _ground(rng: np.random.Generator) -> np.ndarray:
    """Return paper, soil, stone or grass, (SIDE, SIDE, 3)."""
    kind = int(rng.integers(len(GROUNDS)))
    rough = 0.6 * ROUGH[kind] * (_soft(rng, 2) + _soft(rng, 7))
    return GROUNDS[kind] * rng.uniform(0.75, 1.15) * (1 + rough[..., None])


def _soft(rng: np.random.Generator, grain: int) -> np.ndarray:
    """Return noise without detail below `grain` pixels, of variance 1, (SIDE, SIDE)."""
    coarse = rng.standard_normal((SIDE // grain + 2,) * 2, dtype=np.float32)
    noise = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return (noise - noise.mean()) / (noise.std() + 1e-6)


def _light(rng: np.random.Generator) -> np.ndarray:
    """Return how bright each place is lit, from one side more than from the other."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    return (1 + rng.uniform(0.1, 0.4) * (np.cos(turn) * x + np.sin(turn) * y))[..., None]
