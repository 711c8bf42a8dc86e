"""An epoch with n layer groups frozen against what its thawed part alone costs."""

from pathlib import Path

from benchmarks.measuring.projects import ANTS, asked, has_pictures, known_machine
from benchmarks.measuring.table import GOALS, Measured, Table, goal

EPOCHS = {0: 1, 3: 2, 5: 3, 7: 5}  # groups frozen -> epochs measured, in turns with the part alone
COLUMNS = (
    "groups frozen", "seconds per epoch", "thawed part alone", "ratio", "wanted", "reached",
    "steps in",
)  # fmt: skip
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
                found["precision"],
            )
        )
        depths.append({"frozen": frozen, "epoch": found["epoch"], "alone": found["alone"]})
    usual = asked("usual_loop", train_dir, machine=machine, frozen=0, epochs=1)["epoch"]
    mine = depths[0]["epoch"]
    title = f"An epoch of fine-tuning, {found['pictures']} pictures, by freeze depth"
    everything = [
        goal("the usual loop, whole network, seconds per epoch", usual),
        goal("ours / the usual loop", mine / usual, most=1.02),
        goal("times faster", usual / mine, least=1.5),
    ]
    return Measured(
        [Table(title, COLUMNS, rows), Table("Fine-tuning everything", GOALS, everything)],
        {"depths": depths, "usual": usual, "groups": groups},
    )
