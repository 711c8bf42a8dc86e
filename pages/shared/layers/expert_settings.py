"""The expert settings of a training: folded, good as they are, each said in a sentence."""

from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from pages.shared import state
from pages.shared.glossary import term
from pages.shared.layers.approach_words import CHOICE_TEXT, OPTION_TEXT
from pages.shared.layers.draft import change_draft, saver
from tl_core.runs.approach import ApproachFacts, Option
from tl_core.runs.configuration import MOST_STEPS, TrainingConfig


class _Number(NamedTuple):
    name: str
    label: str
    low: float
    high: float
    step: float
    help: str
    form: str | None = None


_NUMBERS = (
    _Number(
        "views", "Augmented versions per picture", 1, 16, 1,
        "How many augmented versions of each picture are computed when augmentation is on and "
        "the backbone is frozen; the time grows with their number.",
    ),
    _Number("batch_size", "Batch size (pictures)", 1, 1024, 1, term("batch")),
    _Number(
        "classifier_lr", "Learning rate of the classifier", 1e-6, 1.0, 1e-5,
        term("learning rate"), "%.6f",
    ),
    _Number(
        "backbone_lr", "Learning rate of the last backbone group", 1e-7, 1.0, 1e-5,
        "Pretrained layers are updated in smaller steps than the new classifier.",
        "%.7f",
    ),
    _Number(
        "layer_decay", "Learning rate factor per earlier group", 0.05, 1.0, 0.05,
        "Early layers detect edges and colours, which suit every picture; they are changed least.",
        "%.2f",
    ),
    _Number("weight_decay", "Weight decay", 0.0, 1.0, 1e-4, term("weight decay"), "%.5f"),
    _Number("seed", "Seed", 0, 2**32 - 1, 1, term("seed")),
)  # fmt: skip


def expert_settings(config: TrainingConfig, facts: ApproachFacts) -> None:
    """Draw the settings that the approach heeds; each is stored as soon as it changes."""
    with st.expander(
        "Expert settings (the defaults are good)", key="part-expert", icon=":material/tune:"
    ):
        if "balanced" in facts.settings:
            st.checkbox(
                "Weight all classes equally, however many pictures they have",
                value=state.show_stored("expert-balanced", config.balanced),
                key="expert-balanced",
                help=term("class weights"),
                on_change=saver("balanced", "expert-balanced"),
            )
        if "steps" in facts.settings:
            _steps(config)
        shown = [one for one in _NUMBERS if one.name in (*facts.settings, "seed")]
        for option in facts.options:
            if not option.kind:  # others are drawn with the approach
                _option(option, config)
        for start in range(0, len(shown), 2):
            for column, number in zip(st.columns(2), shown[start : start + 2], strict=False):
                with column:
                    _input(number, config)


def _option(option: Option, config: TrainingConfig) -> None:
    """Draw a setting that this approach alone has."""
    key = f"option-{option.name}"
    label = OPTION_TEXT.get(option.name, option.name.replace("_", " ").capitalize())
    stored = state.show_stored(key, config.options.get(option.name, option.default))

    def store() -> None:
        value = state.widget_value(key)
        change_draft(lambda now: replace(now, options={**now.options, option.name: value}))

    if isinstance(option.default, bool):
        st.checkbox(label, value=stored, key=key, on_change=store)
    elif option.choices:
        st.selectbox(
            label,
            option.choices,
            format_func=lambda name: CHOICE_TEXT.get(name, name),
            key=key,
            on_change=store,
        )
    elif isinstance(option.default, str):
        st.text_input(label, value=stored, key=key, on_change=store)
    else:
        kind = type(option.default)
        limits = [None if end is None else kind(end) for end in (option.least, option.most)]
        st.number_input(label, *limits, value=stored, key=key, on_change=store)


def _input(number: _Number, config: TrainingConfig) -> None:
    key = f"expert-{number.name}"
    st.number_input(
        number.label,
        value=state.show_stored(key, getattr(config, number.name)),
        min_value=number.low,
        max_value=number.high,
        step=number.step,
        format=number.form,
        help=number.help,
        key=key,
        on_change=saver(number.name, key),
    )


def _steps(config: TrainingConfig) -> None:
    state.show_stored("expert-steps", config.steps)
    st.number_input(
        "Steps",
        min_value=1,
        max_value=MOST_STEPS,
        step=50,
        value=None,  # what an emptied field comes to
        placeholder="chosen from the number of pictures",
        help=term("step"),
        key="expert-steps",
        on_change=saver("steps", "expert-steps"),
    )
