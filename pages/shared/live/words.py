"""The live model in words: its number, what the last change did, why there is no number."""

from pages.shared.text import percent, sureness
from tl_core.runs.results.live import LiveAnswer, LiveState

MISSING_TEXT = {
    "backbone": "No accuracy yet: choose a backbone.",
    "classes": "No accuracy yet: two classes with two pictures each are needed.",
    "second": "It answers already, by the nearest class mean. How accurate it is cannot be known "
    "from one picture of a class: add a second one of each.",
    "features": "Preparing the model…",
    "groups": "The accuracy cannot be measured: all pictures of a class are one group, such as one "
    "recording. Add pictures from another occasion.",
}
MEASURED_ON = "pictures, each classified by a model fitted without it and its [[group]]"
HELD_OUT = "test pictures that the model did not learn from"


def number_text(state: LiveState) -> str:
    """Return the accuracy in a few words; every answer right is no proof of 100 %."""
    low, _high = state.interval
    if state.correct == state.n:
        return f"at least {percent(low)}"
    return percent(state.accuracy)


def measured_text(state: LiveState) -> str:
    """Return on what the number rests, as it reads after it."""
    low, high = state.interval
    held_out = state.groups == 1
    pictures = f"{state.n:,} test pictures" if held_out else f"{state.n:,} pictures"
    if 1 < state.groups <= state.n / 2:  # a few copies are no news
        pictures += f" in {state.groups:,} groups"
    how = "held out" if held_out else "[[cross-validated|cross-validation]]"
    if state.correct == state.n:
        return f"all {pictures} right, {how}"
    return f"of {pictures}, {how} ({100 * low:.0f} to {percent(high)})"


def measured_on(state: LiveState) -> str:
    """Return which pictures the number is about, as it reads after their number."""
    return HELD_OUT if state.groups == 1 else MEASURED_ON


def change_text(change: float) -> str:
    """Return what the last change did, in percentage points."""
    points = round(100 * change, 1)
    return f"{points:+.1f}".replace("-", "−") if points else "±0"


def looking_text(state: LiveState) -> str | None:
    """Return how many pictures have been looked at; None when all have, or before the first.

    Until the model is loaded nothing is known of pictures that were looked at earlier.
    """
    if not 0 < state.seen < state.total:
        return None
    return f"looked at {state.seen:,} of {state.total:,} pictures"


def unmeasured_text(state: LiveState, most: int = 3) -> str | None:
    """Return which classes the number leaves out, a sentence; None for none."""
    if not state.unmeasured:
        return None
    names = ", ".join(f"“{name}”" for name in state.unmeasured[:most])
    if len(state.unmeasured) > most:
        names += f" and {len(state.unmeasured) - most} more"
    return f"Without {names}: all pictures there are one group, so none can be held out."


def missing_text(state: LiveState) -> str | None:
    """Return why there is no number, a sentence; None when there is one or pictures are coming."""
    if state.missing is None or (state.missing == "features" and looking_text(state)):
        return None
    return MISSING_TEXT[state.missing]


def answer_title(answer: LiveAnswer) -> str:
    """Return what the model says of one picture, in words."""
    said = f"The model says {answer.class_name}, {sureness(answer.probability)}"
    if answer.own is not None and answer.own < answer.probability:
        said += f"; its own label {sureness(answer.own)}"
    return f"{said}. Unlike the pictures it learned from." if answer.unlike else said
