"""Step 6: whether the pretrained model helped, measured on the person's own pictures."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import note_text
from pages.shared.journey import PREDICT, TRANSFER
from pages.shared.layout import enter, next_step, page_header, require_backbone, require_classes
from pages.shared.transfer import findings
from pages.shared.transfer.comparison import comparison_of, show_state, start_button
from pages.shared.transfer.subset_choice import choose_parts

enter(TRANSFER)
project = state.current_project()
comparison = comparison_of(project)
found = comparison.found
page_header(
    TRANSFER,
    "Did the pretrained model help?",
    findings.answer(found, measuring=comparison.active is not None),
)
require_backbone(project)
if found is None:
    require_classes(project)


def pending(what: str) -> None:
    """Say why a part is not there: it follows, or it was not measured."""
    if comparison.active:
        note_text(f"{what} follows.")
    elif comparison.newest:
        note_text(f"{what} was not measured.")


if comparison.newest is None:
    note_text(
        "Compares the pretrained network with four baselines on the same pictures, layer by "
        "layer, and with fewer pictures. It takes about two minutes and starts by itself after a "
        "training."
    )
show_state(project, comparison)
if found:
    findings.the_answer(found)
    with st.expander(
        "All baselines on the same pictures", key="part-baselines", icon=":material/bar_chart:"
    ):
        if found.measured:
            findings.bars(found)
        else:
            pending("The comparison")
        if not found.of("scratch") and not comparison.active:
            start_button(
                project,
                "Also train the whole network from scratch",
                key="scratch",
                scratch=True,
                help="The same architecture, trained from random weights. This takes minutes.",
            )
    with st.expander("Accuracy by layer group", key="part-layers", icon=":material/layers:"):
        if found.layers:
            findings.layer_by_layer(found.layers)
            note_text(
                "A linear classifier was fitted to the output of each [[layer group]]. Advice is "
                "given only where groups differ beyond chance on the same pictures."
            )
        else:
            pending("Accuracy by layer group")
    with st.expander(
        "Would more pictures help?", key="part-amount", icon=":material/add_photo_alternate:"
    ):
        if found.learning:
            findings.more_pictures(found.learning)
        else:
            pending("The [[learning curve]]")
    with st.expander(
        "For the curious: distance from the pretraining data", icon=":material/speed:"
    ):
        note_text(
            "How different your pictures are from the pretraining data, and from each other: "
            "indications only; the comparison decides. Parts are compared by the "
            "[[proxy A-distance]] and the [[Fréchet distance]]."
        )
        if found.distance:
            findings.distance_cards(project, found.distance)
        if found.similarities:
            findings.similarities(found.similarities)
        if not found.distance and not found.similarities:
            pending("The distance from the pretraining data")
        choose_parts(project, comparison)
    if found.notes:
        with st.expander("Notes", icon=":material/notes:"):
            note_text(*found.notes)
next_step(PREDICT, "Next: try it on new pictures")
