"""Fine-tuning as a second step: what it would cost, whether it is likely to pay, what it gained.

The probe before it is a usable model and stays shown. Nobody waits for this unasked.
"""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_so_far, ask, wait_for_all
from pages.shared.elements import errors_shown, name_text, note_text
from pages.shared.journey import TRAINING
from pages.shared.layers.approach_choice import tells_classes
from pages.shared.results import report_of
from pages.shared.run_choice import run_config
from pages.shared.run_control import STATE_TEXT, start
from pages.shared.text import duration
from pages.shared.training.progress import follow_training
from pages.shared.transfer.comparison import comparison_of
from tl_core.images import ClassSummary, count_learnable
from tl_core.runs import Run
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.results.report import Report
from tl_core.workspace import Project

IMPROVE = "improve"  # the approach that tries fine-tuning
LIMIT_SECONDS = 7200  # the person has seen what it costs, and can stop it
PAYS_FROM = 100  # pictures per class; below, a probe was the answer on 8 of 10 sets


def first_step_of(run: Run | None, runs: Sequence[Run]) -> Run | None:
    """Return the finished run that `run` is the second step of; None if it is none."""
    if run is None:
        return None
    return next((one for one in runs if not one.active and _follows(run, one)), None)


def second_step(
    project: Project,
    run: Run,
    runs: Sequence[Run],
    names: dict[str, str],
    classes: Sequence[ClassSummary],
) -> None:
    """Draw what fine-tuning does beside a finished probe: the offer, the progress, the outcome.

    Args:
        project: Where it trains.
        run: The run that is shown; one without a result has no second step.
        runs: All of the project, the newest first.
        names: Their short names by id.
        classes: Those that take part.
    """
    if run.active or run.accuracy is None:
        return
    known = answer_so_far(ask("list_approaches"))
    config = run_config(run)
    if not known or IMPROVE not in known:
        return
    if known[config.strategy].step_plan or not tells_classes(known[config.strategy]):
        return
    following = next((one for one in runs if _follows(one, run)), None)
    with st.container(border=True, key="card-second-step"):
        if following is None or (following.state in ("failed", "lost") and not following.active):
            _offer(project, _second(config), classes)
        elif following.active:
            name_text("Fine-tuning", note="Your model above stays as it is and can be used now.")
            follow_training(following)
        else:
            _outcome(following, names[following.id], report_of(following))


def forecast_text(per_class: int, nearness: str | None) -> str:
    """Return whether fine-tuning is likely to pay.

    Args:
        per_class: Pictures per class, on average.
        nearness: How near the pictures are to the pretraining data, if that was measured.
    """
    if per_class >= PAYS_FROM:
        return f"It may pay: you have about {per_class:,} pictures per class."
    if nearness == "far":
        return "It may pay: your pictures are far from the pretraining data."
    return (
        f"It rarely pays with fewer than about {PAYS_FROM} pictures per class; you have about "
        f"{per_class:,}."
    )


def outcome_text(report: Report) -> str:
    """Return what fine-tuning gained, against the probe on the same pictures."""
    if report.trial_gain is None:
        return "Fine-tuning was not tried to the end. Your model stays as it is."
    points = f"{100 * report.trial_gain:+.1f}".replace("-", "−")
    on = f"over linear probing in the same folds of {report.evaluation.n:,} pictures"
    if report.trial_kept:
        return f"{points} points {on}: clearly more, so its network is kept as a run of its own."
    return f"{points} points {on}: not clearly more. Your model stays as it is."


def _follows(run: Run, first: Run) -> bool:
    """Whether a run tries fine-tuning with the settings of an earlier one that did not."""
    config, before = run_config(run), run_config(first)
    return run.created > first.created and before != config == _second(before)


def _second(config: TrainingConfig) -> TrainingConfig:
    """Return the settings of the second step after a first one with these."""
    return replace(config, strategy=IMPROVE, tuning_seconds=LIMIT_SECONDS)


def _offer(project: Project, config: TrainingConfig, classes: Sequence[ClassSummary]) -> None:
    estimate = ask("estimate_seconds", str(state.current_workspace().root), project.id, config)
    seconds = answer_so_far(estimate)
    found = comparison_of(project).found
    nearness = found.distance.nearness if found and found.distance else None
    pictures = count_learnable(state.current_workspace(), project.id)
    name_text(
        "Second step: fine-tuning",
        note=f"{forecast_text(pictures // max(1, len(classes)), nearness)} It is kept only if it "
        "is clearly better.",
        clip=False,
    )
    cost = f": about {duration(seconds['total'])} on an idle computer" if seconds else ""
    st.button(
        f"See whether fine-tuning gains more{cost}",
        key="second-step",
        icon=":material/trending_up:",
        on_click=_start,
        args=(project, config),
    )
    wait_for_all([estimate], key="second-estimate", doing="Estimating the time")


def _start(project: Project, config: TrainingConfig) -> None:
    with errors_shown():
        start(project.id, "train", config_to_json(config))


def _outcome(run: Run, name: str, report: Report | None) -> None:
    name_text("Second step: fine-tuning")
    note_text(outcome_text(report) if report else f"It was {STATE_TEXT[run.state]}.")
    if report and report.trial_gain is None:
        note_text(*report.notes)
    st.page_link(
        TRAINING,
        label=f"Look at {name.split(' · ')[0]}",
        icon=":material/show_chart:",
        query_params=state.address(run=run.id),
    )
