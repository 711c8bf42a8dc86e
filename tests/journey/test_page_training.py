"""Training: start, watch, stop, resume, compare; everything shown comes from the disk."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from projects import project_with_pictures
from results import begun_run, epochs, finished_run
from sessions import NASTY, open_app, primary, run_in_address, texts

from pages.shared.results import result_text
from tl_core import runs
from tl_core.images import draw_locked_test
from tl_core.runs import events
from tl_core.runs.configuration import config_from_json
from tl_core.runs.draft import drafted_config
from tl_core.workspace import open_project

PAGE = "pages/4_training.py"
pytestmark = pytest.mark.usefixtures("compute")


def test_start_is_the_one_primary_button_and_queues_the_stored_settings(workspace):
    project = project_with_pictures()
    app = open_app(PAGE, project)
    assert primary(app) == ["Start training"]
    app.button(key="start").click().run()
    assert not app.exception
    (run,) = runs.list_runs(workspace, project.id)
    assert run.state == "queued"
    assert config_from_json(run.config).strategy == "recommended"
    assert run_in_address(app) == run.id


def test_a_result_that_was_waited_for_is_welcomed_once(workspace):
    project = project_with_pictures(each=10)
    run, _ = finished_run(project)
    app = open_app(PAGE, project)
    assert not app.toast
    app.session_state["watched-run"] = run.id  # as while it was under way
    assert "Your model is ready" in app.run().toast[0].value
    assert not app.run().toast


def test_the_result_stands_before_the_next_training(workspace):
    project = project_with_pictures(each=10)
    finished_run(project)
    headings = [one.value for one in open_app(PAGE, project).subheader]
    assert headings.index("Run 1 · Linear probing") < headings.index("Next training")


def test_starting_twice_gives_one_run(workspace):
    project = project_with_pictures()
    first, second = open_app(PAGE, project), open_app(PAGE, project)
    first.button(key="start").click().run()
    second.button(key="start").click().run()
    assert len(runs.list_runs(workspace, project.id)) == 1


def test_a_run_at_work_shows_phase_progress_time_left_curves_and_stop(workspace):
    project = project_with_pictures()
    run = begun_run(project)
    run_dir = workspace.run_dir(project.id, run.id)
    runs.append_event(run_dir, events.Progress("probe", 3, 8, 4.0))
    app = open_app(PAGE, project)
    assert not app.exception
    assert "Compute features" in texts(app)
    progress = app.get("progress")[0].proto
    assert progress.text.startswith("Fitting the classifier")
    assert progress.text.endswith("3 of 8, about 4 seconds left")
    assert len(app.get("plotly_chart")) == 2
    app.button(key=f"stop-{run.id}").click().run()
    assert runs.get_run(workspace, run.id).state == "stopping"
    assert app.button(key=f"stop-{run.id}").disabled


def test_pictures_that_a_trial_prepares_are_not_counted_as_steps(workspace):
    project = project_with_pictures()
    run_dir = workspace.run_dir(project.id, begun_run(project).id)
    for event in (events.PhaseStarted("trial"), events.Progress("features", 32, 160, 4.0)):
        runs.append_event(run_dir, event)
    text = open_app(PAGE, project).get("progress")[0].proto.text
    assert text.startswith("Computing the features")
    assert text.endswith("32 of 160 pictures, about 4 seconds left")


def test_a_fresh_browser_shows_the_run_at_work():
    project = project_with_pictures()
    run = begun_run(project)
    assert run_in_address(open_app(PAGE, project)) == run.id


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_a_run_that_did_not_end_well_can_be_resumed(workspace, state):
    project = project_with_pictures()
    run = begun_run(project)
    trace = "Traceback: line 1" if state == "failed" else None
    runs.finish_run(workspace, run.id, state, message="The disk is full: <b>", traceback=trace)
    app = open_app(PAGE, project)
    assert [one.value for one in app.code] == ([trace] if trace else [])
    assert "The disk is full" in (app.error if state == "failed" else app.info)[0].value
    app.button(key="resume").click().run()
    assert runs.get_run(workspace, run.id).state == "queued"


def test_a_finished_run_says_k_of_n_with_its_interval_and_leads_on():
    project = project_with_pictures(each=10)
    finished_run(project)
    app = open_app(PAGE, project)
    assert not app.exception
    assert "19 of 20: 95 %" in texts(app)
    assert "95 % confidence interval 76 to 99 %" in texts(app)
    assert "20 test pictures that the model never saw" in texts(app)
    assert primary(app) == ["Next: evaluation"]
    assert "Try the model now" in [link.proto.label for link in app.get("page_link")]


def test_every_answer_right_is_not_called_a_hundred_percent():
    assert result_text(20, 20) == "20 of 20 right (at least 84 %)"
    assert result_text(18, 20) == "18 of 20: 90 %"
    assert result_text(18, 20, interval=(0.699, 0.972)) == "18 of 20: 90 % (70 to 97 %)"


def test_runs_are_compared_and_the_address_names_the_one_shown():
    project = project_with_pictures(each=10)
    first, _ = finished_run(project)
    second, _ = finished_run(project, wrong=4)
    app = open_app(PAGE, project)
    assert app.selectbox(key="run-shown").value == second.id
    assert "run" not in app.query_params  # nobody has chosen it
    assert list(app.dataframe[0].value["Result"])[1].startswith("19 of 20")
    app.selectbox(key="run-shown").set_value(first.id).run()
    assert run_in_address(app) == first.id
    assert "19 of 20: 95 %" in texts(app)


def test_the_table_of_runs_gives_the_interval_of_the_run_itself():
    project = project_with_pictures(each=10)
    finished_run(project)
    _, evaluation = finished_run(project, wrong=4, folds=5)
    low, high = evaluation.interval
    table = open_app(PAGE, project).dataframe[0].value
    assert f"({100 * low:.0f} to {100 * high:.0f} %)" in table["Result"][0]


def test_earlier_runs_lie_behind_the_curves():
    project = project_with_pictures(each=10)
    finished_run(project)
    finished_run(project)
    charts = open_app(PAGE, project).get("plotly_chart")
    assert "Run 1" in charts[0].proto.spec


def test_a_run_can_be_deleted(workspace):
    project = project_with_pictures(each=10)
    finished_run(project)
    app = open_app(PAGE, project)
    app.button(key="delete-run").click().run()
    assert not app.exception
    assert runs.list_runs(workspace, project.id) == []
    assert primary(app) == ["Start training"]


def drawn_lines(chart) -> dict[str, np.ndarray]:
    """Return the heights of a chart's lines by name; Plotly packs arrays as base64."""
    return {
        trace["name"]: np.frombuffer(base64.b64decode(trace["y"]["bdata"]), trace["y"]["dtype"])
        for trace in json.loads(chart.proto.spec)["data"]
    }


def test_an_epoch_told_twice_after_a_resume_is_drawn_once(workspace):
    project = project_with_pictures()
    run = begun_run(project)
    for event in epochs(6):
        runs.append_event(workspace.run_dir(project.id, run.id), event)
    lines = drawn_lines(open_app(PAGE, project).get("plotly_chart")[0])
    assert {name: len(points) for name, points in lines.items()} == {
        "training set": 6,
        "validation set": 6,
    }


def test_the_state_before_the_first_epoch_is_no_curve(workspace):
    project = project_with_pictures()
    run = begun_run(project)
    log = workspace.run_dir(project.id, run.id)
    (log / "events.jsonl").unlink()
    first = replace(epochs(1)[0], epoch=0, train_loss=None, train_accuracy=None)
    runs.append_event(log, first)
    app = open_app(PAGE, project)
    assert not app.exception
    assert not app.get("plotly_chart")
    runs.append_event(log, epochs(1)[0])
    assert len(open_app(PAGE, project).get("plotly_chart")) == 2


def test_one_class_only_is_answered_with_what_to_do():
    app = open_app(PAGE, project_with_pictures(class_names=("healthy",)))
    assert not app.exception
    assert "at least two classes" in app.info[0].value


def test_names_are_shown_as_they_are():
    project = project_with_pictures(NASTY, class_names=(NASTY, "b"), each=10)
    finished_run(project)
    app = open_app(PAGE, project)
    assert not app.exception
    assert "<b>bold" not in texts(app)


def test_settings_changed_after_a_run_are_those_of_the_next_one(workspace):
    project = project_with_pictures(each=10)
    finished_run(project)
    layers = open_app("pages/3_layers.py", project)
    layers.radio(key="preset").set_value("everything").run()
    app = open_app(PAGE, project)
    assert "Fine-tuning, all layers" in texts(app)
    app.button(key="start").click().run()
    newest = runs.list_runs(workspace, project.id)[0]
    assert config_from_json(newest.config) == drafted_config(open_project(workspace, project.id))


def test_curves_held_still_do_not_move_while_the_run_goes_on(workspace):
    project = project_with_pictures()
    run = begun_run(project)
    app = open_app(PAGE, project)
    app.toggle(key=f"hold-{run.id}").set_value(True).run()
    before = app.get("plotly_chart")[0].proto.spec
    for event in epochs(9):
        runs.append_event(workspace.run_dir(project.id, run.id), event)
    assert app.run().get("plotly_chart")[0].proto.spec == before
    app.toggle(key=f"hold-{run.id}").set_value(False).run()
    assert app.get("plotly_chart")[0].proto.spec != before


def test_locked_pictures_are_not_among_those_to_train_on(workspace):
    project = project_with_pictures(each=10)
    draw_locked_test(workspace, project.id)
    assert "16 pictures in 2 classes" in texts(open_app(PAGE, project))
