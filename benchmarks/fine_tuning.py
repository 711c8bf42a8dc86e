"""Fine-tuning the last stage against the usual loop, on the same pictures and steps, in turns."""

import statistics
from pathlib import Path

from benchmarks.projects import ANTS, asked, has_pictures, known_machine
from benchmarks.table import GOALS, Measured, Table, goal

ROUNDS = 2
EPOCHS = 10
USUAL_EPOCHS = 3  # its epochs cost the same; their median stands for all


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train"):
        return None
    usual, ours = [], []
    machine = known_machine(data)
    for _turn in range(ROUNDS):
        train_dir = data / ANTS / "train"
        usual.append(asked("usual_loop", train_dir, machine=machine, epochs=USUAL_EPOCHS))
        ours.append(asked("our_loop", train_dir, machine=machine, epochs=EPOCHS))
    theirs = EPOCHS * statistics.median(one["epoch"] for one in usual)
    mine = statistics.median(one["seconds"] for one in ours)
    front = statistics.median(one["front"] for one in ours)
    pictures = ours[0]["pictures"]
    title = f"Fine-tuning the last stage, {EPOCHS} epochs, {pictures} pictures, batches of 16"
    rows = [
        goal(f"the usual loop, seconds (from {USUAL_EPOCHS} epochs)", theirs),
        goal("ours, seconds", mine),
        goal("of these, before the first epoch", front),
        goal("times faster", theirs / mine, least=6),
    ]
    figures = {"usual": theirs, "ours": mine, "front": front}
    return Measured(
        [Table(title, GOALS, rows)], {**figures, "epochs": EPOCHS, "pictures": pictures}
    )
