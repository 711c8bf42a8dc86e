import io
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from projects import stripes_project
from trained import tiny_backbone, training_of, write_tiny_run

from tl_core.approaches.task import extract
from tl_core.errors import DatasetError, PredictionError, WeightsUnavailable
from tl_core.images import image_path, list_images
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import EpochResult, PhaseStarted, Progress
from tl_core.runs.results.answers import was_tried
from tl_core.service import compute, estimates, illustrations
from tl_core.service.tally import Tally

PHASES = ("features", "probe", "fine_tune", "evaluate")


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    workspace, project = stripes_project(tmp_path_factory.mktemp("stripes"))
    write_tiny_run(workspace.run_dir(project, "run"), class_names=("class 0", "class 1"))
    return workspace, project


def answer(stripes, name, *args):
    workspace, project = stripes
    status, value = compute.answer((name, (str(workspace.root), project, *args), {}))
    if status == "trouble":
        raise value
    assert status == "answer", value
    return value


def opened(data):
    return Image.open(io.BytesIO(data))


def first(stripes):
    return list_images(*stripes, limit=1)[0]


def test_previews_are_the_picture_and_different_views_of_it(stripes):
    views = answer(
        stripes, "preview_augmentation", first(stripes).digest, ("crop",), tiny_backbone(), 3
    )
    assert [opened(view).size for view in views] == [(160, 160)] * 4
    assert len(set(views)) == 4


def test_a_flip_is_shown_although_half_of_them_are_none(stripes):
    digest = first(stripes).digest
    plain, *views = answer(stripes, "preview_augmentation", digest, ("flip",), tiny_backbone(), 1)
    assert plain not in views


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "test_convnext"])
def test_every_stage_shows_what_it_makes_of_a_picture(stripes, name, monkeypatch):
    """The weights stand in for pretrained ones: these architectures have none."""
    backbone, build = replace(tiny_backbone(), name=name), illustrations.create_backbone
    monkeypatch.setattr(
        illustrations, "create_backbone", lambda one, **_: build(one, pretrained=False)
    )
    shown = answer(stripes, "group_activations", first(stripes).digest, backbone)
    assert len(shown) == len(answer(stripes, "layer_groups", backbone)) - 1
    for one in shown:
        assert opened(one).convert("L").getextrema()[1] > 100


def test_without_weights_there_are_no_activations(stripes):
    with pytest.raises(WeightsUnavailable):
        answer(stripes, "group_activations", first(stripes).digest, CATALOGUE[1])


def test_layer_groups_end_with_a_classifier_for_the_projects_classes(stripes):
    groups = answer(stripes, "layer_groups", tiny_backbone())
    assert [group.index for group in groups] == list(range(len(groups)))
    assert groups[-1].name == "classifier"
    assert groups[-1].parameters % 2 == 0


def test_pictures_are_predicted_and_damaged_ones_named(stripes):
    good = image_path(*stripes, first(stripes)).read_bytes()
    found = answer(stripes, "predict", "run", [("good.png", good), ("bad.png", b"no picture")])
    assert found[0].prediction.class_names == ("class 0", "class 1")
    assert sum(found[0].prediction.probabilities) == pytest.approx(1, abs=1e-5)
    assert found[1].name == "bad.png" and found[1].prediction is None and found[1].reason


def test_loading_a_model_ahead_does_not_count_as_trying_it(stripes):
    run_dir = stripes[0].run_dir(stripes[1], "run")
    (run_dir / "tried").unlink(missing_ok=True)
    assert answer(stripes, "predict", "run", []) == []
    assert not was_tried(run_dir)
    good = image_path(*stripes, first(stripes)).read_bytes()
    answer(stripes, "predict", "run", [("good.png", good)])
    assert was_tried(run_dir)


@pytest.mark.parametrize("class_index", [0, 1, None])
def test_an_explanation_is_a_picture(stripes, class_index):
    digest = first(stripes).digest
    assert opened(answer(stripes, "explain", "run", digest, class_index)).mode == "RGB"
    content = image_path(*stripes, first(stripes)).read_bytes()
    tinted = opened(answer(stripes, "explain", "run", content, class_index))
    assert tinted.size == opened(answer(stripes, "explain", "run", digest, class_index)).size


def test_a_picture_that_is_gone_and_a_run_without_model_are_sentences(stripes):
    with pytest.raises(DatasetError, match="no longer in the project"):
        answer(stripes, "explain", "run", "0" * 64, 0)
    with pytest.raises(PredictionError):
        answer(stripes, "predict", "nothing", [])


def test_the_speed_of_the_chosen_backbone_is_measured_and_of_others_only_known(stripes):
    backbone, other = tiny_backbone(), replace(tiny_backbone(), name="test_vit")
    found = answer(stripes, "backbone_speeds", backbone, [other])
    assert found.keys() == {backbone.name} and found[backbone.name] > 0


def test_a_function_that_is_not_on_offer_is_refused():
    status, text = compute.answer(("open_workspace", (), {}))
    assert status == "mistake" and "no function 'open_workspace'" in text


def test_a_mistake_is_answered_with_its_traceback(stripes, capsys):
    status, text = compute.answer(("layer_groups", ("only one",), {}))
    assert status == "mistake" and "TypeError" in text
    assert "TypeError" in capsys.readouterr().out  # and stands in the log


@pytest.mark.parametrize("strategy", ["recommended", "improve", "fine-tune", "scratch"])
def test_an_estimate_has_every_phase_and_their_sum(stripes, strategy):
    config = TrainingConfig(backbone=tiny_backbone(), strategy=strategy)
    found = estimates.estimate_seconds(*stripes, config)
    assert found["total"] == pytest.approx(sum(found[phase] for phase in PHASES))
    assert all(math.isfinite(found[phase]) and found[phase] >= 0 for phase in PHASES)
    assert (found["fine_tune"] > 0) == (strategy != "recommended")
    assert (found["features"] > 0) == (strategy != "scratch")
    assert found["device"] and found["cores"] >= 1


def test_trying_fine_tuning_is_expected_only_where_it_is_allowed(stripes):
    config = TrainingConfig(backbone=tiny_backbone(), strategy="improve", tuning_seconds=86_400)
    allowed = estimates.estimate_seconds(*stripes, config)
    assert allowed["fine_tune"] == allowed["trial"] > 0
    forbidden = estimates.estimate_seconds(*stripes, replace(config, tuning_seconds=0))
    assert forbidden["fine_tune"] == forbidden["trial"] == 0


def test_an_estimate_measures_each_backbone_and_depth_once(stripes, monkeypatch):
    config = TrainingConfig(backbone=tiny_backbone(), strategy="fine-tune", frozen_groups=1)
    before = estimates.estimate_seconds(*stripes, config)

    def never(*_args):
        raise AssertionError("measured again")

    monkeypatch.setattr(estimates, "choose_engine", never)
    monkeypatch.setattr(estimates, "cut", never)
    again = estimates.estimate_seconds(*stripes, config)
    assert again["device"] == before["device"]
    assert (stripes[0].machine_dir / "measured.json").is_file()


def test_augmented_views_of_a_probe_cost_as_many_looks(stripes):
    plain = TrainingConfig(backbone=tiny_backbone())
    views = TrainingConfig(backbone=tiny_backbone(), augmentations=("flip",), views=4)
    assert estimates.missing_looks(*stripes, plain) == 16
    assert estimates.missing_looks(*stripes, views) == 16 * 5


def test_features_that_are_cached_cost_nothing(tmp_path):
    workspace, project = stripes_project(tmp_path)
    job = training_of(workspace, project)
    list(extract(job.task, augmented=True))
    assert estimates.missing_looks(workspace, project, job.task.config) == 0
    assert estimates.estimate_seconds(workspace, project, job.task.config)["features"] < 1


def test_what_a_training_took_is_expected_of_the_next(tmp_path):
    workspace, project = stripes_project(tmp_path)
    config = TrainingConfig(backbone=tiny_backbone(), strategy="fine-tune", steps=4, batch_size=4)
    tally = Tally()
    for event in (PhaseStarted("features"), Progress("features", 0, 16), PhaseStarted("probe")):
        tally.see(event)
    assert tally.amounts["look"] == 0
    tally.amounts.update({"look": 16, "step": 12})
    tally.seconds.update({"look": 32.0, "step": 24.0})
    estimates.remember(workspace, project, config, tally)
    found = estimates.estimate_seconds(workspace, project, config)
    assert 32 <= found["features"] < 33
    assert 8 <= found["fine_tune"] < 9  # four steps of four pictures, and the frozen layers


def test_a_tally_counts_by_kind_of_work():
    tally = Tally()
    tuned = EpochResult("fine_tune", 1, 1, 0.5, 0.5, 0.5, 0.5, 1e-4, 1.0)
    for event in (
        PhaseStarted("features"),
        Progress("features", 4, 10),  # four were kept from before
        Progress("features", 10, 10),
        Progress("features", 0, 10),  # another view
        Progress("features", 10, 10),
        PhaseStarted("fine_tune"),
        Progress("features", 2, 8),
        Progress("features", 8, 8),
        Progress("fine_tune", 1, 3),
        Progress("fine_tune", 3, 3),
        tuned,
    ):
        tally.see(event)
    assert tally.amounts == {"look": 16, "front": 6, "step": 2}
    assert set(tally.seconds) == {"start", "look", "front", "step"}


def test_an_estimate_needs_no_pictures(tmp_path):
    workspace, project = stripes_project(tmp_path, each=0)
    found = estimates.estimate_seconds(
        workspace, project, TrainingConfig(backbone=tiny_backbone(), strategy="fine-tune")
    )
    assert np.isfinite(found["total"])


def test_the_real_process_answers_and_leaves_the_server_light(stripes):
    workspace, project = stripes
    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[2])!r}]
from tl_core.runs import compute_client
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.errors import BackboneError
root, project = {str(workspace.root)!r}, {project!r}
assert compute_client.call("layer_groups", root, project, find(BUNDLED))[-1].name == "classifier"
data = open({str(image_path(workspace, project, first(stripes)))!r}, "rb").read()
assert compute_client.call("predict", root, project, "run", [("a", data)])[0].prediction
assert compute_client.call("search_backbones", "resnet18", limit=2)
try:
    compute_client.call("check_weights_file", root + "/weights/x.pth", "no_such_network")
except BackboneError as error:
    print(error)
print("LOADED", [m for m in ("torch", "timm", "sklearn", "scipy") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "no_such_network" in done.stdout
    assert "LOADED []" in done.stdout
