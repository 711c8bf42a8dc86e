"""Tests of the feature cache and of the engine that fills it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from projects import stripes_project
from sklearn.datasets import load_sample_images
from trained import BUNDLED_BACKBONE, training_of

from tl_core.backbones import create_backbone
from tl_core.backbones.network import all_features, rich_features
from tl_core.backbones.preprocessing import normalise, preprocessing_for, to_uint8_crop
from tl_core.features import engine as engines
from tl_core.features.decoding import View, crop_file
from tl_core.features.engine import PLAIN, SHORTER
from tl_core.features.extraction import extract_features, feature_folder
from tl_core.runs.events import result_of
from tl_core.workspace.storage import Workspace


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return stripes_project(tmp_path_factory.mktemp("stripes"), each=6)


def extract(job, tmp_path, images=None, **kwargs):
    generator = extract_features(
        job.task.backbone,
        job.task.config.backbone,
        images if images is not None else job.task.images.images,
        workspace=Workspace(tmp_path),
        project_id="p",
        **kwargs,
    )
    return result_of(generator)


def test_features_agree_with_plain_float32(stripes, tmp_path):
    job = training_of(*stripes)
    table = extract(job, tmp_path)
    crops = torch.stack(
        [crop_file(image.path, job.task.preprocessing) for image in job.task.images.images]
    )
    with torch.no_grad():
        wanted = rich_features(job.task.backbone, normalise(crops, job.task.preprocessing)).numpy()
    cosines = (table.values * wanted).sum(1)
    cosines /= np.linalg.norm(table.values, axis=1) * np.linalg.norm(wanted, axis=1)
    assert cosines.min() > 0.985
    assert np.median(cosines) > 0.995


@pytest.mark.parametrize("size", [(500, 375), (230, 900), (100, 80)])
def test_the_quick_crop_is_the_exact_one_but_for_rounding(tmp_path, size):
    backbone = create_backbone(BUNDLED_BACKBONE)
    preprocessing = preprocessing_for(backbone)
    photo = Image.fromarray(load_sample_images().images[0]).resize(size)
    photo.save(tmp_path / "photo.png")
    quick = crop_file(tmp_path / "photo.png", preprocessing)
    exact = to_uint8_crop(photo, preprocessing)
    levels = (quick.int() - exact.int()).abs()
    assert levels.float().mean() < 0.3
    assert levels.float().quantile(0.99) <= 1
    both = normalise(torch.stack([quick, exact]), preprocessing)
    with torch.no_grad():
        extraction = all_features(backbone, both)
    assert torch.nn.functional.cosine_similarity(*extraction, dim=0) > 0.999


def test_only_new_pictures_are_computed(stripes, tmp_path, monkeypatch):
    job = training_of(*stripes)
    extract(job, tmp_path, job.task.images.images[:5])
    looked_at = []
    from tl_core.features import extraction

    original = extraction.view_crop
    monkeypatch.setattr(
        extraction,
        "view_crop",
        lambda image, *rest: looked_at.append(image) or original(image, *rest),
    )
    table = extract(job, tmp_path)
    assert {image.digest for image in looked_at} == {i.digest for i in job.task.images.images[5:]}
    assert table.values.shape[0] == len(job.task.images.images)
    looked_at.clear()
    assert extract(job, tmp_path).engine is None
    assert looked_at == []


def test_leaving_off_keeps_what_was_computed(stripes, tmp_path):
    job = training_of(*stripes)
    generator = extract_features(
        job.task.backbone,
        job.task.config.backbone,
        job.task.images.images,
        workspace=Workspace(tmp_path),
        project_id="p",
    )
    next(generator)
    next(generator)  # one batch is done
    generator.close()
    assert list((tmp_path / "projects").rglob("*.shard"))


def test_a_table_never_mixes_precisions(stripes, tmp_path, monkeypatch):
    """New pictures are computed as those that are there were, even where more is faster now."""
    job = training_of(*stripes)
    original = engines.timed
    monkeypatch.setattr(engines, "SHORTER", PLAIN)
    assert extract(job, tmp_path, job.task.images.images[:5]).engine.precision == "float32"

    def short_is_fast(engine, sample):
        values, speed = original(engine, sample)
        return values, speed * (1 if engine.choice.precision == "float32" else 1e3)

    monkeypatch.setattr(engines, "SHORTER", SHORTER)
    monkeypatch.setattr(engines, "timed", short_is_fast)
    assert extract(job, tmp_path).engine.precision == "float32"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert extract(job, elsewhere).engine.precision == "bfloat16"


def test_what_is_kept_in_another_precision_is_computed_again(stripes, tmp_path, monkeypatch):
    """A machine that cannot go on in that precision starts anew rather than mixing."""
    job = training_of(*stripes)
    monkeypatch.setattr(engines, "SHORTER", PLAIN)
    extract(job, tmp_path, job.task.images.images[:5])
    monkeypatch.undo()
    monkeypatch.setattr(engines, "PLAIN", engines.SHORTER)
    monkeypatch.setattr(engines, "openvino", SimpleNamespace(is_installed=lambda: False))
    (tmp_path / "machine" / "measured.json").unlink()
    table = extract(job, tmp_path)
    assert table.engine.precision == "bfloat16"
    assert len(list((tmp_path / "projects").rglob("*.shard"))) == 2
    assert extract(job, tmp_path).engine is None


def test_whatever_changes_a_feature_changes_where_it_is_kept(tmp_path):
    preprocessing = preprocessing_for(create_backbone(BUNDLED_BACKBONE))

    def folder(view, precision="float32"):
        place = (Workspace(tmp_path), "p", BUNDLED_BACKBONE, preprocessing)
        return feature_folder(*place, view, precision=precision)

    plain = folder(View())
    assert plain == folder(View(seed=3)), "no augmentation"
    others = {folder(View(("flip",), 0)), folder(View(("flip",), 1)), folder(View(), "bfloat16")}
    assert len({plain, *others}) == 4
