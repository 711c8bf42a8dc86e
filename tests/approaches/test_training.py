"""Tests of whole trainings, on small real pictures with real weights where it matters."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch
from pictures import write_stripes
from PIL import Image
from projects import add, stripes_project
from trained import own_weights, run_to_end, training_of

from tl_core.approaches.fine_tuning import checkpoint_file
from tl_core.approaches.optimising import optimisation
from tl_core.backbones.network import load_network
from tl_core.backbones.preprocessing import prepare
from tl_core.backbones.tensor_file import read_tensors, write_tensors
from tl_core.errors import DatasetError, RunError
from tl_core.evaluation.calibration import softmax
from tl_core.export.bundle import compare_answers, onnx_model
from tl_core.export.predictor import Predictor
from tl_core.images import folder_files, list_images, set_excluded
from tl_core.runs.events import CandidateScore, EpochResult, Note, PhaseStarted, Progress, result_of
from tl_core.runs.results.report import read_report
from tl_core.workspace import create_project, open_workspace

pytestmark = pytest.mark.usefixtures("known_machine")


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return stripes_project(tmp_path_factory.mktemp("stripes"))


def phases(events):
    return [event.phase for event in events if isinstance(event, PhaseStarted)]


def epochs(events, phase):
    return [e for e in events if isinstance(e, EpochResult) and e.phase == phase]


def weights(job):
    return load_network(job.task.run_dir / "model.safetensors")[0].state_dict()


def test_the_recommended_training_learns_and_reports_out_of_fold(stripes):
    job = training_of(*stripes, "recommended")
    events = run_to_end(job)
    assert phases(events) == ["features", "probe", "evaluate", "save"]
    report = read_report(job.task.run_dir)
    assert report.strategy_used == "probe"
    assert report.evaluation.method == "out-of-fold"
    assert report.evaluation.n == 16
    assert report.evaluation.accuracy > 0.9
    assert set(report.seconds) == {"features", "probe", "fine_tune", "evaluate", "total"}
    scores = [event for event in events if isinstance(event, CandidateScore)]
    assert {one.features for one in scores} == {"last", "stages"}
    assert max(one.accuracy for one in scores) > 0.9
    assert report.candidates == tuple((s.features, s.amount, s.accuracy) for s in scores)
    assert abs(report.optimism) < 0.1


def test_the_candidates_are_told_where_the_person_gave_the_test_pictures_and_again(tmp_path):
    workspace = open_workspace(tmp_path / "workspace")
    project = create_project(workspace, "Stripes")
    learnt = write_stripes(tmp_path / "pictures" / "train", each=11)
    for picture in sorted(learnt.glob("*/[0-2].png")):
        tested = tmp_path / "pictures" / "test" / picture.relative_to(learnt)
        tested.parent.mkdir(parents=True, exist_ok=True)
        picture.rename(tested)
    add(workspace, project.id, folder_files(tmp_path / "pictures"))
    for name in ("first", "from the cache"):
        job = training_of(workspace, project.id, name)
        told = {event.features for event in run_to_end(job) if isinstance(event, CandidateScore)}
        assert told == {"last", "stages"}
        assert read_report(job.task.run_dir).evaluation.method == "held-out"


def test_a_second_run_makes_no_forward_pass(stripes, monkeypatch):
    run_to_end(training_of(*stripes, "first"))

    def forbidden(*_):
        raise AssertionError("a picture was looked at again")

    monkeypatch.setattr("tl_core.features.extraction.view_crop", forbidden)
    job = training_of(*stripes, "second")
    run_to_end(job)
    one, two = (read_report(stripes[0].run_dir(stripes[1], name)) for name in ("first", "second"))
    np.testing.assert_array_equal(one.evaluation.probabilities, two.evaluation.probabilities)


def test_fine_tuning_starts_from_the_probe_and_never_ends_below_it_on_validation(stripes):
    job = training_of(*stripes, "fine", strategy="fine-tune", steps=4, batch_size=4)
    events = run_to_end(job)
    assert phases(events) == ["features", "probe", "fine_tune", "evaluate", "save"]
    curve = epochs(events, "fine_tune")
    assert curve[0].epoch == 0
    assert curve[0].train_loss is None
    assert job.model.state.best_accuracy >= curve[0].validation_accuracy
    report = read_report(job.task.run_dir)
    assert report.strategy_used == "fine-tune"
    assert report.evaluation.method == "held-out"
    assert set(report.evaluation.digests) == {image.digest for image in job.task.images.test}
    assert any("against the linear probe" in note for note in report.notes)


@pytest.mark.parametrize("strategy", ["probe", "fine-tune", "scratch"])
def test_every_model_notices_pictures_unlike_those_that_it_learnt_from(stripes, strategy):
    settings = {} if strategy == "probe" else {"steps": 2, "batch_size": 4}
    job = training_of(*stripes, f"unlike-{strategy}", strategy=strategy, **settings)
    run_to_end(job)
    network, _ = load_network(job.task.run_dir / "model.safetensors")
    own = [image.path for image in job.task.images.images]
    found = [one.unlike_score for one in Predictor.load(job.task.run_dir).predict(own)]
    assert network.unlike is not None
    assert np.median(found) < 1
    if strategy == "probe":  # without pretraining, or with few pictures aside, little is unlike
        noise = np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)
        assert network.answer(prepare(Image.fromarray(noise), job.task.preprocessing)[None])[1] > 1


def test_frozen_groups_do_not_move_and_thawed_ones_do(stripes):
    job = training_of(*stripes, "frozen", strategy="fine-tune", steps=3, batch_size=4)
    before = {name: value.clone() for name, value in job.task.backbone.state_dict().items()}
    result_of(job.events())
    after = job.task.backbone.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved
    assert all(name.startswith(("blocks.6", "conv_head", "bn2")) for name in moved)


def test_pictures_of_the_validation_and_test_part_are_never_trained_on(stripes, monkeypatch):
    job = training_of(*stripes, "parts", strategy="scratch", backbone="test_resnet", steps=3)
    seen = []
    from tl_core.approaches.optimising import batches

    crops = batches.CropBatches.shuffled

    def spy(self, epoch, batches):
        seen.extend(image.digest for image in self._images)
        return crops(self, epoch, batches)

    monkeypatch.setattr(batches.CropBatches, "shuffled", spy)
    run_to_end(job)
    assert set(seen) == {image.digest for image in job.task.images.train}


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_stop_and_resume_gives_the_weights_of_an_uninterrupted_run(stripes, backbone):
    settings = {"strategy": "scratch", "backbone": backbone, "steps": 8, "batch_size": 4, "seed": 5}
    whole = training_of(*stripes, f"whole {backbone}", **settings)
    history = epochs(run_to_end(whole), "fine_tune")

    name = f"halves {backbone}"
    first = training_of(*stripes, name, **settings)
    with closing(first.events()) as events:
        for event in events:
            if isinstance(event, Progress) and event.done == 5:  # in the middle of an epoch
                break
    list(first.finish())
    spent = read_report(first.task.run_dir).seconds
    second = training_of(*stripes, name, **settings)
    events = run_to_end(second)
    assert any(isinstance(event, Note) and "Resumed after epoch" in event.text for event in events)
    total = read_report(second.task.run_dir).seconds
    assert all(total[phase] >= spent[phase] for phase in spent), "time never goes backwards"
    assert total["total"] >= total["fine_tune"]
    resumed = epochs(events, "fine_tune")
    for a, b in zip(history[-len(resumed) :], resumed, strict=True):
        assert replace(a, seconds=0) == replace(b, seconds=0)
    for key, value in weights(whole).items():
        torch.testing.assert_close(weights(second)[key], value, rtol=0, atol=0)
    assert not checkpoint_file(second.task).exists()


def test_a_run_whose_pictures_changed_meanwhile_starts_from_the_beginning(tmp_path):
    workspace, project_id = stripes_project(tmp_path, each=8)
    settings = {"strategy": "scratch", "backbone": "test_resnet", "steps": 8, "batch_size": 4}
    first = training_of(workspace, project_id, **settings)
    with closing(first.events()) as events:
        next(event for event in events if isinstance(event, EpochResult) and event.epoch)
    assert checkpoint_file(first.task).exists()
    learnt_from = {image.digest for image in first.task.images.train}
    record = next(one for one in list_images(workspace, project_id) if one.digest in learnt_from)
    set_excluded(workspace, project_id, [record.id], True)
    events = run_to_end(training_of(workspace, project_id, **settings))
    told = " ".join(event.text for event in events if isinstance(event, Note))
    assert "starts from the beginning" in told and "Resumed" not in told
    assert epochs(events, "fine_tune")[0].epoch == 0


def test_the_same_seed_gives_the_same_history_and_another_seed_another(stripes):
    def history(name, seed):
        settings = {"strategy": "scratch", "backbone": "test_resnet", "steps": 3, "seed": seed}
        job = training_of(*stripes, name, augmentations=("crop", "flip"), batch_size=4, **settings)
        return [replace(e, seconds=0) for e in epochs(run_to_end(job), "fine_tune")][1:]

    assert history("a", 1) == history("b", 1)
    assert history("a", 1) != history("c", 2)


def test_a_probe_with_augmentation_uses_cached_views(stripes):
    job = training_of(*stripes, "views", augmentations=("flip",), views=2)
    run_to_end(job)
    assert job.model.extracted.values.shape[:2] == (3, 16)
    plain, one, two = job.model.extracted.values
    assert not np.allclose(plain, one)
    assert not np.allclose(one, two)


def test_stopping_before_anything_was_learnt_says_so(stripes):
    job = training_of(*stripes, "early")
    with closing(job.events()) as events:
        next(events)
    with pytest.raises(RunError, match="Resume"):
        list(job.finish())


def test_two_pictures_per_class_are_enough_for_a_model(tmp_path):
    job = training_of(*stripes_project(tmp_path, each=2))
    run_to_end(job)
    report = read_report(job.task.run_dir)
    assert report.evaluation.n == 4


def test_one_class_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(DatasetError, match="class"):
        training_of(*stripes_project(tmp_path, classes=1))


@pytest.mark.parametrize("damage", ["cut", "a bit", "not a number"])
def test_no_damaged_checkpoint_is_gone_on_with(stripes, damage):
    job = training_of(*stripes, f"damaged by {damage}", strategy="fine-tune", steps=4)
    with closing(job.events()) as events:
        next(event for event in events if isinstance(event, EpochResult) and event.epoch == 1)
    path = checkpoint_file(job.task)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "a bit":
        content[-1000] ^= 64
    path.write_bytes(content)
    if damage == "not a number":
        tensors, texts = read_tensors(path)
        next(one for one in tensors.values() if one.ndim > 1).fill_(torch.nan)
        write_tensors(path, tensors, texts)
    again = run_to_end(training_of(*stripes, f"damaged by {damage}", strategy="fine-tune", steps=4))
    told = " ".join(event.text for event in again if isinstance(event, Note))
    assert "starts from the beginning" in told and "Resumed" not in told
    assert epochs(again, "fine_tune")[0].epoch == 0


def test_a_training_that_diverges_ends_with_a_sentence_and_its_best_weights(stripes, monkeypatch):
    def explode(state, train, batch, labels, class_weights):
        state.network.classifier.bias.data.fill_(torch.nan)
        return 1.0, 0

    monkeypatch.setattr(optimisation, "_step", explode)
    job = training_of(*stripes, "diverging", strategy="fine-tune", steps=4)
    events = run_to_end(job)
    told = " ".join(event.text for event in events if isinstance(event, Note))
    assert "In epoch 1 the weights were no longer numbers" in told and "lower" in told
    assert np.isfinite(read_report(job.task.run_dir).evaluation.probabilities).all()
    assert all(value.isfinite().all() for value in weights(job).values())


def test_a_model_that_is_no_numbers_is_not_saved(stripes, monkeypatch):
    job = training_of(*stripes, "no numbers")
    for _event in job.events():
        pass
    job.model.fitted.probe.weight.fill(np.nan)
    with pytest.raises(RunError, match=r"not numbers.*Lower the learning rates"):
        result_of(job.finish())
    assert not (job.task.run_dir / "model.safetensors").exists()


def test_two_scales_are_read_alike_in_training_app_and_export(tmp_path):
    workspace, project = stripes_project(tmp_path)
    job = training_of(
        workspace, project, strategy="two_scales", backbone=own_weights(workspace, project)
    )
    run_to_end(job)
    parts = {part for part, _, _ in read_report(job.task.run_dir).candidates}
    assert parts == {"last", "stages", "large last", "large stages"}
    paths = [image.path for image in job.task.images.images]
    wanted = softmax(job.model.logits(np.arange(len(paths))))
    found = Predictor.load(job.task.run_dir).probabilities(paths)
    np.testing.assert_allclose(found, wanted, atol=0.02)  # the engine may compute in bfloat16
    exported = onnx_model(job.task.run_dir, tmp_path / "model.onnx")
    assert compare_answers(job.task.run_dir, exported, paths[:4]).max_difference < 1e-3


def test_two_scales_need_a_network_that_takes_pictures_of_any_size(tmp_path):
    workspace, project = stripes_project(tmp_path)
    backbone = own_weights(workspace, project, "test_vit")
    with pytest.raises(RunError, match="one size only"):
        training_of(workspace, project, strategy="two_scales", backbone=backbone)
