"""What every figure of the app has in common: colours, an empty figure, safe short text.

Titles stand outside Plotly because Plotly does not wrap them on a phone. Colours are mid-tones
that hold on a light and on a dark page; what a colour says is also said by a dash, a pattern or
a word.
"""

from collections.abc import Callable
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from pages.shared.text import clipped, html_text

VALIDATION = "#2F83C5"  # blue and orange stay apart in every common colour blindness
TRAIN = "#D0740F"
ACCENT = "#1B7F7A"  # the theme's own colour, between its light and its dark form
NEUTRAL = "#8B93A1"
GRID = "rgba(139, 147, 161, .25)"


class Chart(NamedTuple):
    """A finding in one sentence and the figure that shows it."""

    title: str
    figure: go.Figure


def show(chart: Chart, *, key: str, on_select: str | Callable = "ignore") -> object:
    """Draw the chart under its title; returns the selection when one is asked for."""
    st.html(f'<div class="tl-name">{html_text(chart.title)}</div>')
    chart.figure.update_traces(cliponaxis=False, selector={"type": "scatter"})  # 100 % is whole
    return st.plotly_chart(
        chart.figure,
        key=key,
        on_select=on_select,
        selection_mode="points",
        config={"displayModeBar": False, "scrollZoom": False},
    )


def short(text: str, length: int = 18) -> str:
    """Return a person's text cut to `length` and made safe from Plotly's own small HTML."""
    safe = clipped(text, length).replace("&", "&amp;")
    return safe.replace("<", "&lt;").replace(">", "&gt;")


def text_colour() -> str | None:
    """Return the page's text colour where Streamlit's own, for charts, is too pale to read."""
    return "#1E2A2F" if st.context.theme.type == "light" else None


def blank_figure(height: int, **layout) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        showlegend=False,
        font={"color": text_colour()},
        **layout,
    )
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True}
    axis |= {"tickfont": {"color": text_colour()}, "title": {"font": {"color": text_colour()}}}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure
