"""What a run was trained on, what has changed since, and how its model does on new pictures."""

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_or_wait, ask
from pages.shared.elements import note_text, number_cards
from pages.shared.results import HonestNumber, honest_card
from pages.shared.text import counted, percent
from tl_core.runs import Run
from tl_core.runs.results.intervals import wilson_interval
from tl_core.runs.results.trained_on import NewPictures, Since, changes_since

EXPECTED = 0.05  # of pictures of the same kind that count as unlike


def show_since(run: Run) -> None:
    """Say which labels the run was trained on and what is new; on demand, how it does there."""
    since = changes_since(state.current_workspace(), run.project_id, run.id)
    if since is None:
        return
    note_text(since_text(since))
    new = {*since.added, *since.labelled}
    if not new:
        return
    key = f"since-{run.id}"
    asked = hash(frozenset((digest, since.labelled.get(digest)) for digest in new))
    if state.widget_value(key) != asked:
        st.button(
            f"Try this model on {counted(len(new), 'new picture')}",
            key="try-new",
            icon=":material/new_releases:",
            on_click=state.set_widget_value,
            args=(key, asked),
        )
        return
    root = str(state.current_workspace().root)
    future = ask("measure_new", root, run.project_id, run.id, asked)
    found = answer_or_wait(future, key="since", doing="Classifying the new pictures")
    if found is not None:
        number_cards(*new_cards(found), wide=True)


def since_text(since: Since) -> str:
    """Return in one line what the training learnt from, and what is different by now."""
    changes = [
        f"{counted(number, 'picture')} {what}"
        for number, what in (
            (len(since.added), "added"),
            (len(since.labelled), "labelled"),
            (since.relabelled, "relabelled"),
            (since.gone, "taken out"),
        )
        if number
    ]
    what = f"Since then: {', '.join(changes)}." if changes else "Nothing has changed since."
    return f"Trained with {counted(since.labels, 'label')}. {what}"


def new_cards(found: NewPictures) -> list[tuple[str, str, str]]:
    """Return label, value and note: accuracy where labels are known, and drift."""
    cards = []
    if found.labelled:
        number = HonestNumber(
            correct=found.correct, n=found.labelled, measured_on="pictures labelled since"
        )
        cards.append(honest_card("Accuracy on new pictures", number))
    if found.unlike is not None and found.n:
        low, _high = wilson_interval(found.unlike, found.n)
        drift = (
            "More than chance: the pictures have changed."
            if low > EXPECTED
            else "No sign of drift."
        )
        note = f"Farther from them than 95 % of these from one another. {drift}"
        value = f"{found.unlike} of {found.n}: {percent(found.unlike / found.n)}"
        cards.append(("Unlike the training pictures", value, note))
    return cards
