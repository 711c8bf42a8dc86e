"""What a model says of one picture: the winner large, the other classes as bars."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from pages.shared.class_colours import class_chip, class_colours
from pages.shared.text import html_text, percent, sureness

TOP = 5  # classes


def show_answer(
    project_id: str, class_names: Sequence[str], probabilities: Sequence[float], **said: object
) -> None:
    """Draw the answer and the most probable classes, as `answer_html` has them."""
    colours = class_colours(project_id, class_names)
    st.html(answer_html(class_names, probabilities, colours, **said))


def answer_html(
    class_names: Sequence[str],
    probabilities: Sequence[float],
    colours: Mapping[str, str],
    *,
    sure_from: float = 0.0,
    unlike: bool = False,
) -> str:
    """Return the answer and the most probable classes as HTML.

    Args:
        class_names: K names.
        probabilities: Fractions that add up to 1, shape (K,).
        colours: CSS colours by class name.
        sure_from: Below this probability the answer is “not sure”.
        unlike: Whether the picture is unlike those that the model learnt from.
    """
    order = np.argsort(probabilities)[::-1][:TOP]
    name, best = class_names[order[0]], float(probabilities[order[0]])
    chip, share = class_chip(name, colours[name]), html_text(sureness(best))
    if unlike or best < sure_from:
        why = "Unlike your pictures" if unlike else "Not sure"
        rest = "do not rely on it" if unlike else f"you asked for {html_text(percent(sure_from))}"
        head = (
            f'<div class="tl-winner tl-unsure">{why}</div>'
            f'<div class="tl-note">Most probably {chip}, {share}; {rest}.</div>'
        )
    else:
        head = (
            '<div class="tl-note">Most probably</div>'
            f'<div class="tl-winner">{chip} <b>{share}</b></div>'
        )
    rows = "".join(
        _bar(class_names[i], float(probabilities[i]), colours[class_names[i]]) for i in order
    )
    return f'<div class="tl-answer">{head}<div class="tl-bars">{rows}</div></div>'


def _bar(name: str, probability: float, colour: str) -> str:
    return (
        f"<div>{class_chip(name, colour)}<span>{html_text(sureness(probability))}</span>"
        f'<div class="tl-track"><div style="width:{100 * probability:.1f}%;background:{colour}">'
        "</div></div></div>"
    )
