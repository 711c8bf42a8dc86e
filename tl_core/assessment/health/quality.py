"""Pictures that show too little: blurred, dark, over-exposed, tiny, long.

Each must be bad as such and unlike most of its set: what is common to a set is how it is taken.
"""

import numpy as np

from tl_core.assessment.health.traits import Traits

BLURRED = -1.4  # logarithm of edges by contrast
DARK = 0.3  # brightness that 1 % of a picture exceeds
OVER_EXPOSED = 0.88  # mean brightness
TINY = 64  # pixels of the shorter side
LONG = 3.5  # longer by shorter side
UNUSUAL = 3.5  # deviations from the median


def quality_of(traits: Traits) -> dict[str, np.ndarray]:
    """Return the rows, int64, of pictures by what is wrong with them, the worst first."""
    numbers = traits.numbers
    brightness = (numbers["red"] + numbers["green"] + numbers["blue"]) / 3
    sharpness, brightest = numbers["sharpness"], numbers["brightest"]
    shorter = np.minimum(numbers["width"], numbers["height"])
    length = np.exp(np.abs(numbers["aspect"]))
    clear = numbers["contrast"] > 0.01  # one colour is not blurred
    found = {
        "blurred": (clear & (sharpness < BLURRED) & (_off(sharpness, 0.12) < -UNUSUAL), sharpness),
        "dark": (brightest < DARK, brightest),
        "over-exposed": (
            (brightness > OVER_EXPOSED) & (_off(brightness, 0.03) > UNUSUAL),
            -brightness,
        ),
        "tiny": ((shorter < TINY) & (shorter < np.median(shorter) / 3) | (shorter < 16), shorter),
        "extreme aspect": ((length > LONG) & (length > 2 * np.median(length)), -length),
    }
    return {
        name: np.flatnonzero(bad)[np.argsort(order[bad], kind="stable")]
        for name, (bad, order) in found.items()
        if bad.any()
    }


def _off(values: np.ndarray, least: float) -> np.ndarray:
    """Return deviations from the median, by a robust deviation of at least `least`."""
    middle = np.nanmedian(values)
    return (values - middle) / max(1.4826 * float(np.nanmedian(np.abs(values - middle))), least)
