"""Tests of fine-tuning on trial: when it is tried, what is compared, what is kept."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from projects import stripes_project
from trained import run_to_end, training_of

from tl_core.approaches import improve as approach
from tl_core.approaches.optimising import batches
from tl_core.backbones.own_weights import check_weights_file
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.measuring import crop_batches, logits_of
from tl_core.export.predictor import Predictor
from tl_core.images import assign_class, list_images
from tl_core.runs.events import EpochResult, PhaseStarted, Progress
from tl_core.runs.results.report import read_report

pytestmark = pytest.mark.usefixtures("known_machine")


@pytest.fixture(scope="module")
def puzzle(tmp_path_factory):
    """Return a project in which three labels are wrong: no probe can be right throughout."""
    root = tmp_path_factory.mktemp("puzzle")
    workspace, project_id = stripes_project(root, each=8)
    records = [one for one in list_images(workspace, project_id) if one.class_name == "class 0"]
    assign_class(workspace, project_id, [one.id for one in records[:3]], "class 1")
    torch.manual_seed(0)
    file = root / "weights.safetensors"
    safetensors.torch.save_file(timm.create_model("test_resnet").state_dict(), file)
    folder = workspace.project_dir(project_id)
    backbone = check_weights_file(file, "test_resnet", project_dir=folder)
    return workspace, project_id, backbone


def improve(puzzle, run_id, **settings):
    workspace, project_id, backbone = puzzle
    job = training_of(workspace, project_id, run_id, strategy="improve", steps=4, batch_size=4)
    config = replace(job.task.config, **{"tuning_seconds": 3600, "backbone": backbone, **settings})
    return training_of(workspace, project_id, run_id, **vars(config))


def notes_of(job):
    return " ".join(read_report(job.task.run_dir).notes)


def one_mistake(model, division, probes, limit):
    """Stand in for fine-tuning in every fold; of the pictures the first gets a wrong answer."""
    yield Progress("fine_tune", 1, 2)
    answers = division.labels.copy()
    answers[0] = 1 - answers[0]
    sure = np.linspace(1, 5, len(answers), dtype=np.float32)[:, None]
    return sure * np.eye(division.num_classes, dtype=np.float32)[answers]


def test_what_does_not_pay_is_not_kept(puzzle):
    job = improve(puzzle, "does not pay")
    events = run_to_end(job)
    assert [e.phase for e in events if isinstance(e, PhaseStarted)] == [
        *("features", "probe", "trial", "evaluate", "save")
    ]
    report = read_report(job.task.run_dir)
    assert report.strategy_used == "probe"
    assert "did not pay" in notes_of(job)
    alone = improve(puzzle, "alone", tuning_seconds=0)
    run_to_end(alone)
    wanted = read_report(alone.task.run_dir).evaluation.probabilities
    np.testing.assert_array_equal(report.evaluation.probabilities, wanted)


def test_every_picture_is_answered_by_networks_that_never_saw_it(puzzle, monkeypatch):
    learnt, measured = [], []
    shuffled, in_order = batches.FrontBatches.shuffled, batches.FrontBatches.in_order

    def spy_learnt(self, epoch, count):
        learnt.append(set(self._digests))
        return shuffled(self, epoch, count)

    def spy_measured(self):
        measured.append(set(self._digests))
        return in_order(self)

    monkeypatch.setattr(batches.FrontBatches, "shuffled", spy_learnt)
    monkeypatch.setattr(batches.FrontBatches, "in_order", spy_measured)
    job = improve(puzzle, "folds")
    run_to_end(job)
    folds = {frozenset(part) for part in measured if part}
    assert set().union(*folds) == {image.digest for image in job.task.images.images}
    assert sum(map(len, folds)) == 16, "the folds do not overlap"
    everything = {image.digest for image in job.task.images.images}
    assert {frozenset(part) for part in learnt} == {frozenset(everything - part) for part in folds}


def test_what_pays_is_kept_and_predicts_as_it_was_saved(puzzle, monkeypatch):
    monkeypatch.setattr(approach, "_tuned_logits", one_mistake)
    job = improve(puzzle, "pays")
    before = {name: value.clone() for name, value in job.task.backbone.state_dict().items()}
    run_to_end(job)
    report = read_report(job.task.run_dir)
    assert report.strategy_used == "fine-tune"
    assert "gained" in notes_of(job)
    evaluation = report.evaluation
    assert evaluation.method == "out-of-fold"
    assert evaluation.digests == tuple(image.digest for image in job.task.images.images)
    right = evaluation.probabilities.argmax(1) == evaluation.labels
    assert right.tolist() == [False] + 15 * [True], "what the folds answered, not the final network"
    likely = evaluation.probabilities.max(1)
    assert likely[0] < likely[-1] < 0.999, "made to mean what they say: one of sixteen is wrong"
    moved = job.model.state.network.backbone.state_dict()
    assert any(not torch.equal(value, moved[name]) for name, value in before.items())
    paths = [image.path for image in job.task.images.images]
    got = Predictor.load(job.task.run_dir / "model.safetensors").probabilities(paths)
    crops = crop_batches(job.task.images.images, job.task.preprocessing)
    logits = torch.cat(list(logits_of(job.model.state.network, crops, job.task.preprocessing)))
    np.testing.assert_allclose(got, softmax(logits.numpy()), atol=1e-3)


def test_no_picture_is_tried_on_when_it_is_not_allowed(puzzle):
    events = run_to_end(improve(puzzle, "not allowed", tuning_seconds=0))
    assert "trial" not in {e.phase for e in events if isinstance(e, PhaseStarted)}


def test_a_trial_counts_to_one_end_and_never_back(puzzle):
    events = run_to_end(improve(puzzle, "counted"))
    began = [getattr(e, "phase", None) for e in events].index("trial")
    told = [e for e in events[began:] if isinstance(e, Progress)]
    for phase in ("features", "trial"):
        counted = [e for e in told if e.phase == phase]
        assert [e.done for e in counted] == sorted(e.done for e in counted)
        assert len({e.total for e in counted}) <= 1
    assert told[-1].done <= told[-1].total


def test_what_would_take_too_long_is_given_up_and_said(puzzle, monkeypatch):
    monkeypatch.setattr(approach, "TOLERATED", 0.0)
    monkeypatch.setattr(approach, "SURE_AFTER", 1)
    job = improve(puzzle, "too long")
    run_to_end(job)
    assert read_report(job.task.run_dir).strategy_used == "probe"
    assert "not completed" in notes_of(job)


def test_whoever_stops_the_trial_has_the_probe(puzzle):
    job = improve(puzzle, "stopped")
    with closing(job.events()) as events:
        for event in events:
            if isinstance(event, EpochResult) and event.phase == "fine_tune":
                break
    list(job.finish())
    assert read_report(job.task.run_dir).strategy_used == "probe"
    assert read_report(job.task.run_dir).evaluation.n == 16


def test_a_probe_without_mistakes_is_left_alone(tmp_path):
    job = training_of(*stripes_project(tmp_path), strategy="improve")
    run_to_end(job)
    assert "made no mistake" in notes_of(job)
    assert read_report(job.task.run_dir).evaluation.accuracy == 1.0


def test_it_is_tried_with_the_chosen_augmentations(puzzle):
    job = improve(puzzle, "varied", augmentations=("flip",), views=2)
    run_to_end(job)
    assert read_report(job.task.run_dir).trial_gain is not None
