"""One number per question: the probe is measured once, and everyone shows that result."""

import numpy as np
import pytest
from projects import stripes_project
from trained import BUNDLED_BACKBONE, run_to_end, training_of

from tl_core.approaches import cross_validation
from tl_core.approaches.cross_validation import SHELF, cross_validated_probe
from tl_core.assessment.assess import assess
from tl_core.assessment.inputs import Request
from tl_core.assessment.ranking import rank
from tl_core.evaluation import out_of_fold
from tl_core.evaluation.folds import make_folds
from tl_core.evaluation.out_of_fold import Division
from tl_core.images import assign_class, list_images
from tl_core.runs.catalogue import backbone_to_json
from tl_core.runs.events import result_of
from tl_core.runs.results.ranking import read_ranking
from tl_core.runs.results.report import read_report

pytestmark = pytest.mark.usefixtures("known_machine")


def noise(n=60, d=30, seed=0):
    labels = np.arange(n) % 2
    values = np.random.default_rng(seed).normal(size=(n, d)) + 0.6 * labels[:, None]
    views = {"last": values[None].astype(np.float32)}
    return views, Division(labels, None, 2, tuple(make_folds(labels, folds=5, seed=seed)), seed)


def computed(monkeypatch) -> list:
    """Return a list that grows with every fold that is chosen and fitted."""
    choosing, calls = cross_validation.choose_probe, []

    def spy(*args, **kwargs):
        calls.append(args)
        return choosing(*args, **kwargs)

    monkeypatch.setattr(cross_validation, "choose_probe", spy)
    return calls


@pytest.mark.parametrize("most", [1000, 10], ids=["cross-validated", "held out"])
def test_training_transfer_and_ranking_show_one_number(tmp_path, monkeypatch, most):
    monkeypatch.setattr(out_of_fold, "MOST_CROSS_VALIDATED", most)
    workspace, project = stripes_project(tmp_path, each=15)
    records = list_images(workspace, project, class_name="class 0")[:7]
    assign_class(workspace, project, [one.id for one in records], "class 1")
    training = training_of(workspace, project, "train", strategy="probe", seed=3)
    run_to_end(training)
    report = read_report(training.task.run_dir).evaluation
    assert 0 < report.accuracy < 1
    assert report.n == (30 if most == 1000 else len(training.task.images.test))

    calls = computed(monkeypatch)
    workspace.run_dir(project, "assess").mkdir(parents=True)
    asked = {"workspace": workspace, "project_id": project, "run_id": "assess", "seed": 3}
    request = Request(backbone=BUNDLED_BACKBONE, **asked)
    found = result_of(assess(request, parts=("transferred",)))
    bar = found.of("transferred")
    assert (bar.correct, bar.n, bar.accuracy) == (report.correct, report.n, report.accuracy)
    assert bar.interval == report.interval
    assert found.digests == report.digests
    assert calls == [], "what the training has measured is read"


def test_the_ranking_shows_the_number_of_a_training(tmp_path):
    workspace, project = stripes_project(tmp_path, each=8)
    training = training_of(workspace, project, "train", strategy="probe")
    run_to_end(training)
    report = read_report(training.task.run_dir).evaluation
    workspace.run_dir(project, "rank").mkdir(parents=True)
    list(rank(workspace, project, "rank", {"backbones": [backbone_to_json(BUNDLED_BACKBONE)]}))
    (entry,) = read_ranking(workspace.run_dir(project, "rank")).entries
    assert (entry.correct, entry.n, entry.interval) == (report.correct, report.n, report.interval)


def test_what_is_kept_is_what_was_computed(tmp_path, monkeypatch):
    views, division = noise()
    calls = computed(monkeypatch)
    fresh = result_of(cross_validated_probe(views, division, phase="probe", folder=tmp_path))
    assert len(calls) == 5
    kept = result_of(cross_validated_probe(views, division, phase="probe", folder=tmp_path))
    assert len(calls) == 5
    np.testing.assert_array_equal(kept.answers.logits, fresh.answers.logits)
    for one, other in zip(kept.fits, fresh.fits, strict=True):
        assert one.choice == other.choice
        np.testing.assert_array_equal(one.probe.weight, other.probe.weight)


def test_other_features_labels_groups_seeds_or_weights_are_measured_anew(tmp_path, monkeypatch):
    views, division = noise()
    calls = computed(monkeypatch)
    labels = division.labels.copy()
    labels[:2] = 1 - labels[:2]
    folds = division.folds
    cases = [
        (views, division, True),
        ({"last": views["last"] + 1e-3}, division, True),
        ({"last": np.concatenate([views["last"]] * 2)}, division, True),
        (views, Division(labels, None, 2, folds, 0), True),
        (views, Division(division.labels, np.arange(60), 2, folds, 0), True),
        (views, Division(division.labels, None, 2, folds, 1), True),
        (views, division, False),
    ]
    for features, divided, balanced in cases:
        work = cross_validated_probe(
            features, divided, phase="probe", balanced=balanced, folder=tmp_path
        )
        result_of(work)
    assert len(calls) == 5 * len(cases)


def test_a_damaged_file_is_computed_again_and_old_ones_go(tmp_path, monkeypatch):
    monkeypatch.setattr(cross_validation, "MOST_KEPT", 2)
    for seed in range(3):
        result_of(cross_validated_probe(*noise(seed=seed), phase="probe", folder=tmp_path))
    files = list((tmp_path / SHELF).glob("*.json"))
    assert len(files) == 2
    for file in files:
        file.write_bytes(b"PK\x03\x04")
    calls = computed(monkeypatch)
    result_of(cross_validated_probe(*noise(seed=2), phase="probe", folder=tmp_path))
    assert len(calls) == 5
