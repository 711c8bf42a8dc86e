"""The figures of one call as one picture: bars of seconds, epochs by depth, scaling."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")  # no window

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

OURS, OTHERS, PARTS = "#0f766e", "#b45309", "#94a3b8"


def draw(figures: dict[str, dict], heading: str, path: Path) -> None:
    """Draw what of `figures` can be drawn; nothing is written if that is nothing."""
    panels = [(panel, figures[name]) for name, panel in PANELS.items() if name in figures]
    if not panels:
        return
    with plt.rc_context({"font.size": 9, "svg.hashsalt": "benchmarks", "axes.titlesize": 10}):
        columns = min(2, len(panels))
        rows = -(-len(panels) // columns)
        figure, axes = plt.subplots(
            rows, columns, figsize=(5.2 * columns, 2.9 * rows), squeeze=False, layout="constrained"
        )
        for place, (panel, values) in zip(axes.flat, panels, strict=False):
            panel(place, values)
            place.spines[["top", "right"]].set_visible(False)
        for empty in list(axes.flat)[len(panels) :]:
            empty.set_visible(False)
        figure.supxlabel(heading.partition(";")[0], fontsize=8)
        figure.savefig(path, metadata={"Date": None}, facecolor="white")
        plt.close(figure)


def _speed(axes: Axes, values: dict) -> None:
    seconds = values["seconds"]
    names = ["plain script", "ours", "decoding and resizing alone"]
    names += ["the engine's forward pass alone", "regression alone"]
    colours = [OTHERS, OURS, PARTS, PARTS, PARTS]
    _bars(axes, [(name, seconds[name]) for name in names], colours)
    axes.set_title(f"A trained classifier from {values['pictures']} pictures", loc="left")


def _fine_tuning(axes: Axes, values: dict) -> None:
    entries = [("the usual loop", values["usual"]), ("ours", values["ours"])]
    _bars(axes, entries, [OTHERS, OURS])
    title = f"Fine-tuning the last stage, {values['epochs']} epochs, {values['pictures']} pictures"
    axes.set_title(title, loc="left")


def _depths(axes: Axes, values: dict) -> None:
    frozen = [row["frozen"] for row in values["depths"]]
    axes.plot(frozen, [row["epoch"] for row in values["depths"]], "o-", color=OURS, label="ours")
    alone = [row["alone"] for row in values["depths"]]
    axes.plot(frozen, alone, "s--", color=PARTS, label="its thawed part alone")
    axes.plot([0], [values["usual"]], "D", color=OTHERS, label="the usual loop")
    axes.set_xlabel(f"frozen layer groups (of {values['groups']})")
    axes.set_ylabel("seconds per epoch")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.set_title("An epoch of fine-tuning by freeze depth", loc="left")


def _scaling(axes: Axes, values: dict) -> None:
    pictures = [row["pictures"] for row in values["sizes"]]
    axes.plot(pictures, [row["total"] for row in values["sizes"]], "o-", color=OURS)
    axes.set_xlabel("pictures")
    axes.set_ylabel("seconds")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_title("From the start of the work to the report", loc="left")


def _bars(axes: Axes, entries: list[tuple[str, float]], colours: list[str]) -> None:
    names, seconds = zip(*entries, strict=True)
    bars = axes.barh(range(len(names)), seconds, color=colours)
    axes.bar_label(bars, [f"{value:.1f}" for value in seconds], padding=3)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.margins(x=0.12)


PANELS = {"speed": _speed, "fine_tuning": _fine_tuning, "depths": _depths, "scaling": _scaling}
