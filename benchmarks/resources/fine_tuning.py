"""Fine-tuning the last stage against the usual loop, on the same pictures and steps, in turns."""

import statistics
from pathlib import Path

from benchmarks.measuring.projects import ANTS, asked, has_pictures, known_machine
from benchmarks.measuring.table import GOALS, Measured, Table, goal

ROUNDS = 2
EPOCHS = 10
USUAL_EPOCHS = 2  # its epochs cost the same; their median stands for all


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train"):
        return None
    usual, ours, train_dir = [], [], data / ANTS / "train"
    machine = known_machine(data)
    unknown = asked("our_loop", train_dir, machine=machine, epochs=EPOCHS)
    for _turn in range(ROUNDS):
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
        goal("ours, at this depth for the first time on this machine", unknown["seconds"]),
        goal("times faster", theirs / mine, least=6),
    ]
    figures = {"usual": theirs, "ours": mine, "front": front}
    remark = f"Steps in {ours[0]['precision']}."
    return Measured(
        [Table(title, GOALS, rows, (remark,))], {**figures, "epochs": EPOCHS, "pictures": pictures}
    )
