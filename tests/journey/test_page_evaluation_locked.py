"""Evaluation: the locked part is opened by a button, and the page says how often it was."""

import pytest
from projects import project_with_pictures
from results import finished_run
from sessions import open_app, press, texts

from tl_core.images import draw_locked_test, open_locked_test
from tl_core.runs.results.locked import LockedResult, write_locked_result

PAGE = "pages/5_evaluation.py"
pytestmark = pytest.mark.usefixtures("compute")


def test_without_a_locked_part_nothing_is_shown():
    project = project_with_pictures(each=10)
    finished_run(project)
    assert "locked test set" not in texts(open_app(PAGE, project)).lower()


def test_the_button_opens_it_and_the_count_is_shown(compute, workspace):
    project = project_with_pictures(each=10)
    draw_locked_test(workspace, project.id)
    run, _ = finished_run(project)

    def opened(_root, project_id, run_id):
        assert run_id == run.id
        result = LockedResult(correct=3, n=4, opened=open_locked_test(workspace, project_id))
        write_locked_result(workspace.run_dir(project_id, run_id), result)
        return result

    app = open_app(PAGE, project)
    assert not app.exception and "never been opened" in texts(app)
    compute.answers["measure_locked"] = opened
    app = press(app, "Open it for this run")
    assert "3 of 4: 75 %" in texts(app) and "been opened once" in texts(app)


def test_a_run_from_before_the_lock_has_no_button(workspace):
    project = project_with_pictures(each=10)
    finished_run(project)
    draw_locked_test(workspace, project.id)
    app = open_app(PAGE, project)
    assert "Train again to measure" in texts(app)
    assert "Open it for this run" not in [button.label for button in app.button]
