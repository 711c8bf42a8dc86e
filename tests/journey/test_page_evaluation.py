"""Evaluation: the honest number, the matrix and its pictures, labels mended on the spot."""

from dataclasses import replace

import pytest
from projects import project_with_pictures
from results import assess_run, finished_run, made_up
from sessions import NASTY, open_app, primary, run_in_address, texts
from streamlit.testing.v1 import AppTest

from pages.shared.evaluation.cells import PANEL
from pages.shared.images.changes import act
from pages.shared.text import plain
from tl_core import images, runs
from tl_core.runs import workers
from tl_core.runs.results.answers import sure_from
from tl_core.runs.results.report import read_report, write_report
from tl_core.workspace import open_workspace
from tl_core.workspace.database import RunRow, session

PAGE = "pages/5_evaluation.py"
pytestmark = pytest.mark.usefixtures("compute")


@pytest.fixture
def project():
    return project_with_pictures(each=10)


def test_the_number_says_k_of_n_interval_pictures_and_method(project):
    finished_run(project)
    app = open_app(PAGE, project)
    assert not app.exception
    shown = texts(app)
    assert "19 of 20: 95 %" in shown
    assert "95 % confidence interval 76 to 99 %; measured on 20 test pictures" in shown
    assert primary(app) == ["Next: did the pretrained model help?"]


def test_test_pictures_that_were_learnt_from_are_said_first(project):
    run, _ = finished_run(project)
    run_dir = open_workspace().run_dir(project.id, run.id)
    message = "57 of your 58 test pictures are in the training folder too."
    found = {"test_overlap": {"message": message}}
    write_report(run_dir, replace(read_report(run_dir), findings=found))
    app = open_app(PAGE, project)
    assert not app.exception
    assert plain(message) in [one.value for one in app.warning]


def test_all_right_reads_at_least(project):
    finished_run(project, wrong=0)
    shown = texts(open_app(PAGE, project))
    assert "20 of 20 right" in shown and "as low as 84 %" in shown
    assert "100 %" not in shown.split("tl-note")[0]
    assert "No picture was misclassified" in shown


def test_the_worst_cell_is_open_and_the_lists_choose_another(project):
    run, _ = finished_run(project, wrong=2)
    app = open_app(PAGE, project)
    true, predicted = (app.selectbox(key=f"cell-{side}-{run.id}") for side in ("true", "predicted"))
    assert (true.value, predicted.value) == (0, 1)
    assert "2 labelled “healthy”, predicted “rust”" in texts(app)
    predicted.set_value(0).run()
    assert "8 labelled “healthy”, predicted “healthy”" in texts(app)


def test_the_class_table_has_precision_and_recall(project):
    finished_run(project, wrong=2)
    app = open_app(PAGE, project)
    table = app.dataframe[0].value
    assert list(table["Class"]) == ["healthy", "rust"]
    assert list(table["Recall"]) == ["80 %", "100 %"]
    assert list(table["Precision"]) == ["100 %", "83 %"]
    assert "Lowest recall: “healthy”, 8 of 10" in texts(app)


def test_relabelling_is_stored_undone_and_said_on_the_page(workspace, project):
    _, evaluation = finished_run(project)
    digest = evaluation.digests[0]
    (record,) = images.get_images(workspace, project.id, [digest])
    act(project.id, "class:rust", [str(record.id)])
    assert images.get_images(workspace, project.id, [digest])[0].class_name == "rust"
    app = open_app(PAGE, project)
    assert app.info[0].value.startswith("1 of the tested pictures was relabelled")
    assert "19 of 20" in texts(app)  # the number stays that of the old labels
    app.button(key="undo").click().run()
    assert images.get_images(workspace, project.id, [digest])[0].class_name == "healthy"
    assert not app.info


def test_excluding_counts_as_a_change(workspace, project):
    _, evaluation = finished_run(project)
    records = images.get_images(workspace, project.id, evaluation.digests[:3])
    act(project.id, "exclude", [str(record.id) for record in records])
    assert "3 of the tested pictures were" in open_app(PAGE, project).info[0].value


def test_the_run_in_the_address_is_the_one_shown(project):
    finished_run(project, wrong=0)
    second, _ = finished_run(project, wrong=3)
    app = open_app(PAGE, project)
    assert "20 of 20" in texts(app)  # the best
    app.selectbox(key="run-shown").set_value(second.id).run()
    assert run_in_address(app) == second.id
    assert "17 of 20" in texts(app) and "The best so far is Run 1 " in texts(app)


def test_a_stopped_run_is_not_what_opens(workspace, project):
    finished_run(project, wrong=3)
    stopped, _ = finished_run(project, wrong=0)
    with session(workspace) as opened:
        opened.get(RunRow, stopped.id).state = "stopped"
    assert "17 of 20" in texts(open_app(PAGE, project))


def opened_on(app, evaluation, at: int):
    """Let the page show its panel on one of the tested pictures."""
    app.session_state["panel-open"] = (visits_of(app), PANEL, (evaluation.digests[at],), 0)
    return app.run()


def visits_of(app) -> int:
    return app.session_state["visits"]


def test_a_mistake_opens_large_with_its_heat_map_and_is_mended_there(compute, workspace, project):
    run, evaluation = finished_run(project)
    app = open_app(PAGE, project)
    assert not [q for q in compute.asked if q[0] == "explain"]  # only when somebody looks
    opened_on(app, evaluation, 0)
    assert not app.exception
    (question,) = [q for q in compute.asked if q[0] == "explain"]
    assert question[2:] == (project.id, run.id, evaluation.digests[0], 1)
    assert "Most probably" in texts(app)
    (record,) = images.get_images(workspace, project.id, evaluation.digests[:1])
    app.segmented_control(key=f"mend-{record.id}").set_value("rust").run()
    assert images.get_images(workspace, project.id, [record.id])[0].class_name == "rust"
    opened_on(app, evaluation, 0)
    app.button(key="panel-undo").click().run()
    assert images.get_images(workspace, project.id, [record.id])[0].class_name == "healthy"


def test_training_again_takes_the_mended_labels(compute, workspace, project, monkeypatch):
    monkeypatch.setattr(workers, "ensure_workers", lambda _workspace: None)
    _, evaluation = finished_run(project)
    app = open_app(PAGE, project)
    opened_on(app, evaluation, 0)
    assert "Train again" not in [button.label for button in app.button]
    (record,) = images.get_images(workspace, project.id, evaluation.digests[:1])
    act(project.id, "class:rust", [str(record.id)])
    opened_on(app, evaluation, 0)
    app.button(key="panel-train").click().run()
    assert runs.list_runs(workspace, project.id)[0].active
    assert "Train the model" in [title.value for title in app.title]


def test_a_clicked_cell_opens_on_its_first_picture(project):
    run, evaluation = finished_run(project, wrong=2)

    def script(project_id, run_id):
        import streamlit as st

        from pages.shared import state
        from pages.shared.evaluation.cells import open_tested, records_of
        from pages.shared.results import report_of
        from tl_core.runs import get_run
        from tl_core.workspace import open_project

        workspace = state.current_workspace()
        found = report_of(get_run(workspace, run_id)).evaluation
        records = records_of(open_project(workspace, project_id), found)
        open_tested(found, found.at(0, 1), records)
        st.write("/".join(state.widget_value("panel-open")[2]))

    app = AppTest.from_function(script, args=(project.id, run.id)).run()
    assert app.markdown[0].value == "/".join(evaluation.digests[:2])


def test_without_a_result_the_page_leads_to_training(project):
    app = open_app(PAGE, project)
    assert not app.exception
    assert "no trained model yet" in app.info[0].value


def test_classes_with_markup_in_their_names_are_shown_literally(workspace):
    project = project_with_pictures(class_names=(NASTY, "<img src=x>"), each=10)
    finished_run(project)
    app = open_app(PAGE, project)
    assert not app.exception
    assert "<img src=x>" not in texts(app)
    assert "&lt;img src=x&gt;" in texts(app)


def test_a_class_deleted_since_the_run_leaves_the_page_whole(workspace, project):
    finished_run(project)
    images.delete_class(workspace, project.id, "rust")
    app = open_app(PAGE, project)
    assert not app.exception
    assert "10 of the tested pictures were" in app.info[0].value


def test_without_a_comparison_sureness_points_to_where_it_is_measured(project):
    finished_run(project)
    assert "measured with the comparison" in texts(open_app(PAGE, project))


def test_the_threshold_trades_answers_for_right_ones(workspace, project):
    finished_run(project)
    assess_run(project, made_up(project))
    app = open_app(PAGE, project)
    assert not app.exception
    assert "40 of 40 pictures get an answer" in texts(app)
    app.select_slider(key="not-sure").set_value(0.8).run()
    assert sure_from(workspace.project_dir(project.id)) == 0.8
    shown = texts(app)
    assert "lowered the confidence (temperature 1.40)" in shown
    assert "32 of 40 pictures get an answer, 31 of them (97 %) correctly" in shown
    assert "1.3 classes on average" in shown
    assert "expect 80 to 97 %" in shown
    app.select_slider(key="not-sure").set_value(0.99).run()
    assert "no picture gets an answer" in texts(app)
