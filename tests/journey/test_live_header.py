"""The live model on the pages: its number, what a change did, why there is none, its answers."""

import time
from dataclasses import replace

import pytest
from projects import project_with_pictures
from sessions import NASTY, messages, open_app, shown, texts, without_tips

from pages.shared.live import known
from pages.shared.live.header import line_html
from pages.shared.live.known import Known
from pages.shared.live.words import answer_title, change_text, missing_text
from tl_core.errors import ComputeError
from tl_core.images import ImageRecord, assign_class, create_class, delete_class, list_images
from tl_core.runs.results.live import MISSING, LiveAnswer, LiveState, PlaceChange

IMAGES, OVERVIEW = "pages/2_images.py", "pages/overview.py"
MEASURED = LiveState(version="1", seen=6, total=6, correct=5, n=6, groups=6, ready=True)


def html_of(state: LiveState, change: float | None = None) -> str:
    return without_tips(line_html(state, change, None))


def unlabel(workspace, project) -> ImageRecord:
    """Take its class from one picture and return that."""
    one = list_images(workspace, project.id)[0]
    create_class(workspace, project.id, "other")
    assign_class(workspace, project.id, [one.id], "other")
    delete_class(workspace, project.id, "other")
    return one


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Wait for the answer, however busy this machine is."""
    monkeypatch.setattr(known, "PATIENCE", 20.0)


@pytest.fixture
def project():
    return project_with_pictures()


@pytest.fixture
def measured(compute):
    compute.answers["live_state"] = MEASURED
    return compute


def test_the_line_says_share_pictures_and_interval():
    line = html_of(MEASURED)
    assert ">83\u00a0%</b>" in line
    assert "of 6 pictures, cross-validated (" in line


def test_a_model_that_is_fitted_anew_is_waited_for(measured, project, monkeypatch):
    app = open_app(IMAGES, project)

    def fitted_anew(*_place) -> LiveState:
        time.sleep(0.2)
        return replace(MEASURED, version="2", correct=3)

    measured.answers["live_state"] = fitted_anew
    monkeypatch.setattr(known, "PATIENCE", 0.0)
    monkeypatch.setattr(known, "REFIT", 20.0)
    assert ">50 %</b>" in texts(app.run())


def test_a_test_part_of_the_person_is_held_out_not_cross_validated():
    line = html_of(replace(MEASURED, groups=1))
    assert "of 6 test pictures, held out" in line


def test_pictures_in_few_groups_say_so_and_are_less_sure():
    few = replace(MEASURED, correct=90, n=100, total=100, groups=8, independent=8.0)
    assert "of 100 pictures in 8 groups, cross-validated (" in html_of(few)
    low, high = few.interval
    alone = replace(few, groups=100, independent=100.0).interval
    assert low < alone[0] - 0.1 and high >= alone[1]


def test_every_answer_right_is_no_proof_of_all():
    line = html_of(replace(MEASURED, correct=6))
    assert "at least" in line
    assert "100 %</b>" not in line


def test_the_line_says_how_many_pictures_were_looked_at():
    assert "looked at 3 of 6" in html_of(replace(MEASURED, seen=3))
    assert "looked at" not in html_of(MEASURED)


def test_a_model_that_is_loaded_does_not_say_that_nothing_was_looked_at():
    state = LiveState(version="1", seen=0, total=6, missing="features")
    assert "Preparing the model" in html_of(state)
    assert "looked at" not in html_of(state)


@pytest.mark.parametrize("missing", MISSING)
def test_every_reason_for_no_number_has_its_sentence(missing):
    state = LiveState(version="1", seen=6, total=6, missing=missing)
    assert missing_text(state) in html_of(state).replace("\u00a0", " ")


def test_pictures_that_are_being_looked_at_need_no_reason():
    state = LiveState(version="1", seen=3, total=6, missing="features")
    assert missing_text(state) is None
    assert "looked at 3 of 6" in html_of(state)


def test_names_of_classes_that_cannot_be_measured_are_shown_as_text():
    line = html_of(replace(MEASURED, unmeasured=(NASTY,)))
    assert "<b>bold</b>" not in line
    assert "&lt;b&gt;bold" in line


@pytest.mark.parametrize(
    ("change", "text"), [(0.021, "+2.1"), (-0.05, "−5.0"), (0.0, "±0"), (0.0004, "±0")]
)
def test_a_change_is_said_in_points(change, text):
    assert change_text(change) == text


def test_only_states_that_cover_all_pictures_are_compared():
    entry = Known()
    entry.take(MEASURED)
    assert entry.change is None
    entry.take(replace(MEASURED, version="2", seen=4, correct=1))
    assert entry.change is None
    entry.take(replace(MEASURED, version="3", correct=6))
    assert entry.change == pytest.approx(1 / 6)
    entry.take(replace(MEASURED, version="3", correct=6))
    assert entry.change == pytest.approx(1 / 6)


def test_a_picture_unlike_the_others_is_said_to_be_so():
    assert "Unlike" in answer_title(LiveAnswer(class_name="rust", probability=0.9, unlike=True))
    assert "Unlike" not in answer_title(LiveAnswer(class_name="rust", probability=0.9))


def test_every_page_of_a_project_has_the_line(project, measured):
    app = open_app(IMAGES, project)
    for page in (OVERVIEW, "pages/1_backbone.py", "pages/4_training.py"):
        app.switch_page(page).run()
        assert not app.exception
        assert "of 6 pictures, cross-validated" in texts(app)


def test_a_change_moves_the_number_and_says_by_how_much(project, measured):
    app = open_app(IMAGES, project)
    measured.answers["live_state"] = replace(MEASURED, version="2", correct=4)
    app.run()
    assert "67 %" in texts(app)
    assert "−16.7" in texts(app)


def test_a_process_that_does_not_answer_is_said_and_stops_no_page(project, compute):
    def broken(*_args):
        raise ComputeError("The compute process ended.")

    compute.answers["live_state"] = broken
    app = open_app(IMAGES, project)
    assert not app.exception
    assert "The compute process ended." in texts(app)


def test_pictures_without_a_class_carry_the_models_answer(workspace, project, measured):
    one = unlabel(workspace, project)
    answers = {
        record.digest: LiveAnswer(class_name="rust", probability=0.87)
        for record in list_images(workspace, project.id)
    }
    measured.answers["live_answers"] = answers
    tiles = {tile["id"]: tile for tile in shown(open_app(IMAGES, project))["tiles"]}
    assert tiles.pop(str(one.id))["says"] == ["rust", "87 %"]
    assert all(tile["says"] is None for tile in tiles.values())


def test_pictures_can_be_sorted_by_what_the_model_says(workspace, project, measured):
    records = list_images(workspace, project.id)
    backwards = [record.digest for record in reversed(records)]
    measured.answers["live_order"] = lambda _root, _project, by: (
        tuple(backwards) if by == "least sure" else tuple(backwards[:1])
    )
    measured.answers["live_answers"] = {
        digest: LiveAnswer(class_name="rust", probability=0.6, own=0.4) for digest in backwards
    }
    app = open_app(IMAGES, project)
    order = app.segmented_control(key="images-order")
    order.set_value("least sure").run()
    assert [tile["id"] for tile in shown(app)["tiles"]] == [str(r.id) for r in reversed(records)]
    assert all(tile["says"] == ["rust", "60 %"] for tile in shown(app)["tiles"])
    app.segmented_control(key="images-order").set_value("disagrees").run()
    assert [tile["id"] for tile in shown(app)["tiles"]] == [str(records[-1].id)]
    assert shown(app)["page"]["total"] == 1


def test_without_a_model_there_is_nothing_to_sort_by(project):
    app = open_app(IMAGES, project)
    assert not [one for one in app.segmented_control if one.key == "images-order"]
    assert app.button(key="try-it").disabled


def test_projects_do_not_share_what_is_known(measured):
    first, second = project_with_pictures(name="One"), project_with_pictures(name="Two")
    measured.answers["live_state"] = lambda _root, project_id: (
        MEASURED if project_id == first.id else replace(MEASURED, correct=3)
    )
    assert "83 %" in texts(open_app(OVERVIEW, first))
    assert "50 %" in texts(open_app(OVERVIEW, second))


def test_the_overview_shows_the_number_with_what_it_rests_on(project, measured):
    app = open_app(OVERVIEW, project)
    assert not app.exception
    assert "5 of 6: 83 %" in texts(app)
    assert "fitted without it and its group" in texts(app)


@pytest.mark.parametrize(("distance", "said"), [(1.8, True), (0.4, False)])
def test_unlabelled_pictures_from_elsewhere_are_said_to_be_so(
    workspace, project, measured, distance, said
):
    unlabel(workspace, project)
    measured.answers["live_place"] = PlaceChange(n=30, distance=distance)
    app = open_app(OVERVIEW, project)
    assert not app.exception
    assert ("accuracy does not hold there" in messages(app)) == said
