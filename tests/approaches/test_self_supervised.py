"""Re-training on pictures without labels: what learns, when it stops, what is used."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pictures import write_stripes
from projects import add
from torch import nn
from trained import own_weights, run_to_end, training_of

from tl_core.__main__ import main
from tl_core.approaches import self_supervised
from tl_core.approaches.optimising import retraining
from tl_core.approaches.optimising.self_supervision import METHODS, Agreement
from tl_core.approaches.probing.probe import Basis
from tl_core.approaches.probing.self_training import self_train
from tl_core.backbones import layer_groups
from tl_core.export.predictor import Predictor
from tl_core.images import folder_files
from tl_core.runs.events import EpochResult
from tl_core.runs.results.report import read_report
from tl_core.workspace import create_project, open_workspace

pytestmark = pytest.mark.usefixtures("known_machine")


@pytest.mark.parametrize("method", METHODS[1:])
def test_views_that_agree_lose_less(method):
    torch.manual_seed(0)
    agreement = Agreement(method, nn.Flatten(), 12).eval()
    first, other = torch.randn(40, 3, 2, 2), torch.randn(40, 3, 2, 2)
    alike, unlike = agreement((first,), (first,)), agreement((first,), (other,))
    assert alike < unlike
    unlike.backward()
    assert all(parameter.grad is not None for parameter in agreement.heads())


def test_byol_follows_slowly():
    agreement = Agreement("byol", nn.Linear(4, 12), 12)
    (slow, _), before = agreement.slow, agreement.encode.weight.detach().clone()
    with torch.no_grad():
        agreement.encode.weight += 1
    agreement.after_step()
    torch.testing.assert_close(slow.weight, before + 0.01)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a project of 8 labelled stripes and 24 without labels, and tiny weights for it."""
    root = tmp_path_factory.mktemp("stripes")
    workspace = open_workspace(root / "workspace")
    project_id = create_project(workspace, "Stripes").id
    add(workspace, project_id, folder_files(write_stripes(root / "labelled", each=4)))
    more = folder_files(write_stripes(root / "more", each=16))
    add(workspace, project_id, (replace(file, class_name=None) for file in more))
    return workspace, project_id, own_weights(workspace, project_id)


def training(project, run_id="run", **options):
    workspace, project_id, backbone = project
    options = {"method": "simsiam", "epochs": 2, **options}
    return training_of(
        workspace,
        project_id,
        run_id,
        backbone=backbone,
        strategy="self_supervised",
        options=options,
    )


def test_only_the_last_stage_learns_and_each_epoch_is_measured(project):
    job = training(project)
    before = {name: value.clone() for name, value in job.task.backbone.state_dict().items()}
    events = run_to_end(job)
    epochs = [event for event in events if isinstance(event, EpochResult)]
    assert [epoch.epoch for epoch in epochs] == [0, 1, 2]
    assert epochs[0].train_loss is None and np.isfinite(epochs[2].train_loss)
    assert all(0 <= epoch.validation_accuracy <= 1 for epoch in epochs)
    now = job.model.found.model.task.backbone.state_dict()
    changed = {name for name in now if not torch.equal(now[name], before[name])}
    assert changed and all(name.startswith(("stages.3", "layer4")) for name in changed)
    report = read_report(job.task.run_dir)
    assert report.findings["unlabelled_pictures"] == 24
    assert report.findings["verdict"] in ("helped", "hurt", "no clear difference")


def test_normalisation_alone_changes_no_weight(project, monkeypatch):
    monkeypatch.setattr(layer_groups, "SMALL_BATCH", 8)
    job = training(project, "normalisation", method="normalisation", epochs=1)
    before = {name: value.clone() for name, value in job.task.backbone.state_dict().items()}
    run_to_end(job)
    now = job.model.found.state
    changed = {name for name in now if not torch.equal(now[name], before[name])}
    assert changed and all("running_" in name or "num_batches" in name for name in changed)


def answers(probe, right):
    """Return a probe that is right of this share of its pictures."""
    fitted, labels = probe.fitted, probe.task.labels[probe.rows]
    said = np.where(np.arange(len(labels)) < right * len(labels), labels, 1 - labels)
    logits = 3 * np.eye(2, dtype=np.float32)[said]
    return replace(probe, fitted=replace(fitted, out_of_group=logits))


@pytest.mark.parametrize(("before", "after", "used"), [(0.0, 1.0, True), (1.0, 0.0, False)])
def test_it_is_used_only_if_it_helped(project, monkeypatch, before, after, used):
    fit, probe_on = self_supervised.linear_probe.fit, retraining._probe_on

    def plain(*given):
        probe = yield from fit(*given)
        return answers(probe, before)

    def later(*given):
        return answers(probe_on(*given), after)

    monkeypatch.setattr(self_supervised.linear_probe, "fit", plain)
    monkeypatch.setattr(retraining, "_probe_on", later)
    job = training(project, f"used {used}")
    run_to_end(job)
    report = read_report(job.task.run_dir)
    assert report.findings["helped"] is used
    assert report.strategy_used == ("self_supervised" if used else "probe")
    assert report.findings["accuracy_before"] == before
    assert report.evaluation.accuracy == (after if used else before)
    assert any(("no help" in note) != used for note in report.notes if "(simsiam)" in note)
    image = job.task.images.images[0]
    stored = Predictor.load(job.task.run_dir).probabilities([image.path])
    wanted = torch.from_numpy(job.model.logits(np.array([0]))).softmax(dim=1)
    np.testing.assert_allclose(stored, wanted, atol=0.02)


def test_it_stops_when_the_accuracy_falls(project, monkeypatch):
    shares = iter((1.0, 0.5, 0.5, 1.0, 1.0))
    probe_on = retraining._probe_on
    monkeypatch.setattr(
        retraining, "_probe_on", lambda *given: answers(probe_on(*given), next(shares))
    )
    job = training(project, "falls", epochs=4)
    events = run_to_end(job)
    assert [e.epoch for e in events if isinstance(e, EpochResult)] == [0, 1, 2]
    assert any("fell from 100.0" in note for note in read_report(job.task.run_dir).notes)


def heaps(each, seed):
    """Return features of three classes along one direction, by block, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), each)
    centres = 1.5 * np.random.default_rng(0).normal(size=(3, 24)) / 24**0.5
    values = centres[labels] + rng.normal(size=(len(labels), 24)) / 2
    return {"moments": values[:, :12].astype("f"), "last": values[:, 12:].astype("f")}, labels


def test_self_training_gains_from_pictures_without_labels():
    (few, labels), (more, _), (asked, truth) = heaps(4, 1), heaps(150, 2), heaps(200, 3)
    plain = Basis(few).fit(labels, 3)
    found = self_train(few, labels, more, 3, groups=np.arange(12)).fit
    raw = np.concatenate(list(asked.values()), axis=1)
    before, after = (
        (fit.probe.logits(raw).argmax(axis=1) == truth).mean() for fit in (plain, found)
    )
    assert after > before + 0.02
    assert sorted(found.measured) == list(range(12))


def test_self_training_is_measured_by_models_that_do_not_know_the_label():
    rng = np.random.default_rng(0)
    few, more = ({"last": rng.normal(size=(n, 40)).astype("f")} for n in (60, 60))
    labels = rng.permutation(np.repeat([0, 1], 30))  # which the features say nothing of
    found = self_train(few, labels, more, 2, groups=np.arange(60)).fit
    assert (found.out_of_group.argmax(axis=1) == labels).mean() < 0.72


def test_headless(tmp_path, workspace):
    few, many = write_stripes(tmp_path / "few", each=4), write_stripes(tmp_path / "many", each=14)
    report = tmp_path / "out.json"
    words = ["train", str(few), "--approach", "self_supervised", "--report", str(report)]
    assert main([*words, "--unlabelled", str(many), "--set", "method=self_training"]) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["unlabelled_pictures"] == 20  # the other 8 have labels
    assert 0 <= found["accuracy_before"] <= 1
    assert found["helped"] in (True, False)
    assert main(words) == 2
    assert main(["train", str(few), "--unlabelled", str(many)]) == 2


def test_without_unlabelled_pictures_it_says_what_is_missing(tmp_path, workspace, capsys):
    few = str(write_stripes(tmp_path / "few", each=4))
    assert main(["train", few, "--approach", "self_supervised", "--unlabelled", few]) == 2
    assert "0 pictures without a label" in capsys.readouterr().err
