"""Presets, slider and the row of blocks, in step with each other; and what the choice costs."""

from concurrent.futures import Future

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_so_far
from pages.shared.elements import note_text
from pages.shared.layers.draft import change_draft, saver
from pages.shared.layers.stages import RANDOM, TRAINED, TRIED, drawing, show_stages
from pages.shared.layers.strategies import (
    Known,
    Preset,
    frozen_groups,
    preset_of,
    presets,
    with_frozen,
    with_preset,
)
from pages.shared.text import counted, device_text, duration
from pages.shared.transfer.comparison import comparison_of
from pages.shared.transfer.findings import layer_by_layer
from tl_core.runs.catalogue import LayerBlock
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.draft import chosen_backbone
from tl_core.workspace import Project

SCRATCH, IMPROVE = "scratch", "improve"
LIMITS = (0, 30, 60, 180, 600, 1800, 7200)  # seconds
LIMIT_TEXT = {0: "Do not try it", 60: "1 minute"}


def choose_strategy(
    project: Project, groups: list[LayerBlock], config: TrainingConfig, known: Known
) -> None:
    """Draw presets, slider and the row of blocks; each follows what is stored."""
    total = len(groups)
    chosen = state.show_stored("preset", preset_of(config, total, known))
    by_id = presets(known)
    _illustrate(list(by_id.values()), config, known, total)
    st.radio(
        "Training method",
        list(by_id),
        index=list(by_id).index(chosen),
        format_func=lambda preset: by_id[preset].label,
        key="preset",
        width="stretch",
        on_change=lambda: change_draft(
            lambda before: with_preset(before, str(state.widget_value("preset")), total, known)
        ),
    )
    note_text(by_id[chosen].caption)
    if "tuning_seconds" in known[config.strategy].settings:
        _limit(config)
    st.slider(
        "Frozen layer groups, counted from the input",
        0,
        total - 1,
        state.show_stored("frozen-groups", frozen_groups(config, total, known)),
        key="frozen-groups",
        help="The classifier, the last group, is always trained.",
        on_change=lambda: _freeze(total, known),
    )
    show_stages(
        project,
        config.backbone,
        groups,
        frozen_groups(config, total, known),
        scratch=config.strategy == SCRATCH,
    )


def _illustrate(shown: list[Preset], config: TrainingConfig, known: Known, total: int) -> None:
    """Put a small picture of the network above each preset's name, by the place in the list."""
    rules = [
        f".st-key-preset [role=radiogroup] > :nth-child({place}) {{ --drawing: "
        f"{drawing(total, one.groups(known, config, total), kind=_kind(one))}; }}"
        for place, one in enumerate(shown, start=1)
    ]
    st.html(f"<style>{' '.join(rules)}</style>")


def _kind(preset: Preset) -> str:
    return {SCRATCH: RANDOM, IMPROVE: TRIED}.get(preset.strategy, TRAINED)


def _freeze(total: int, known: Known) -> None:
    frozen = int(state.widget_value("frozen-groups"))
    change_draft(lambda before: with_frozen(before, frozen, total, known))


def _limit(config: TrainingConfig) -> None:
    limits = sorted({*LIMITS, config.tuning_seconds})
    st.selectbox(
        "Time limit for the fine-tuning trial",
        limits,
        index=limits.index(state.show_stored("tuning-seconds", config.tuning_seconds)),
        format_func=lambda seconds: LIMIT_TEXT.get(seconds) or duration(seconds),
        key="tuning-seconds",
        width=340,
        help="The trial fine-tunes the last stage several times, each time holding out some of "
        "your pictures, and measures the accuracy on those. If it would take longer than this, "
        "it is skipped and the linear probe is your model.",
        on_change=saver("tuning_seconds", "tuning-seconds"),
    )


def show_depth(project: Project, frozen: int) -> None:
    """Draw how good each layer group is for these classes, where that has been measured."""
    comparison = comparison_of(project)
    if comparison.found is None or comparison.found.layers is None:
        return
    if chosen_backbone(project).name != comparison.found.backbone:
        return  # its layer groups are others
    with st.expander("Accuracy by layer group", key="part-layers", icon=":material/layers:"):
        layer_by_layer(comparison.found.layers, frozen=frozen)
        note_text(
            "Measured with a linear classifier on the output of each [[layer group]].",
            *([comparison.outdated] if comparison.outdated else []),
        )


def show_costs(estimate: Future, config: TrainingConfig, *, pictures: int) -> None:
    """Draw what the choice costs, as far as it is known by now."""
    seconds = answer_so_far(estimate)
    value = f"About {duration(seconds['total'])} {_time_note(seconds, config)}" if seconds else "…"
    if estimate.done() and not seconds:
        value = "Time unknown"
    note_text(f"{value} · {counted(pictures, 'picture')}")


def _time_note(seconds: dict, config: TrainingConfig) -> str:
    note, trial = (
        f"on {device_text(seconds['device'], seconds['cores'])}",
        seconds.get("trial", 0.0),
    )
    if not trial:
        return note
    if seconds["tried"]:
        return f"{note}; of which {duration(trial)} for the fine-tuning trial"
    return f"{note}; without the fine-tuning trial, which would take {duration(trial)}"
