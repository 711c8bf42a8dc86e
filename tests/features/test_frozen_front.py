"""Tests of the engine that computes frozen fronts, and of where its values lie."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from projects import stripes_project
from trained import training_of

from tl_core.approaches.linear_probe import network_of
from tl_core.backbones.layer_groups import freeze_to
from tl_core.backbones.preprocessing import normalise
from tl_core.backbones.tracing import cut
from tl_core.features import engine as engines
from tl_core.features import openvino
from tl_core.features.decoding import PLAIN_VIEW, crop_file
from tl_core.features.engine import PRECISIONS, Engine
from tl_core.features.frozen_front import FrozenFront, keeping
from tl_core.runs.events import result_of
from tl_core.workspace.machine_memo import networks_dir

FROZEN = 7


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return stripes_project(tmp_path_factory.mktemp("stripes"), each=6)


def started(stripes, name, frozen=FROZEN, **settings):
    """Return the pictures of a task, its frozen front, and what the network sees of them."""
    torch.manual_seed(0)
    task = training_of(*stripes, name, strategy="fine-tune", frozen_groups=frozen, **settings).task
    network = network_of(task, "last")
    freeze_to(network, frozen)
    network.to(memory_format=torch.channels_last)
    crops = torch.stack([crop_file(image.path, task.preprocessing) for image in task.images.train])
    images = normalise(crops, task.preprocessing).contiguous(memory_format=torch.channels_last)
    halves = cut(network, images)
    front = FrozenFront(
        workspace=task.workspace,
        project_id=task.project_id,
        backbone=task.config.backbone,
        preprocessing=task.preprocessing,
        halves=halves,
        frozen_groups=frozen,
        features="last",
        kept=keeping(halves, images),
    )
    return task.images.train, front, images


def values_of(front, pictures):
    """Return the kept values of these pictures, and what computed them."""
    (found,), engine = result_of(front.values([(PLAIN_VIEW, pictures)]))
    return found.take([picture.digest for picture in pictures]), engine


@pytest.fixture
def fresh(stripes):
    """Forget what was measured and computed by other tests."""
    workspace, project = stripes
    shutil.rmtree(workspace.machine_dir, ignore_errors=True)
    for path in sorted(workspace.features_dir(project).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return stripes


@torch.no_grad()
def check_agreement(values, halves, images):
    for value, exact in zip(values, halves.front(images), strict=True):
        cosines = torch.nn.functional.cosine_similarity(value.flatten(1), exact.flatten(1))
        assert cosines.min() >= engines.LEAST_COSINE
        assert cosines.median() >= engines.LEAST_MEDIAN_COSINE
    wanted, got = halves.back(*halves.front(images)), halves.back(*values)
    assert (got - wanted).abs().max() < 2 * engines.LOGITS_TOLERANCE * (1 + wanted.abs().max())


def test_kept_values_agree_with_plain_float32_and_lie_as_convolutions_want_them(fresh):
    pictures, front, images = started(fresh, "agree")
    values, _ = values_of(front, pictures)
    check_agreement(values, front.halves, images)
    assert front.kept.maps == (True,)
    assert values[0].is_contiguous(memory_format=torch.channels_last)
    assert values_of(front, pictures)[1] is None


@pytest.mark.skipif(not openvino.is_installed(), reason="OpenVINO is not installed")
def test_where_conversion_pays_openvino_takes_part_and_agrees(fresh, monkeypatch):
    monkeypatch.setattr(engines, "device", lambda: "cpu")
    monkeypatch.setattr(engines, "CONVERTING_PAYS", 1)
    monkeypatch.setattr(engines, "timed", slow_torch(engines.timed))
    pictures, front, images = started(fresh, "converted")
    values, engine = values_of(front, pictures)
    assert engine.library == "openvino"
    check_agreement(values, front.halves, images)
    assert list(networks_dir(fresh[0]).glob("*.xml"))
    remembered = json.loads((fresh[0].machine_dir / "measured.json").read_text())
    assert any("first 7 groups" in key and "OpenVINO" in key for key in remembered)


def slow_torch(original):
    def timed(engine, sample):
        values, speed = original(engine, sample)
        return values, speed * (1e-3 if engine.choice.library == "torch" else 1)

    return timed


def test_a_front_whose_logits_stray_is_not_used(fresh, monkeypatch):
    """Twice the values point the same way, so cosines see nothing; the logits do."""
    pictures, front, _ = started(fresh, "strays")
    original = Engine.__call__

    def stray(self, crops):
        values = original(self, crops)
        return values if self.choice.precision == "float32" else tuple(2 * v for v in values)

    monkeypatch.setattr(Engine, "__call__", stray)
    monkeypatch.setattr(engines, "timed", fast_short(engines.timed))
    assert values_of(front, pictures)[1].precision == "float32"


def fast_short(original):
    def timed(engine, sample):
        values, speed = original(engine, sample)
        return values, speed * (1 if engine.choice.precision == "float32" else 1e3)

    return timed


def test_an_entry_never_meets_another_precision_or_another_seed(fresh):
    _, front, _ = started(fresh, "precision")
    places = {front.folder(PLAIN_VIEW, name) for name in PRECISIONS}
    other = replace(front.kept, half=not front.kept.half)
    places.add(replace(front, kept=other).folder(PLAIN_VIEW, "float32"))
    places |= {replace(front, weights_seed=n).folder(PLAIN_VIEW, "float32") for n in (1, 2)}
    assert len(places) == 6


def test_values_that_are_there_are_gone_on_with_in_their_precision(fresh, monkeypatch):
    pictures, front, _ = started(fresh, "first")
    monkeypatch.setattr(engines, "LOGITS_TOLERANCE", 1.0)
    monkeypatch.setattr(engines, "SHORTER", engines.PLAIN)
    values_of(front, pictures[:3])
    monkeypatch.undo()
    monkeypatch.setattr(engines, "LOGITS_TOLERANCE", 1.0)
    monkeypatch.setattr(engines, "timed", fast_short(engines.timed))
    _, later, _ = started(fresh, "later")
    assert values_of(later, pictures)[1].precision == "float32"


@torch.no_grad()
def test_the_front_knows_nothing_of_the_classifier_s_standardisation(stripes):
    """Its values are shared by runs, and every run has means of its own."""
    task = training_of(*stripes, "means", strategy="fine-tune").task
    network = network_of(task, "last")
    freeze_to(network, 8)
    crops = torch.stack([crop_file(image.path, task.preprocessing) for image in task.images.train])
    images = normalise(crops, task.preprocessing)
    halves = cut(network, images)
    before = [value.clone() for value in halves.front(images)]
    wanted = halves.back(*before)
    network.feature_mean.fill_(3.0)
    for value, old in zip(halves.front(images), before, strict=True):
        np.testing.assert_array_equal(value.numpy(), old.numpy())
    assert not torch.allclose(halves.back(*before), wanted)
