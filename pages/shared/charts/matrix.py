"""The confusion matrix, with cells that answer a click."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pages.shared.charts.drawing import (
    ACCENT,
    TRAIN,
    Chart,
    blank_figure,
    short,
    text_colour,
)
from pages.shared.text import clipped

MAX_NAMED_CLASSES = 35
LEVEL_NAMES = 4  # classes whose names stand side by side below the matrix
MAX_NUMBERED_CLASSES = 20  # above, cells of a confusion matrix have no room for their number


def confusion(
    class_names: Sequence[str],
    counts: np.ndarray,
    *,
    chosen: tuple[int, int] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Chart:
    """Return the confusion matrix; a click selects a cell, `customdata` is [true, predicted].

    Plotly reports no clicks on heatmap cells, so invisible points lie over them.

    Args:
        class_names: K names.
        counts: Pictures per true (row) and predicted (column) class, int, shape (K, K).
        chosen: The cell to outline.
        colours: A colour by class name.
    """
    size = len(class_names)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # (K, K), of each row
    height = int(np.clip(110 + 46 * size, 260, 640))
    figure = blank_figure(height, hovermode="closest", hoverdistance=-1)
    right = np.eye(size, dtype=bool)
    # Mistakes are few: their square root makes one in a hundred visible.
    level = np.where(right, share, -np.sqrt(share))
    figure.add_trace(
        go.Heatmap(
            z=level, zmin=-1, zmax=1, showscale=False, hoverinfo="skip", xgap=2, ygap=2,
            colorscale=[
                [0, "rgba(196,98,0,1)"], [0.4999, "rgba(196,98,0,.12)"],
                [0.5, "rgba(139,147,161,.10)"], [1, ACCENT],
            ],
        )
    )  # fmt: skip
    rows, columns = np.indices((size, size)).reshape(2, -1)
    if size <= MAX_NUMBERED_CLASSES:
        strong = np.abs(level[rows, columns]) > 0.5
        for part, colour in ((strong, "white"), (~strong, text_colour())):
            figure.add_trace(_cell_numbers(rows[part], columns[part], counts, colour))
    figure.add_trace(_cell_points(rows, columns, class_names, counts))
    if chosen is not None:
        row, column = chosen
        figure.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
            line={"color": TRAIN, "width": 4},
        )  # fmt: skip
    step = -(-size // MAX_NAMED_CLASSES)  # more names would overlap
    ticks = {
        "tickvals": list(range(0, size, step)),
        "ticktext": [_tick(name, (colours or {}).get(name)) for name in class_names[::step]],
        "tickfont_size": 12 if size <= MAX_NUMBERED_CLASSES else 8,
        "showgrid": False,
    }
    figure.update_xaxes(title_text="predicted class", range=[-0.5, size - 0.5], **ticks)
    figure.update_xaxes(ticklabeloverflow="allow")  # else Plotly leaves out the last name
    if size > LEVEL_NAMES:
        figure.update_xaxes(tickangle=-45)
    figure.update_yaxes(title_text="true class", range=[size - 0.5, -0.5], **ticks)
    return Chart(_confusion_title(class_names, counts), figure)


def _tick(name: str, colour: str | None) -> str:
    square = f'<span style="color:{colour}">■</span> ' if colour else ""
    return square + short(name, 12)


def _cell_numbers(rows, columns, counts: np.ndarray, colour: str | None) -> go.Scatter:
    return go.Scatter(
        x=columns,
        y=rows,
        mode="text",
        hoverinfo="skip",
        text=[str(n) if (n := counts[r, c]) else "·" for r, c in zip(rows, columns, strict=True)],
        textfont={"size": 16, "color": colour, "weight": 600},
    )


def _cell_points(rows, columns, class_names: Sequence[str], counts: np.ndarray) -> go.Scatter:
    texts = [
        f"{counts[r, c]} × {short(class_names[r], 40)}, predicted {short(class_names[c], 40)}"
        for r, c in zip(rows, columns, strict=True)
    ]
    invisible = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=columns,
        y=rows,
        mode="markers",
        customdata=np.stack([rows, columns], axis=1).tolist(),
        text=texts,
        hovertemplate="%{text}<extra></extra>",
        marker={"opacity": 0, "size": 24, "symbol": "square"},
        selected=invisible,
        unselected=invisible,
    )


def _confusion_title(class_names: Sequence[str], counts: np.ndarray) -> str:
    mistakes = counts - np.diag(np.diag(counts))
    if not mistakes.any():
        return "No picture was misclassified"
    true, predicted = np.unravel_index(int(mistakes.argmax()), mistakes.shape)
    times = int(mistakes[true, predicted])
    often = "once" if times == 1 else f"{times} times"
    first, second = clipped(class_names[true]), clipped(class_names[predicted])
    pair = f"“{first}” predicted as “{second}”"
    return f"Most frequent confusion: {pair} {often}"
