"""Another place without labels: adapted to, left alone where there is nothing to adapt to."""

import json

import numpy as np
import pytest
from pictures import write_stripes
from PIL import Image, ImageOps

from tl_core.__main__ import main
from tl_core.approaches.probing.adapting import GROUPS, UNADAPTED, adapt, class_shares, gather
from tl_core.approaches.probing.probe import Basis
from tl_core.evaluation.calibration import softmax

pytestmark = pytest.mark.usefixtures("known_machine")


def heaps(each: int, *, shift: float, seed: int):
    """Return features of three classes in one place, by block, and labels."""
    rng, centres = np.random.default_rng(seed), np.random.default_rng(0).normal(size=(3, 40))
    labels = np.repeat(np.arange(3), each)
    moved = shift * (centres[0] - centres[1])  # towards one class, away from another
    values = 1.5 * centres[labels] + moved + rng.normal(size=(len(labels), 40))
    return {"moments": values[:, :20].astype("f"), "last": values[:, 20:].astype("f")}, labels


def side_by_side(features):
    return np.concatenate(list(features.values()), axis=1)


def accuracy(found, name, target, labels):
    logits = found.candidates[name].probe.logits(side_by_side(target))
    return (logits.argmax(axis=1) == labels).mean()


def test_a_place_that_is_moved_is_adapted_to():
    (source, labels), (target, truth) = heaps(30, shift=0, seed=2), heaps(30, shift=1.5, seed=3)
    found = adapt(source, labels, target, 3)
    assert found.distance > 1.2
    assert found.chosen == GROUPS
    assert accuracy(found, GROUPS, target, truth) > accuracy(found, UNADAPTED, target, truth) + 0.1
    assert accuracy(found, GROUPS, target, truth) > 0.95


def test_the_same_place_is_left_as_it_is():
    (source, labels), (target, _) = heaps(30, shift=0, seed=2), heaps(30, shift=0, seed=3)
    found = adapt(source, labels, target, 3)
    assert found.distance < 1
    assert found.chosen == UNADAPTED
    assert found.candidates[UNADAPTED].moved == 0


def test_known_labels_choose_and_count():
    (source, labels), (target, truth) = heaps(30, shift=0, seed=2), heaps(30, shift=1.5, seed=3)
    known = np.where(np.arange(90) % 9 == 0, truth, -1)
    found = adapt(source, labels, target, 3, known=known)
    counts = {name: one.correct for name, one in found.candidates.items()}
    assert counts[found.chosen] == max(counts.values()) <= 10


def test_gathering_moves_to_the_mean_directions():
    last = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
    said = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    np.testing.assert_array_equal(gather(last, said), [0, 0, 1, 1])


@pytest.mark.parametrize("true", [(0.2, 0.2, 0.6), (0.8, 0.1, 0.1)])
def test_how_frequent_classes_are_is_estimated_better_than_by_counting(true):
    (source, labels), rng = heaps(60, shift=0, seed=2), np.random.default_rng(5)
    (target, truth) = heaps(400, shift=0, seed=3)
    rows = np.concatenate([np.flatnonzero(truth == c)[: int(400 * true[c])] for c in range(3)])
    vague = {n: b + 4 * rng.normal(size=b.shape) for n, b in source.items()}
    unclear = {n: (b + 4 * rng.normal(size=b.shape))[rows] for n, b in target.items()}
    probe = Basis(vague).fit(labels, 3).probe
    said = softmax(probe.logits(side_by_side(unclear)))
    found = class_shares(said, np.full(3, 1 / 3))
    counted = np.eye(3)[said.argmax(axis=1)].mean(axis=0)
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - true).max() < 0.06
    assert np.abs(found - true).sum() < np.abs(counted - true).sum()


@pytest.fixture
def places(tmp_path):
    """Write stripes for one place, and inverted and brighter ones for another."""
    write_stripes(tmp_path / "here", each=8)
    write_stripes(tmp_path / "there", each=8)
    for file in (tmp_path / "there").rglob("*.png"):
        picture = ImageOps.invert(Image.open(file).convert("RGB"))
        picture.point(lambda value: min(255, value + 60)).save(file)
    return tmp_path


def words(places, *more):
    source, target = str(places / "here"), str(places / "there")
    return ["train", source, "--approach", "domain_adaptation", "--target", target, *more]


def test_headless_reports_what_was_tried(places, workspace):
    report, there = places / "out.json", str(places / "there")
    assert main(words(places, "--test", there, "--report", str(report))) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert set(found["candidates"]) == {"unadapted", "standardised", "groups"}
    assert found["method_used"] in found["candidates"]
    assert all(np.isfinite(one["risk"]) for one in found["candidates"].values())
    assert 0 <= found["accuracy_unadapted"] <= 1
    assert found["gain"] == pytest.approx(found["accuracy"] - found["accuracy_unadapted"])
    assert found["verdict"] in ("helped", "hurt", "no clear difference")
    assert (found["n_test"], found["target_pictures"], found["target_labels"]) == (16, 16, 0)
    if shares := found["class_shares"]:
        assert [one[0] for one in shares.values()] == [0.5, 0.5]
        assert sum(one[1] for one in shares.values()) == pytest.approx(1)
    assert (found["unlike_pictures"] is None) == (found["proxy_a_distance"] >= 1)


def test_without_any_label_there_the_accuracy_is_said_to_be_of_the_source(places, workspace):
    report = places / "out.json"
    assert main(words(places, "--report", str(report))) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["measured_on"] == "source"
    assert found["accuracy_unadapted"] is None
    assert any("accuracy there is not known" in note for note in found["notes"])


def test_classes_that_the_source_lacks_are_counted_and_not_measured(places, workspace):
    report, there = places / "out.json", places / "there"
    (there / "class 1").rename(there / "another class")
    assert main(words(places, "--test", str(there), "--report", str(report))) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["n_test"], found["class_names"]) == (8, ["class 0", "class 1"])
    assert any(note.startswith("8 pictures are of classes") for note in found["notes"])


def test_some_labels_there_judge(places, workspace):
    report = places / "out.json"
    assert main(words(places, "--target-labels", "6", "--report", str(report))) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["measured_on"], found["n_test"], found["target_labels"]) == ("target", 6, 6)


def test_a_target_that_is_the_source_is_a_sentence(places, workspace, capsys):
    here = str(places / "here")
    assert main(["train", here, "--approach", "domain_adaptation", "--target", here]) == 2
    assert "0 pictures of the new place" in capsys.readouterr().err


@pytest.mark.parametrize("approach", ["domain_adaptation", "recommended"])
def test_target_and_approach_belong_together(places, workspace, capsys, approach):
    extra = [] if approach == "domain_adaptation" else ["--target", str(places / "there")]
    assert main(["train", str(places / "here"), "--approach", approach, *extra]) == 2
    assert "--target" in capsys.readouterr().err
