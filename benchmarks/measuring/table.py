"""What a part has measured: tables to read, and figures for the file and the plot."""

from collections.abc import Sequence
from dataclasses import dataclass, field

GOALS = ("", "measured", "wanted", "reached")


@dataclass(frozen=True)
class Table:
    """Cells are shown as `str` makes them; `remarks` stand below as sentences."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    remarks: Sequence[str] = ()

    def text(self) -> str:
        """Return the table for a terminal."""
        cells = [[str(value) for value in row] for row in [self.columns, *self.rows]]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in cells
        ]
        lines.insert(1, "  " + "  ".join("-" * width for width in widths))
        return "\n".join([f"\n{self.title}", *map(str.rstrip, lines), *self.remarks])

    def markdown(self) -> str:
        lines = [_row(self.columns), "|" + "---|" * len(self.columns), *map(_row, self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines, "", *self.remarks])


@dataclass(frozen=True)
class Measured:
    """One part's tables, and its JSON-able figures by name."""

    tables: Sequence[Table]
    figures: dict = field(default_factory=dict)


def goal(
    what: str,
    value: float,
    *,
    most: float | None = None,
    least: float | None = None,
    form: str = "{:.2f}",
) -> tuple[str, str, str, str]:
    """Return a row below `GOALS`: a figure, what is wanted of it, and whether it is reached."""
    wanted, reached = "", ""
    if most is not None:
        wanted, reached = f"at most {form.format(most)}", value <= most
    if least is not None:
        wanted, reached = f"at least {form.format(least)}", value >= least
    return what, form.format(value), wanted, {True: "yes", False: "NO"}.get(reached, "")


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
