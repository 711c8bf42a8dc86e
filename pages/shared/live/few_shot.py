"""A game: show the model two pictures of each class, and see what it makes of fresh ones."""

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_or_wait, ask
from pages.shared.elements import data_table, note_text
from pages.shared.text import counted, html_text, percent, plain
from tl_core.images import thumbnail_path
from tl_core.runs.results.live import FewShot
from tl_core.workspace import Project

NUMBER = "few-shot-number"
SIDE = 62  # pixels of a picture


def few_shot_game(project: Project) -> None:
    """Draw the game, folded; nothing is computed before it is opened."""
    with st.expander(
        "Game: show it two of each",
        key="few-shot",
        icon=":material/casino:",
        on_change="rerun",
    ) as part:
        if part.open:
            _game(project)


def _game(project: Project) -> None:
    number = int(state.widget_value(NUMBER, 0))
    future = ask("find_few_shot", str(state.current_workspace().root), project.id, number)
    found: FewShot | None = answer_or_wait(future, key="few-shot", doing="Drawing pictures")
    if found is None:
        return
    right = sum(name == said for _, name, said in found.asked)
    note_text(
        f"Shown two pictures of each of {counted(found.ways, 'class')}, a [[prototype]] "
        f"model has {right} of {len(found.asked)} fresh ones right."
    )
    for name, digests in found.shown:
        st.html(f'<div class="tl-note">{html_text(name)}</div>')
        answers = [(digest, said) for digest, real, said in found.asked if real == name]
        with st.container(horizontal=True, gap="xsmall"):
            for digest in digests:
                st.image(_small(project, digest), caption="shown", width=SIDE)
            for digest, said in answers:
                mark = "✓" if said == name else f"✗ {plain(said)}"
                st.image(_small(project, digest), caption=mark, width=SIDE)
    st.button(
        "Play again",
        key="few-shot-again",
        icon=":material/casino:",
        on_click=state.set_widget_value,
        args=(NUMBER, number + 1),
    )
    data_table(
        [
            {
                "Pictures of each": shots,
                "Right": percent(accuracy),
                "19 of 20 games": f"{100 * low:.0f} to {percent(high)}",
            }
            for shots, accuracy, low, high in found.accuracies
        ],
        key="few-shot-table",
    )
    note_text(
        "What it can promise: the mean of 200 such games. What it cannot: how well it does with "
        "your own two pictures; the last column says how much that is a matter of luck."
    )


def _small(project: Project, digest: str) -> str:
    return str(thumbnail_path(state.current_workspace(), project.id, digest))
