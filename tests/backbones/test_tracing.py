"""Tests of traced networks: cut or folded they answer as before."""

import math
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from projects import stripes_project
from torch import nn
from trained import run_to_end, tiny_backbone, training_of

from tl_core.approaches.optimising import batches
from tl_core.approaches.optimising.batches import CropBatches, FrontBatches
from tl_core.backbones import create_backbone
from tl_core.backbones.layer_groups import freeze_to, frozen_count, layer_groups, train_mode
from tl_core.backbones.network import FeatureReader, TransferNetwork
from tl_core.backbones.tracing import Tracer, cut, folded
from tl_core.features import frozen_front
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.events import EpochResult, Note, result_of
from tl_core.runs.results.report import read_report
from tl_core.workspace.cache_budget import make_room, mark_used
from tl_core.workspace.storage import Workspace

pytestmark = pytest.mark.usefixtures("known_machine")

TINY = ["test_resnet", "test_vit", "test_efficientnet", "test_convnext", "test_byobnet"]
LARGE = 40e6  # parameters; larger ones are built alike


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return stripes_project(tmp_path_factory.mktemp("stripes"))


def network_of(backbone, features):
    torch.manual_seed(0)
    module = create_backbone(backbone, pretrained=False)
    return TransferNetwork(module, features=features, num_classes=3).eval()


def pictures(network, n=2):
    return torch.randn(n, *network.backbone.pretrained_cfg["input_size"])


@pytest.mark.parametrize("features", ["last", "all", "rich"])
@pytest.mark.parametrize("name", TINY)
@torch.no_grad()
def test_a_cut_network_gives_the_answers_of_the_whole_one(name, features):
    network = network_of(tiny_backbone(name), features)
    for frozen in range(1, len(layer_groups(network))):
        freeze_to(network, frozen)
        halves = cut(network, pictures(network))
        assert halves is not None, f"{name} cannot be cut behind {frozen} groups"
        for count in (1, 3):  # other numbers of pictures than it was verified on
            images = pictures(network, count)
            torch.testing.assert_close(
                halves.back(*halves.front(images)), network(images), atol=1e-4, rtol=1e-4
            )


@pytest.mark.parametrize("backbone", CATALOGUE, ids=lambda backbone: backbone.name)
def test_every_backbone_of_the_catalogue_can_be_cut(backbone):
    if backbone.parameters > LARGE:
        pytest.skip("large; its family is tested with a smaller one")
    network = network_of(backbone, "all")
    freeze_to(network, len(layer_groups(network)) - 2)
    assert cut(network, pictures(network)) is not None


def test_nothing_frozen_is_nothing_to_cut():
    network = network_of(tiny_backbone("test_resnet"), "last")
    freeze_to(network, 0)
    assert cut(network, pictures(network)) is None


def test_what_the_back_learns_the_network_has_learnt():
    network = network_of(tiny_backbone("test_resnet"), "all")
    freeze_to(network, 2)
    halves = cut(network, pictures(network))
    train_mode(network, batch_size=64)
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    images = pictures(network, 4)
    halves.back(*halves.front(images)).logsumexp(1).sum().backward()
    optimiser.step()
    network.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            halves.back(*halves.front(images)), network(images), atol=1e-4, rtol=1e-4
        )


def test_frozen_count_is_what_was_frozen():
    network = network_of(tiny_backbone("test_vit"), "last")
    for frozen in range(len(layer_groups(network))):
        freeze_to(network, frozen)
        assert frozen_count(network) == frozen


def test_caching_on_and_off_give_the_same_validation_predictions(stripes, monkeypatch):
    def history(name):
        job = training_of(*stripes, name, strategy="fine-tune", steps=4, batch_size=4)
        return [e for e in run_to_end(job) if isinstance(e, EpochResult) and e.phase == "fine_tune"]

    kept = history("kept")
    monkeypatch.setattr(frozen_front, "cut", lambda *_: None)
    whole = history("whole")
    assert len(kept) == len(whole)
    for a, b in zip(kept, whole, strict=True):
        assert a.validation_accuracy == b.validation_accuracy
        assert a.validation_loss == pytest.approx(b.validation_loss, abs=5e-3)


def test_a_second_fine_tuning_computes_no_frozen_layer(stripes, monkeypatch):
    settings = {"strategy": "fine-tune", "steps": 2, "batch_size": 4}
    run_to_end(training_of(*stripes, "one", **settings))

    def forbidden(*_):
        raise AssertionError("a frozen layer was computed again")

    monkeypatch.setattr(frozen_front.FrozenFront, "_compute", forbidden)
    job = training_of(*stripes, "two", **settings)
    run_to_end(job)
    assert read_report(job.task.run_dir) is not None


def test_augmented_views_are_drawn_up_front_and_differ(stripes):
    settings = {"strategy": "fine-tune", "steps": 2, "batch_size": 4, "views": 2}
    job = training_of(*stripes, "views", augmentations=("crop",), **settings)
    events = run_to_end(job)
    assert any(isinstance(e, Note) and "2 augmented versions" in e.text for e in events)


def test_without_room_the_whole_network_runs_and_a_note_says_so(stripes, monkeypatch):
    monkeypatch.setenv("TL_CACHE_GB", "0")
    job = training_of(*stripes, "no room", strategy="fine-tune", steps=2, batch_size=4)
    events = run_to_end(job)
    assert any(isinstance(e, Note) and "do not fit" in e.text for e in events)


def test_kept_values_and_crops_come_in_the_same_order(stripes, monkeypatch):
    job = training_of(*stripes, "order", strategy="fine-tune", steps=2, batch_size=4)
    run_to_end(job)
    kept, _ = result_of(batches.batches_for(job.task, job.model.state.network, from_scratch=False))
    monkeypatch.setattr(frozen_front, "cut", lambda *_: None)
    whole, _ = result_of(batches.batches_for(job.task, job.model.state.network, from_scratch=False))
    assert isinstance(kept, FrontBatches)
    assert isinstance(whole, CropBatches)
    for (_, a), (_, b) in zip(kept.shuffled(3, 9), whole.shuffled(3, 9), strict=True):
        assert a.tolist() == b.tolist()


def test_the_least_recently_used_shelf_goes_first(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    shelves = [tmp_path / "projects" / "p" / "features" / name for name in ("old", "new", "mine")]
    for age, shelf in zip((300, 200, 100), shelves, strict=True):
        mark_used(shelf)
        (shelf / "values").write_bytes(bytes(1000))
        stamp = shelf.stat().st_mtime - age
        os.utime(shelf, (stamp, stamp))
    monkeypatch.setenv("TL_CACHE_GB", str(2500 / 2**30))
    assert make_room(workspace, 1200, keep={shelves[2]})
    assert [shelf.exists() for shelf in shelves] == [False, True, True]
    assert not make_room(workspace, math.inf, keep={shelves[2]})
    assert shelves[2].exists()


def statistics_of_their_own(network: nn.Module) -> None:
    """Give every BatchNorm constants that change something."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias)


@pytest.mark.parametrize("name", TINY)
@torch.no_grad()
def test_a_folded_network_reads_the_same_features(name):
    torch.manual_seed(0)
    backbone = create_backbone(tiny_backbone(name), pretrained=False)
    statistics_of_their_own(backbone)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    images = torch.randn(3, *backbone.pretrained_cfg["input_size"])
    wanted = FeatureReader(backbone).eval()(images)
    torch.testing.assert_close(
        folded(FeatureReader(backbone))(images), wanted, rtol=1e-3, atol=1e-3
    )
    for key, value in backbone.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_folding_leaves_no_batch_norm_behind_a_convolution():
    backbone = create_backbone(tiny_backbone("test_efficientnet"), pretrained=False)
    left = [m for m in folded(FeatureReader(backbone)).modules() if isinstance(m, nn.BatchNorm2d)]
    assert left == []


def test_other_threads_run_their_networks_while_one_is_traced():
    begun, ended = threading.Event(), threading.Event()

    class Slow(nn.Module):
        def forward(self, x):
            begun.set()
            assert ended.wait(60)
            return x

    with ThreadPoolExecutor(1) as threads:
        traced = threads.submit(Tracer(sys.modules[__name__]).trace, Slow())
        try:
            assert begun.wait(60)
            said = nn.Sequential(nn.Linear(2, 3), nn.ReLU())(torch.zeros(4, 2))
        finally:
            ended.set()
        assert said.shape == (4, 3)
        assert [node.op for node in traced.result().nodes] == ["placeholder", "output"]
