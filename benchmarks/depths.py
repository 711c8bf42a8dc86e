"""An epoch with n layer groups frozen against what its thawed part alone costs."""

from pathlib import Path

from benchmarks.projects import ANTS, asked, has_pictures, known_machine
from benchmarks.table import Measured, Table, goal

EPOCHS = {0: 1, 3: 2, 5: 3, 7: 5}  # groups frozen -> epochs measured, in turns with the part alone
COLUMNS = ("groups frozen", "seconds per epoch", "thawed part alone", "ratio", "wanted", "reached")
LEAST, MOST = 0.75, 1.25


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train"):
        return None
    train_dir, rows, depths = data / ANTS / "train", [], []
    machine = known_machine(data)
    for frozen, epochs in EPOCHS.items():
        found = asked("our_loop", train_dir, machine=machine, frozen=frozen, epochs=epochs)
        ratio = found["epoch"] / found["alone"]
        groups = found["groups"]
        reached = "yes" if LEAST <= ratio <= MOST else "NO"
        rows.append(
            (
                f"{frozen} of {groups}",
                f"{found['epoch']:.2f}",
                f"{found['alone']:.2f}",
                f"{ratio:.2f}",
                f"{LEAST} to {MOST}",
                reached,
            )
        )
        depths.append({"frozen": frozen, "epoch": found["epoch"], "alone": found["alone"]})
    usual = asked("usual_loop", train_dir, machine=machine, frozen=0, epochs=1)["epoch"]
    everything = goal("", usual / depths[0]["epoch"], least=1.5)
    slower = goal("", depths[0]["epoch"] / usual, most=1.02)
    rows += [
        ("0, the usual loop", f"{usual:.2f}", "", f"{slower[1]} (ours / usual)", *slower[2:]),
        ("", "", "", f"{everything[1]} (times faster)", *everything[2:]),
    ]
    title = f"An epoch of fine-tuning, {found['pictures']} pictures, by freeze depth"
    figures = {"depths": depths, "usual": usual, "groups": groups}
    return Measured([Table(title, COLUMNS, rows)], figures)
