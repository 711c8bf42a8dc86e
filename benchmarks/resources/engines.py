"""Every backbone of the catalogue with random weights: pictures per second, chosen and plain."""

from pathlib import Path

from benchmarks.measuring.projects import ANTS, asked, has_pictures
from benchmarks.measuring.table import Measured, Table
from tl_core.runs.catalogue import CATALOGUE

COLUMNS = (
    "backbone", "engine chosen", "pictures/s", "torch channels_last float32", "times faster",
    "least cosine", "not slower",
)  # fmt: skip
NOISE = 0.95  # the same engine twice differs by as much


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train"):
        return None
    rows, figures, left_out = [], {}, []
    for backbone in CATALOGUE:
        try:
            found = asked("one_backbone", backbone.name, data / ANTS / "train")
        except RuntimeError as error:  # timm here does not know it, or there is no room for it
            left_out.append(f"{backbone.name}: {str(error).splitlines()[-1]}")
            continue
        faster = found["chosen"] / found["plain"]
        figures[backbone.name] = {**found, "times_faster": faster}
        numbers = (f"{found['chosen']:.0f}", f"{found['plain']:.0f}", f"{faster:.1f}")
        same = "yes" if faster >= NOISE else "NO"
        rows.append((backbone.name, found["engine"], *numbers, f"{found['cosine']:.4f}", same))
    remarks = [f"Left out, {reason}" for reason in left_out]
    return Measured([Table("Engines, random weights", COLUMNS, rows, remarks)], figures)
