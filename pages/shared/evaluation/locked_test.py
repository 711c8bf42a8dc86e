"""The locked test part on the page of the result: a button that opens it, and what came out."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown, note_text
from pages.shared.results import HonestNumber, honest_number
from tl_core.images import LockedTest, locked_test_state
from tl_core.runs import Run, compute_client
from tl_core.runs.results.locked import began_before, read_locked_result

SECONDS = 600  # for thousands of pictures


def show_locked_test(run: Run) -> None:
    """Draw the section; nothing without a locked part."""
    workspace = state.current_workspace()
    locked = locked_test_state(workspace, run.project_id)
    if locked is None:
        return
    st.header("The locked test set", anchor=False)
    result = read_locked_result(workspace.run_dir(run.project_id, run.id))
    note_text(_opened_text(locked))
    if began_before(run, locked):
        note_text(
            "This run started before the test set was locked, so it may have learned from these "
            "pictures. Train again to measure on them."
        )
    elif result is not None:
        honest_number(
            "Accuracy on the locked test set",
            HonestNumber(
                correct=result.correct,
                n=result.n,
                measured_on="locked pictures",
                split="No training and no choice has used them. This was opening number "
                f"{result.opened}.",
            ),
        )
    elif st.button("Open it for this run", key="locked-open", icon=":material/lock_open:"):
        with errors_shown(), st.spinner("Classifying the locked pictures…"):
            root = str(workspace.root)
            compute_client.call("measure_locked", root, run.project_id, run.id, timeout=SECONDS)
            st.rerun()


def _opened_text(locked: LockedTest) -> str:
    times = {0: "never been opened", 1: "been opened once"}
    said = times.get(locked.opened, f"been opened {locked.opened} times")
    return (
        f"{locked.images:,} pictures are [[held out|locked test set]]. They have {said}. Choosing "
        "by their result makes it too good: open the set once, when everything else is decided."
    )
