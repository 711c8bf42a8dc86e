"""Fine-tuning as a second step on the Training page: offered, started, compared."""

from dataclasses import replace

import pytest
from compute_stand_in import FACTS
from projects import project_with_pictures
from results import finished_run
from sessions import open_app, texts

from pages.shared.compute import forget
from pages.shared.training.second_step import IMPROVE, forecast_text, outcome_text
from tl_core import runs
from tl_core.runs.configuration import config_from_json
from tl_core.runs.results.report import read_report

PAGE = "pages/4_training.py"


@pytest.fixture
def probe(workspace):
    """A finished probe in a project of its own, where fine-tuning can be tried."""
    forget("list_approaches")
    project = project_with_pictures(each=10)
    run, _ = finished_run(project)
    yield project, run
    forget("list_approaches")


def of_strategy(workspace, project, strategy: str) -> list[runs.Run]:
    found = runs.list_runs(workspace, project.id)
    return [run for run in found if config_from_json(run.config).strategy == strategy]


def test_it_is_offered_below_a_probe_with_its_cost_and_a_forecast(probe):
    app = open_app(PAGE, probe[0])
    assert not app.exception
    assert app.button(key="second-step").label == (
        "See whether fine-tuning gains more: about 12 seconds on an idle computer"
    )
    assert "rarely pays" in texts(app)


def test_one_click_starts_it_and_the_usable_model_stays_shown(workspace, probe):
    project, _run = probe
    app = open_app(PAGE, project)
    app.button(key="second-step").click().run()
    assert not app.exception
    (started,) = of_strategy(workspace, project, IMPROVE)
    assert started.state == "queued"
    for page in (app, open_app(PAGE, project)):  # also in a fresh browser
        assert "can be used now" in texts(page)
        assert "19 of 20" in texts(page)
        assert page.button(key=f"stop-{started.id}")
        assert not page.button(key="next-step").disabled


def test_nothing_is_offered_where_it_cannot_be_tried(probe, compute):
    compute.answers["list_approaches"] = {name: FACTS[name] for name in FACTS if name != IMPROVE}
    forget("list_approaches")
    app = open_app(PAGE, probe[0])
    assert not [button for button in app.button if button.key == "second-step"]


@pytest.mark.parametrize(
    ("per_class", "nearness", "words"),
    [(150, None, "may pay"), (40, "far", "may pay"), (40, "near", "rarely"), (40, None, "rarely")],
)
def test_the_forecast_looks_at_pictures_per_class_and_distance(per_class, nearness, words):
    assert words in forecast_text(per_class, nearness)


def test_the_outcome_is_said_against_the_probe(workspace, probe):
    project, run = probe
    report = read_report(workspace.run_dir(project.id, run.id))
    assert "+2.1 points" in outcome_text(replace(report, trial_gain=0.021, trial_kept=True))
    assert "stays as it is" in outcome_text(replace(report, trial_gain=-0.004))
    assert "not tried to the end" in outcome_text(report)
