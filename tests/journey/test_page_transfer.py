"""Transfer: the answer first, parts as they arrive, results of old labels marked as such."""

from dataclasses import replace

import pytest
from projects import project_with_pictures
from results import BARS, PARTS, a_verdict, assess_run, made_up
from sessions import NASTY, messages, open_app, press, primary, texts, without_tips

from tl_core import images
from tl_core.runs import append_event, get_run, list_runs
from tl_core.runs.draft import chosen_backbone, save_backbone
from tl_core.runs.events import PhaseStarted, Progress

PAGE = "pages/6_transfer.py"
pytestmark = pytest.mark.usefixtures("compute")


@pytest.fixture
def project():
    return project_with_pictures(each=10)


def progress_text(app) -> str:
    return app.get("progress")[0].proto.text


def lead(app) -> str:
    body = next(e.proto.body for e in app.get("html") if "tl-lead" in e.proto.body)
    return without_tips(body).replace("\xa0", " ")


@pytest.mark.parametrize(
    ("answer", "points", "word"),
    [
        ("helped", 20.0, "helped"),
        ("hurt", -15.0, "hurt"),
        ("no clear difference", 1.0, "No clear difference"),
    ],
)
def test_the_answer_is_the_first_sentence_with_points_and_interval(project, answer, points, word):
    assess_run(project, made_up(project, verdict=a_verdict(answer, points)))
    app = open_app(PAGE, project)
    assert not app.exception
    assert app.title[0].value == "Did the pretrained model help?"
    first = lead(app)
    assert f"{abs(points):.0f} point" in first or f"{points:+.0f} points" in first
    assert (
        f"95 % confidence interval {points - 12:+.0f} to {points + 12:+.0f}, same 40 pictures"
        in first
    )
    assert "a small network trained from scratch" in first
    assert word in first
    assert "Without: “Small network from scratch”" in texts(app)


def test_a_complete_comparison_shows_every_part_and_one_way_on(project):
    assess_run(project, made_up(project))
    app = open_app(PAGE, project)
    assert not app.exception
    assert len(app.get("plotly_chart")) == 3
    assert "38 of 40: 95 %" in texts(app)
    assert "features are similar to" in texts(app)
    assert "one of 1,000 pretraining classes" in texts(app)
    assert "are hardly distinguishable" in texts(app)
    assert "every method learned from the other 4 of 5 folds" in texts(app)
    assert primary(app) == ["Next: try it on new pictures"]
    assert {b.key for b in app.button} & {"compare", "renew", "rest"} == set()
    assert len(app.dataframe[0].value) == len(BARS)


def test_without_a_comparison_a_button_starts_one(workspace, project):
    app = open_app(PAGE, project)
    assert not app.exception
    app = press(app, "Compare now")
    assert not app.exception
    (run,) = list_runs(workspace, project.id, "assess")
    assert run.active
    assert run.config["scratch"] is False
    assert run.config["backbone"]["name"] == chosen_backbone(project).name
    assert "Being measured" in lead(app)
    assert not [b for b in app.button if b.label == "Compare now"]


def test_the_page_fills_while_parts_arrive_and_can_be_stopped(workspace, project):
    part = made_up(
        project, bars=("majority",), done=("majority",), verdict=None, layers=None, distance=None,
        similarities=(), learning=None,
    )  # fmt: skip
    run = assess_run(project, part, state=None)
    app = open_app(PAGE, project)
    assert not app.exception
    assert "Being measured" in lead(app)
    assert len(app.get("plotly_chart")) == 1
    assert "Accuracy by layer group follows." in texts(app)
    press(app, "Stop")
    assert get_run(workspace, run.id).state == "stopping"


def test_a_long_part_is_named_with_the_time_it_still_takes(workspace, project):
    done = tuple(name for name in PARTS if name != "small")
    run = assess_run(project, made_up(project, done=done), state=None)
    run_dir = workspace.run_dir(project.id, run.id)
    append_event(run_dir, PhaseStarted("assess"))
    assert "Now a small network from scratch" in progress_text(open_app(PAGE, project))
    append_event(run_dir, Progress("assess", 7, 8, 95.0))
    text = progress_text(open_app(PAGE, project))
    assert "7 of 8 parts are done. Now a small network from scratch, about 2 minutes left" in text


def test_a_stopped_comparison_keeps_its_parts_and_offers_the_rest(workspace, project):
    part = made_up(project, done=("majority",), layers=None)
    run = assess_run(project, part, state="stopped")
    app = open_app(PAGE, project)
    assert "Accuracy by layer group was not measured." in texts(app)
    app = press(app, "Measure the rest")
    assert not app.exception
    assert get_run(workspace, run.id).state == "queued"
    assert "38 of 40" in texts(app)


def test_changed_labels_mark_the_results_as_old_and_offer_to_renew(workspace, project):
    assess_run(project, made_up(project))
    record = images.list_images(workspace, project.id)[0]
    images.assign_class(workspace, project.id, [record.id], "rust")
    app = open_app(PAGE, project)
    assert "Measure again to update" in messages(app)
    assert "38 of 40" in texts(app)
    press(app, "Measure again")
    assert list_runs(workspace, project.id, "assess")[0].active


def test_another_backbone_marks_the_results_as_old(workspace, project):
    from tl_core.runs.catalogue import CATALOGUE

    assess_run(project, made_up(project))
    save_backbone(workspace, project.id, CATALOGUE[1])
    app = open_app(PAGE, project)
    assert "was measured with" in messages(app)


def test_a_failed_comparison_says_why(project):
    assess_run(project, None, state="failed")
    app = open_app(PAGE, project)
    assert not app.exception
    assert app.error[0].value.startswith("Why")
    assert [b for b in app.button if b.label == "Try again"]


def test_training_from_scratch_waits_for_its_button(workspace, project):
    assess_run(project, made_up(project))
    app = press(open_app(PAGE, project), "Also train the whole network from scratch")
    assert not app.exception
    assert list_runs(workspace, project.id, "assess")[0].config["scratch"] is True


def test_one_class_says_what_is_missing():
    app = open_app(PAGE, project_with_pictures(class_names=(NASTY,)))
    assert not app.exception
    assert "at least two classes" in messages(app)
    assert "There is only one now" in messages(app)
    assert not app.get("plotly_chart")


def test_a_comparison_outlives_the_deletion_of_a_class(workspace, project):
    assess_run(project, made_up(project))
    images.delete_class(workspace, project.id, "rust")
    app = open_app(PAGE, project)
    assert not app.exception
    assert "Measure again to update" in messages(app)


def test_notes_show_markup_literally(project):
    assess_run(project, made_up(project))
    shown = texts(open_app(PAGE, project))
    assert "&lt;b&gt;" in shown and "<b>" not in shown.split("tl-lead")[1]


def test_two_parts_of_the_own_choice_are_compared(workspace, project):
    assess_run(project, made_up(project))
    app = open_app(PAGE, project)
    assert app.button(key="compare-parts").disabled
    app.selectbox(key="part-a").set_value("class:healthy").run()
    app.selectbox(key="part-b").set_value("class:healthy").run()
    assert app.button(key="compare-parts").disabled
    app.selectbox(key="part-b").set_value("class:rust").run()
    app.button(key="compare-parts").click().run()
    assert not app.exception
    newest = list_runs(workspace, project.id, "assess")[0]
    assert newest.active and newest.config["patterns"] == [["class:healthy", "class:rust"]]
    assert app.button(key="compare-parts").disabled


def test_renewing_compares_the_own_parts_again(workspace, project):
    whole = made_up(project)
    own = replace(whole.similarities[0], a="class:healthy", b="class:rust", asked=True)
    assess_run(project, replace(whole, similarities=(*whole.similarities, own)))
    record = images.list_images(workspace, project.id)[0]
    images.assign_class(workspace, project.id, [record.id], "rust")
    press(open_app(PAGE, project), "Measure again")
    newest = list_runs(workspace, project.id, "assess")[0]
    assert newest.config["patterns"] == [["class:healthy", "class:rust"]]


def test_results_that_cannot_be_read_any_more_are_measured_again(workspace, project):
    run = assess_run(project, None)
    (workspace.run_dir(project.id, run.id) / "assessment.json").write_text('{"how": "3 folds"}')
    app = press(open_app(PAGE, project), "Compare now")
    assert not app.exception
    assert list_runs(workspace, project.id, "assess")[0].active
