"""What the accuracy on each layer group's features says about where to freeze.

Pure: points go in, sentences come out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pages.shared.charts import Chart, Depth, layer_curve, percent

Z_95 = 1.96  # an interval of 95 % reaches so many standard errors to each side


@dataclass(frozen=True)
class Advice:
    """Where the knowledge for this task sits, and what that suggests; `freeze` layer groups."""

    finding: str
    suggestion: str
    freeze: int


def advice(points: Sequence[Depth]) -> Advice:
    """Read the curve of all layer groups but the classifier, in forward order.

    Differences within one standard error of the best group count as chance.
    """
    best = max(range(len(points)), key=lambda i: points[i].accuracy)
    enough = points[best].accuracy - _standard_error(points[best])
    good = [i for i, point in enumerate(points) if point.accuracy >= enough]
    first, last = good[0], len(points) - 1
    top = percent(points[best].accuracy)
    if last in good:
        if first == last:
            finding = f"The knowledge for this task sits at the very end: {top} there"
        else:
            finding = f"{_capital(points[first].name)} is as good as what follows, up to {top}"
        return Advice(
            finding,
            "The network's last description of a picture suits your classes. That suggests to "
            "freeze everything and train the classifier only.",
            len(points),
        )
    return Advice(
        f"The knowledge for this task sits in {points[best].name}, with {top}; later it is lost",
        f"The groups after {points[best].name} turn to what the backbone learned first, and away "
        f"from your classes. That suggests to freeze up to {points[best].name} and train the rest.",
        best + 1,
    )


def depth_chart(points: Sequence[Depth], *, frozen: int | None = None) -> Chart:
    """Return the curve under its finding."""
    return layer_curve(points, title=advice(points).finding, frozen=frozen)


def _standard_error(point: Depth) -> float:
    return (point.high - point.low) / (2 * Z_95)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
