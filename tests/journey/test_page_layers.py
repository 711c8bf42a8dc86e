"""Layers: presets and slider in step, every choice stored at once, nothing blocks."""

from threading import Event

import pytest
from compute_stand_in import FACTS, GROUPS
from projects import project_with_pictures
from results import assess_run, made_up
from sessions import open_app, primary, texts

from pages.shared.compute import answer_so_far, ask, forget
from pages.shared.journey import steps_done
from pages.shared.layers.augmentation import AUGMENTATION_TEXT
from pages.shared.layers.stages import sees
from pages.shared.layers.strategies import (
    PRESETS,
    frozen_groups,
    preset_of,
    with_frozen,
    with_preset,
)
from pages.shared.transfer.words import layers_text
from tl_core.errors import ComputeError
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.configuration import AUGMENTATIONS, TrainingConfig
from tl_core.runs.draft import drafted_config
from tl_core.workspace import create_project, open_project, open_workspace

PAGE = "pages/3_layers.py"
pytestmark = pytest.mark.usefixtures("compute")
PRESET_IDS = [preset.id for preset in PRESETS]
LAST = len(GROUPS) - 1


def stored(project):
    return drafted_config(open_project(open_workspace(), project.id))


def test_the_recommended_strategy_is_preselected_and_next_is_the_one_primary_button():
    app = open_app(PAGE, project_with_pictures())
    assert not app.exception
    assert app.radio(key="preset").value == "recommended"
    assert app.slider(key="frozen-groups").value == LAST
    assert primary(app) == ["Next: train"]


def test_the_page_shows_trained_parameters_and_expected_time():
    app = open_app(PAGE, project_with_pictures())
    assert "2.6 thousand of" in " ".join([texts(app), *(one.value for one in app.markdown)])
    assert "About 12 seconds on 2 processor cores" in texts(app)


@pytest.mark.parametrize(
    ("preset", "frozen", "trained"), [("recommended", LAST, 1), ("scratch", 0, 0)]
)
def test_every_stage_says_whether_it_is_frozen_or_trained(preset, frozen, trained):
    app = open_app(PAGE, project_with_pictures())
    app.radio(key="preset").set_value(preset).run()
    shown = texts(app)
    assert f"{frozen} of {len(GROUPS)} layer groups stay frozen" in shown
    assert shown.count("tl-stage tl-frozen") == frozen
    assert shown.count("tl-stage tl-trained") == trained
    assert shown.count("tl-stage tl-random") == len(GROUPS) - frozen - trained
    assert shown.count("<div><img") == len(GROUPS)  # the picture, all but the classifier


def test_a_widget_that_the_browser_has_not_seen_yet_begins_with_what_is_stored():
    app = open_app(PAGE, project_with_pictures())
    app.radio(key="preset").set_value("everything").run()
    app.radio(key="preset").set_value("last-stage").run()
    assert app.radio(key="preset").proto.default == PRESET_IDS.index("last-stage")
    assert list(app.slider(key="frozen-groups").proto.default) == [LAST - 1]
    assert app.number_input(key="expert-batch_size").proto.default == 16
    assert app.checkbox(key="expert-balanced").proto.default is True


def test_what_a_stage_sees_goes_from_edges_to_classes():
    seen = [sees(index, 9) for index in range(9)]
    assert (seen[0], seen[-2], seen[-1]) == ("edges, colours", "objects", "classes")
    assert len(dict.fromkeys(seen)) == 6
    assert [sees(index, 2) for index in range(2)] == ["edges, colours", "classes"]


def test_how_long_fine_tuning_may_be_tried_is_shown_and_stored():
    project = project_with_pictures()
    app = open_app(PAGE, project)
    assert "tuning-seconds" not in {widget.key for widget in app.selectbox}
    app.radio(key="preset").set_value("improve").run()
    assert app.selectbox(key="tuning-seconds").value == 60
    app.selectbox(key="tuning-seconds").set_value(0).run()
    assert stored(project).tuning_seconds == 0
    app.radio(key="preset").set_value("recommended").run()
    assert "tuning-seconds" not in {widget.key for widget in app.selectbox}


@pytest.mark.parametrize(
    ("preset", "strategy", "frozen"),
    [
        ("improve", "improve", LAST),
        ("last-stage", "fine-tune", LAST - 1),
        ("everything", "fine-tune", 0),
        ("scratch", "scratch", 0),
        ("own", "fine-tune", len(GROUPS) // 2),
    ],
)
def test_a_preset_moves_the_slider_and_is_stored(preset, strategy, frozen):
    project = project_with_pictures()
    app = open_app(PAGE, project)
    app.radio(key="preset").set_value(preset).run()
    assert not app.exception
    assert app.slider(key="frozen-groups").value == frozen
    assert stored(project).strategy == strategy
    assert frozen_groups(stored(project), len(GROUPS), FACTS) == frozen


@pytest.mark.parametrize(
    ("frozen", "preset"),
    [(0, "everything"), (1, "own"), (LAST - 1, "last-stage"), (LAST, "recommended")],
)
def test_the_slider_moves_the_preset(frozen, preset):
    project = project_with_pictures()
    app = open_app(PAGE, project)
    app.radio(key="preset").set_value("own").run()
    app.slider(key="frozen-groups").set_value(frozen).run()
    assert app.radio(key="preset").value == preset
    assert frozen_groups(stored(project), len(GROUPS), FACTS) == frozen


def test_freezing_something_leaves_from_scratch():
    config = TrainingConfig(backbone=CATALOGUE[0], strategy="scratch", frozen_groups=0)
    assert with_frozen(config, 2, 5, FACTS).strategy == "fine-tune"
    assert with_frozen(config, 0, 5, FACTS).strategy == "scratch"


@pytest.mark.parametrize("total", [2, 3, 5, 14])
@pytest.mark.parametrize("preset", PRESET_IDS)
def test_presets_never_freeze_the_classifier_and_can_be_chosen_again(preset, total):
    config = with_preset(TrainingConfig(backbone=CATALOGUE[0]), preset, total, FACTS)
    assert 0 <= frozen_groups(config, total, FACTS) <= total - 1
    assert with_preset(config, preset_of(config, total, FACTS), total, FACTS) == config


def test_a_choice_survives_a_fresh_browser():
    project = project_with_pictures()
    app = open_app(PAGE, project)
    app.radio(key="preset").set_value("everything").run()
    app.toggle(key="augment-flip").set_value(True).run()
    again = open_app(PAGE, project)
    assert again.radio(key="preset").value == "everything"
    assert again.toggle(key="augment-flip").value is True
    assert stored(project).augmentations == ("flip",)


def test_switching_an_augmentation_off_is_stored_too():
    project = project_with_pictures()
    app = open_app(PAGE, project)
    app.toggle(key="augment-crop").set_value(True).run()
    app.toggle(key="augment-colour").set_value(True).run()
    app.toggle(key="augment-crop").set_value(False).run()
    assert stored(project).augmentations == ("colour",)


def test_flips_ask_whether_the_mirror_image_is_still_the_same_class():
    assert texts(open_app(PAGE, project_with_pictures())).count("is the mirror image still") == 2


def test_going_on_with_the_defaults_ticks_this_step_too():
    project = project_with_pictures()
    app = open_app(PAGE, project)
    assert stored(project) is None
    app.button(key="next-step").click().run()
    assert stored(project) == TrainingConfig(backbone=CATALOGUE[0])
    assert PAGE in steps_done(open_workspace(), open_project(open_workspace(), project.id))


def test_expert_settings_are_stored_and_fit_the_strategy():
    project = project_with_pictures()
    app = open_app(PAGE, project)
    assert "expert-backbone_lr" not in {widget.key for widget in app.number_input}
    app.radio(key="preset").set_value("everything").run()
    app.number_input(key="expert-batch_size").set_value(32).run()
    app.number_input(key="expert-steps").set_value(120).run()
    app.checkbox(key="expert-balanced").set_value(False).run()
    config = stored(project)
    assert (config.batch_size, config.steps, config.balanced) == (32, 120, False)
    app.number_input(key="expert-steps").set_value(None).run()
    assert stored(project).steps is None


def test_trouble_of_the_compute_process_is_a_sentence_not_a_traceback(compute):
    def late(*_args):
        raise ComputeError("This took too long and was stopped.")

    compute.always(late)
    app = open_app(PAGE, project_with_pictures("Trouble"))
    assert not app.exception
    assert "took too long" in app.warning[0].value
    assert "unknown" in texts(app)


def test_without_a_backbone_the_page_says_what_is_missing(workspace):
    app = open_app(PAGE, create_project(workspace, "Empty"))
    assert not app.exception
    assert app.info[0].value == "Choose a backbone first."


def test_without_pictures_the_augmentations_wait_for_them(workspace):
    app = open_app(PAGE, project_with_pictures(class_names=(), each=0))
    assert not app.exception
    assert "Add pictures" in app.info[0].value


def test_the_page_does_not_wait_for_a_slow_answer(compute):
    answered = Event()
    made_up = compute.answers

    def slow(function):
        return lambda *_args: answered.wait(60) and made_up[function]

    compute.answers = {function: slow(function) for function in made_up}
    project = project_with_pictures("Slow")
    app = open_app(PAGE, project)
    assert not app.exception
    assert "Reading the network" in texts(app)
    assert not app.slider
    answered.set()
    assert open_app(PAGE, project).slider(key="frozen-groups").value == LAST


def test_a_question_that_failed_is_asked_again_later(compute, monkeypatch):
    question = ("layer_groups", "here", "project", CATALOGUE[0])

    def busy(*_args):
        raise ComputeError("busy")

    compute.answers["layer_groups"] = busy
    forget(*question)
    assert isinstance(ask(*question).exception(10), ComputeError)
    compute.answers["layer_groups"] = GROUPS
    assert isinstance(ask(*question).exception(10), ComputeError)
    monkeypatch.setattr("pages.shared.compute.TRY_AGAIN", -1)
    assert ask(*question).result(10) == GROUPS


def test_a_question_that_the_compute_process_does_not_take_is_a_mistake_and_no_sentence():
    with pytest.raises(TypeError, match="config"):
        answer_so_far(ask("estimate_seconds", "here", "project"))


def test_the_measured_curve_of_the_layers_stands_beside_the_slider():
    project = project_with_pictures(each=10)
    found = made_up(project)
    assert layers_text(found.layers) not in texts(open_app(PAGE, project))
    assess_run(project, found)
    app = open_app(PAGE, project)
    assert not app.exception
    assert layers_text(found.layers) in texts(app)
    app.radio(key="preset").set_value("last-stage").run()
    assert not app.exception
    assert "frozen on the left" in app.get("plotly_chart")[0].proto.spec


def test_the_curve_of_another_backbone_is_not_shown():
    project = project_with_pictures(each=10)
    found = made_up(project, backbone="another")
    assess_run(project, found)
    assert layers_text(found.layers) not in texts(open_app(PAGE, project))


def test_every_augmentation_is_explained_and_flips_ask():
    assert tuple(AUGMENTATION_TEXT) == AUGMENTATIONS
    for name, text in AUGMENTATION_TEXT.items():
        assert text.title and text.sentence.endswith(".")
        assert (text.question is not None) == ("flip" in name)
