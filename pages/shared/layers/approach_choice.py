"""How to transfer: a card per approach, with what it needs, gives and costs, or what is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_or_wait, answer_so_far, ask
from pages.shared.elements import card, note_text
from pages.shared.journey import IMAGES, LAYERS, can_learn, usable_classes
from pages.shared.layers.approach_words import (
    APPROACH_TEXT,
    CLASSES,
    MISSING_TEXT,
    OPTION_TEXT,
    ApproachText,
)
from pages.shared.layers.draft import change_draft
from pages.shared.layers.strategies import LINEAR_PROBE, STRATEGY_NAMES, Known
from pages.shared.layout import require, require_classes
from pages.shared.text import counted, percent, plain
from tl_core.images import (
    ClassSummary,
    count_images,
    list_classes,
    list_places,
    list_questions,
)
from tl_core.runs.approach import (
    LABELS,
    QUESTIONS,
    ApproachFacts,
    Option,
    unmet_need,
)
from tl_core.runs.configuration import TrainingConfig
from tl_core.workspace import Project

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
LISTED = 8  # questions


@dataclass(frozen=True)
class Material:
    """What a project has to learn from.

    `places` are pictures, and how many have a label, by the name of the place; `questions`
    pictures by answer by further question; `unlabelled` pictures without a class.
    """

    classes: Sequence[ClassSummary]
    places: Mapping[str, tuple[int, int]]
    questions: Mapping[str, Mapping[str, int]]
    unlabelled: int

    def lacking(self, facts: ApproachFacts) -> str | None:
        """Return what an approach needs and is not there."""
        sizes = [total for total, _labelled in self.places.values()]
        asked, more = self.questions.values(), self.unlabelled
        return unmet_need(facts.needs, self.classes, sizes, asked, unlabelled=more)


def material_of(project: Project) -> Material:
    place = state.current_workspace(), project.id
    unlabelled = count_images(*place, class_name=None, excluded=False)
    return Material(list_classes(*place), list_places(*place), list_questions(*place), unlabelled)


def tells_classes(facts: ApproachFacts) -> bool:
    """Whether an approach needs labels only: it is chosen among the presets."""
    return facts.needs == (LABELS,)


def choose_approach(config: TrainingConfig, known: Known, material: Material) -> ApproachFacts:
    """Draw the cards; return what is chosen, which may still lack something."""
    shown = {LINEAR_PROBE.strategy: CLASSES}
    shown |= {name: text for name, text in APPROACH_TEXT.items() if name in known}
    chosen = known[config.strategy]
    now = LINEAR_PROBE.strategy if tells_classes(chosen) else chosen.name
    title = shown[now].title if now in shown else STRATEGY_NAMES.get(now, now)
    lacking = material.lacking(chosen) is not None
    with (
        st.expander(
            f"How to transfer: {title}",
            expanded=lacking,
            key="part-approach",
            icon=":material/alt_route:",
        ),
        st.grid(min_column_width=280, gap="small"),
    ):
        for name, text in shown.items():
            _approach_card(known[name], text, material.lacking(known[name]), chosen=name == now)
    return chosen


def _approach_card(
    facts: ApproachFacts, text: ApproachText, missing: str | None, *, chosen: bool
) -> None:
    with card(f"approach-{facts.name}", chosen=chosen):
        st.subheader(f":material/{text.icon}: {text.title}", anchor=False)
        note_text(f"Needs: {text.needs}", f"Gives: {text.gives}", f"Costs: {text.costs}")
        st.button(
            "Chosen" if chosen else "Choose",
            key=f"approach-{facts.name}",
            icon=":material/check:" if chosen else None,
            disabled=chosen or missing is not None,
            on_click=_choose,
            args=(facts.name,),
        )
        if missing:
            note_text(MISSING_TEXT[missing])
            st.page_link(
                IMAGES,
                label="Ask a question" if missing == QUESTIONS else "Add pictures",
                icon=":material/add_photo_alternate:",
                query_params=state.address(),
            )


def _choose(name: str) -> None:
    change_draft(lambda now: replace(now, strategy=name, frozen_groups=None, options={}))


def approach_options(config: TrainingConfig, facts: ApproachFacts, material: Material) -> None:
    """Draw the settings of an approach that has no presets; each is stored at once."""
    st.header(STRATEGY_NAMES.get(facts.name, facts.name), anchor=False)
    classes, places = material.classes, material.places
    if QUESTIONS in facts.needs:
        _list_questions(material)
    for option in facts.options:
        label = OPTION_TEXT.get(option.name, option.name.replace("_", " ").capitalize())
        if option.kind == "class" and len(classes) == 1:
            note_text(f"All pictures of “{classes[0].name}” count as normal.")
        elif option.kind == "class":
            holder = "Choose a class; all others are anomalous and only measure"
            _name_option(option, label, config, [one.name for one in classes], holder)
        elif option.kind == "place" and len(places) == 1:
            (name,) = places
            total, labelled = places[name]
            note_text(f"{counted(total, 'picture')} of “{name}”, {labelled:,} with a label.")
        elif option.kind == "place":
            _name_option(option, label, config, list(places), "Choose a place")
        elif option.kind == "share":
            _share_option(option, label, config)


def _list_questions(material: Material) -> None:
    """Say what is asked: the classes first, then the further questions."""
    lines = [
        f"“{name}”: {counted(sum(answers.values()), 'picture')}, "
        f"{counted(len(answers), 'answer')} ({', '.join(list(answers)[:LISTED])})"
        for name, answers in list(material.questions.items())[:LISTED]
    ]
    if len(usable_classes(material.classes)) > 1:
        lines.insert(0, f"Their class: {counted(len(material.classes), 'answer')}")
    more = len(material.questions) - LISTED
    note_text(*lines, *([f"and {more:,} more"] if more > 0 else []))


def _name_option(
    option: Option, label: str, config: TrainingConfig, names: Sequence[str], placeholder: str
) -> None:
    key, value = f"option-{option.name}", config.options.get(option.name)
    stored = state.show_stored(key, value if value in names else None)
    st.selectbox(
        label,
        names,
        index=None if stored is None else names.index(stored),
        placeholder=placeholder,
        key=key,
        on_change=_store_option(option, key),
    )


def _share_option(option: Option, label: str, config: TrainingConfig) -> None:
    key, value = f"option-{option.name}", config.options.get(option.name, option.default)
    st.select_slider(
        label,
        sorted({*SHARES, value}),
        value=state.show_stored(key, value),
        format_func=percent,
        key=key,
        on_change=_store_option(option, key),
        help="A lower share raises the threshold: fewer false alarms, more anomalies missed.",
    )


def _store_option(option: Option, key: str) -> Callable[[], None]:
    def store() -> None:
        value = state.widget_value(key)
        change_draft(
            lambda now: (
                replace(now, options={**now.options, option.name: value})
                if value is not None
                else now
            )
        )

    return store


def require_needs(project: Project, config: TrainingConfig) -> list[ClassSummary]:
    """Return the classes if the approach has what it needs; else say what is missing, and stop."""
    material = material_of(project)
    classes, places = material.classes, material.places
    usable, asked = usable_classes(classes), ask("list_approaches")
    if len(usable) >= 2:  # what most approaches need: nobody has to wait to hear so
        known = answer_so_far(asked)
    else:
        known = answer_or_wait(asked, key="needs", doing="Loading the training methods")
        if known is None:
            st.stop()
    need = material.lacking(known[config.strategy]) if known else None
    if need == LABELS and can_learn(classes):
        require(
            False,
            f"You need at least two classes, each with at least two pictures. There is only one "
            f"now: “{plain(usable[0].name)}”. If its pictures are all normal, the model can find "
            "what is not.",
            LAYERS,
            "Choose how to transfer",
        )
    if need == LABELS:
        return require_classes(project)
    require(need is None, MISSING_TEXT.get(need, ""), IMAGES, "Add pictures")
    if known:
        names = {"class": [one.name for one in classes], "place": list(places)}
        _require_choices(config, known[config.strategy], names)
    return usable


def _require_choices(
    config: TrainingConfig, facts: ApproachFacts, names: Mapping[str, Sequence[str]]
) -> None:
    """Stop where an option names none of several classes or places."""
    for option in facts.options:
        there = names.get(option.kind, ())
        if len(there) > 1:
            chosen = config.options.get(option.name) in there
            question = OPTION_TEXT.get(option.name, option.name)
            require(chosen, question, LAYERS, "Choose it")
