"""Tests of the engine that computes frozen fronts, and of where its values lie."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from projects import stripes_project
from trained import training_of

from tl_core.approaches import frozen_front
from tl_core.approaches.frozen_front import batches_for, front_engine, shelf
from tl_core.approaches.linear_probe import network_of
from tl_core.approaches.optimisation import start
from tl_core.backbones.preprocessing import normalise
from tl_core.backbones.tracing import cut
from tl_core.features import engine as engines
from tl_core.features import openvino
from tl_core.features.decoding import PLAIN_VIEW, crop_file
from tl_core.features.engine import Engine
from tl_core.features.front_values import keep_front_values, keeping
from tl_core.runs.events import result_of
from tl_core.workspace.machine_memo import networks_dir

FROZEN = 7


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return stripes_project(tmp_path_factory.mktemp("stripes"), each=6)


def started(stripes, name, frozen=FROZEN, **settings):
    """Return a task and an optimisation whose network is cut in two, and what the cut keeps."""
    torch.manual_seed(0)
    task = training_of(*stripes, name, strategy="fine-tune", frozen_groups=frozen, **settings).task
    state = start(network_of(task, "last"), task.config, frozen_groups=frozen, from_scratch=False)
    crops = torch.stack([crop_file(image.path, task.preprocessing) for image in task.images.train])
    images = normalise(crops, task.preprocessing).contiguous(memory_format=torch.channels_last)
    halves = cut(state.network, images)
    return task, state, halves, keeping(halves, images), images


def kept_values(task, state, engine, precision, kept):
    place = shelf(task, state, PLAIN_VIEW, kept, precision)
    images = task.images.train
    settings = {"preprocessing": task.preprocessing, "view": PLAIN_VIEW, "kept": kept}
    values = result_of(keep_front_values(engine, images, place, **settings))
    return values.take([image.digest for image in images])


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
    task, state, halves, kept, images = started(fresh, "agree")
    precision, engine = front_engine(task, state, halves, kept, [(PLAIN_VIEW, task.images.train)])
    values = kept_values(task, state, engine, precision, kept)
    check_agreement(values, halves, images)
    assert kept.maps == (True,)
    assert values[0].is_contiguous(memory_format=torch.channels_last)
    assert front_engine(task, state, halves, kept, [(PLAIN_VIEW, task.images.train)])[1] is None


@pytest.mark.skipif(not openvino.is_installed(), reason="OpenVINO is not installed")
def test_where_conversion_pays_openvino_takes_part_and_agrees(fresh, monkeypatch):
    monkeypatch.setattr(engines, "device", lambda: "cpu")
    monkeypatch.setattr(engines, "CONVERTING_PAYS", 1)
    monkeypatch.setattr(engines, "timed", slow_torch(engines.timed))
    task, state, halves, kept, images = started(fresh, "converted")
    precision, engine = front_engine(task, state, halves, kept, [(PLAIN_VIEW, task.images.train)])
    assert engine.choice.library == "openvino"
    check_agreement(kept_values(task, state, engine, precision, kept), halves, images)
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
    task, state, halves, kept, _ = started(fresh, "strays")
    original = Engine.__call__

    def stray(self, crops):
        values = original(self, crops)
        return values if self.choice.precision == "float32" else tuple(2 * v for v in values)

    monkeypatch.setattr(Engine, "__call__", stray)
    monkeypatch.setattr(engines, "timed", fast_short(engines.timed))
    precision, _ = front_engine(task, state, halves, kept, [(PLAIN_VIEW, task.images.train)])
    assert precision == "float32"


def fast_short(original):
    def timed(engine, sample):
        values, speed = original(engine, sample)
        return values, speed * (1 if engine.choice.precision == "float32" else 1e3)

    return timed


def test_an_entry_never_meets_another_precision(fresh):
    task, state, _, kept, _ = started(fresh, "precision")
    places = {shelf(task, state, PLAIN_VIEW, kept, name) for name in frozen_front.PRECISIONS}
    places.add(shelf(task, state, PLAIN_VIEW, replace(kept, half=not kept.half), "float32"))
    assert len(places) == 4


def test_values_that_are_there_are_gone_on_with_in_their_precision(fresh, monkeypatch):
    task, state, halves, kept, _ = started(fresh, "first")
    monkeypatch.setattr(engines, "LOGITS_TOLERANCE", 1.0)
    monkeypatch.setattr(engines, "SHORTER", engines.PLAIN)
    precision, engine = front_engine(
        task, state, halves, kept, [(PLAIN_VIEW, task.images.train[:3])]
    )
    few = replace(task, images=replace(task.images, images=task.images.train[:3]))
    kept_values(few, state, engine, precision, kept)
    monkeypatch.undo()
    monkeypatch.setattr(engines, "LOGITS_TOLERANCE", 1.0)
    monkeypatch.setattr(engines, "timed", fast_short(engines.timed))
    later, state, halves, kept, _ = started(fresh, "later")
    precision, engine = front_engine(later, state, halves, kept, [(PLAIN_VIEW, task.images.train)])
    assert engine is not None
    assert precision == "float32"


def test_values_that_are_all_there_need_no_engine(fresh, monkeypatch):
    task, state, halves, kept, _ = started(fresh, "resumed")
    precision, engine = front_engine(task, state, halves, kept, [(PLAIN_VIEW, task.images.train)])
    kept_values(task, state, engine, precision, kept)
    monkeypatch.setattr(frozen_front, "choose_engine", None)  # choosing again fails
    again = front_engine(task, state, halves, kept, [(PLAIN_VIEW, task.images.train)])
    assert again == (precision, None)


@torch.no_grad()
def test_the_front_knows_nothing_of_the_classifier_s_standardisation(stripes):
    """Its values are shared by runs, and every run has means of its own."""
    _, state, halves, _, images = started(stripes, "means", frozen=8)
    before = [value.clone() for value in halves.front(images)]
    wanted = halves.back(*before)
    state.network.feature_mean.fill_(3.0)
    for value, old in zip(halves.front(images), before, strict=True):
        np.testing.assert_array_equal(value.numpy(), old.numpy())
    assert not torch.allclose(halves.back(*before), wanted)


def test_random_weights_of_another_seed_have_another_shelf(stripes):
    before, places = set(fresh_shelves(stripes)), set()
    for seed in (1, 2):
        settings = {"strategy": "scratch", "frozen_groups": 2, "seed": seed}
        name = f"scratch {seed}"
        task = training_of(*stripes, name, backbone="test_resnet", **settings).task
        network = network_of(task, "last")
        state = start(network, task.config, frozen_groups=2, from_scratch=True)
        result_of(batches_for(task, state))
        places |= set(fresh_shelves(stripes))
    assert len(places - before) == 2


def fresh_shelves(stripes):
    return [p.name for p in stripes[0].features_dir(stripes[1]).glob("front-*") if p.is_dir()]
