"""The network as a row of blocks, frozen and trained."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pages.shared.charts.drawing import ACCENT, NEUTRAL, Chart, blank_figure, short, text_colour
from pages.shared.text import count_text
from tl_core.runs.catalogue import LayerBlock

GAP = 0.5  # between two blocks, in percent of the row


def network(groups: Sequence[LayerBlock], frozen: int) -> Chart:
    """Return the network as a row of blocks; the first `frozen` are hatched.

    Widths follow the square root of the parameters: in proportion, a classifier of a
    thousandth of the network could not be seen.
    """
    roots = np.sqrt([max(group.parameters, 1) for group in groups])
    widths = np.maximum(roots, roots.sum() * 0.55 / len(groups))
    widths = widths / widths.sum() * 100
    lefts = np.concatenate([[0], np.cumsum(widths)[:-1]])
    figure = blank_figure(190, bargap=0)
    for state, chosen in (("frozen", slice(0, frozen)), ("trained", slice(frozen, len(groups)))):
        if len(lefts[chosen]):
            figure.add_trace(_blocks(list(groups)[chosen], lefts[chosen], widths[chosen], state))
            _brace(figure, lefts[chosen][0], lefts[chosen][-1] + widths[chosen][-1], state)
    for i, group in enumerate(groups):
        figure.add_annotation(
            x=lefts[i] + widths[i] / 2,
            y=0.5,
            text=short(group.name, 20),
            textangle=-90,
            showarrow=False,
            font={"size": 13, "color": text_colour() if i < frozen else "white"},
        )
    figure.update_xaxes(range=[-0.3, 100.3], visible=False, fixedrange=True)
    figure.update_yaxes(range=[-0.32, 1.03], visible=False, fixedrange=True)
    trained = sum(group.parameters for group in groups[frozen:])
    total = sum(group.parameters for group in groups)
    title = f"{count_text(trained)} of {count_text(total)} parameters are trainable"
    return Chart(f"{title}; {frozen} of {len(groups)} layer groups stay frozen", figure)


def _blocks(groups: list[LayerBlock], lefts, widths, state: str) -> go.Bar:
    hatched = state == "frozen"
    return go.Bar(
        x=lefts,
        y=[1] * len(groups),
        width=widths - GAP,
        offset=0,
        customdata=[[short(g.name), count_text(g.parameters), state] for g in groups],
        hovertemplate="%{customdata[0]}: %{customdata[1]} parameters, "
        "%{customdata[2]}<extra></extra>",
        marker={
            "color": "rgba(139, 147, 161, .22)" if hatched else ACCENT,
            "line": {"color": NEUTRAL if hatched else ACCENT, "width": 1},
            "pattern": {
                "shape": "/" if hatched else "",
                "fgcolor": "rgba(139, 147, 161, .35)",
                "size": 9,
                "solidity": 0.12,
            },
        },
    )


def _brace(figure: go.Figure, left: float, right: float, state: str) -> None:
    colour = NEUTRAL if state == "frozen" else ACCENT
    figure.add_shape(
        type="line", x0=left + 0.3, x1=right - 0.6, y0=-0.08, y1=-0.08,
        line={"color": colour, "width": 3},
    )  # fmt: skip
    wide = right - left > 18
    figure.add_annotation(
        x=(left + right) / 2 if wide else (left if left < 50 else 99.9),
        y=-0.2,
        text=f"<b>{state}</b>",
        showarrow=False,
        xanchor="center" if wide else ("left" if left < 50 else "right"),
    )
