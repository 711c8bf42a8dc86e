"""Fine-tuning against the usual loop over several seeds: does it learn as much?

Both start from the same classifier, take the same number of steps at the same rates, and keep
their best epoch on the official validation pictures.
"""

import math
from pathlib import Path

from benchmarks.measuring.projects import ANTS, asked, has_pictures, known_machine
from benchmarks.measuring.table import Measured, Table

SEEDS = (0, 1, 2)
EPOCHS = 10


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train", f"{ANTS}/val"):
        return None
    rows, sums, pictures = [], {"usual_loop": 0, "our_loop": 0}, 0
    options = {
        "validation": data / ANTS / "val",
        "epochs": EPOCHS,
        "machine": known_machine(data),
    }
    for seed in SEEDS:
        found = {loop: asked(loop, data / ANTS / "train", seed=seed, **options) for loop in sums}
        pictures = found["our_loop"]["validated"]
        rows.append([seed, *(f"{found[loop]['correct'] / pictures:.4f}" for loop in sums)])
        for loop in sums:
            sums[loop] += found[loop]["correct"]
    usual, ours = (total / pictures / len(SEEDS) for total in sums.values())
    rows.append(["mean", f"{usual:.4f}", f"{ours:.4f}"])
    # the seeds share their pictures, so they do not make the interval narrower
    margin = 1.96 * math.sqrt((usual * (1 - usual) + ours * (1 - ours)) / pictures)
    same = "yes" if abs(ours - usual) <= margin else "NO"
    remark = (
        f"Difference {100 * (ours - usual):+.1f} points; 95 % interval of such a difference on "
        f"{pictures} pictures: ±{100 * margin:.1f}. The same within it: {same}."
    )
    title = f"Last stage, {EPOCHS} epochs: accuracy on {pictures} validation pictures"
    columns = ("seed", "the usual loop", "ours")
    return Measured([Table(title, columns, rows, (remark,))], {"usual": usual, "ours": ours})
