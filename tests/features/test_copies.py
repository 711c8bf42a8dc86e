"""Copies are found however they were turned, mirrored, resized, re-encoded, cropped or shaken.

A training keeps them together, and says so; once.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image, ImageOps
from trained import run_to_end, training_of

from tl_core.errors import DatasetError
from tl_core.features import copies
from tl_core.features.copies import same_pairs
from tl_core.features.fingerprints import SIDE, best_turned, fingerprints, turned_bound
from tl_core.images import add_images, folder_files, image_set, list_groups, split_group
from tl_core.images.groups import grouping
from tl_core.runs.events import Note
from tl_core.runs.results.report import read_report
from tl_core.workspace import create_project, open_workspace

pytestmark = pytest.mark.usefixtures("known_machine")

SHORT = {"steps": 2, "batch_size": 4, "tuning_seconds": 0}


def project(root: Path, *, series: int = 0):
    """Make two classes of six pictures; `ants` has two turned copies, `bees` a series."""
    for name, first in (("ants", 0), ("bees", 6)):
        (root / "pictures" / name).mkdir(parents=True)
        for number in range(6):
            image = scene(first if number < series and name == "bees" else first + number)
            if number < series and name == "bees":
                image = image.rotate(90 * (number % 4)).resize((320 - number, 320 - number))
            image.convert("RGB").save(root / "pictures" / name / f"{number}.png")
    for number in range(2):
        turned = scene(number).rotate(180).convert("RGB")
        turned.save(root / "pictures" / "ants" / f"turned-{number}.png")
    workspace = open_workspace(root / "workspace")
    project_id = create_project(workspace, "Insects").id
    for _ in add_images(workspace, project_id, folder_files(root / "pictures")):
        pass
    return workspace, project_id


def notes(events) -> str:
    return " ".join(event.text for event in events if isinstance(event, Note))


@pytest.mark.parametrize("strategy", ["recommended", "scratch"])
def test_a_training_keeps_copies_together_from_the_first_on(tmp_path, monkeypatch, strategy):
    workspace, project_id = project(tmp_path)
    job = training_of(workspace, project_id, strategy=strategy, **SHORT)
    told = notes(run_to_end(job))
    assert "4 pictures look like copies" in told
    pairs = [
        {one.name.rpartition("/")[2] for one in g.images}
        for g in list_groups(workspace, project_id)
    ]
    assert sorted(map(sorted, pairs)) == [["0.png", "turned-0.png"], ["1.png", "turned-1.png"]]
    for group in list_groups(workspace, project_id):
        digests = {one.digest for one in group.images}
        images = job.model.task.images.images
        assert len({one.split for one in images if one.digest in digests}) == 1

    def forbidden(*_args):
        raise AssertionError("searched again")

    monkeypatch.setattr(copies, "same_pairs", forbidden)
    again = training_of(workspace, project_id, "again", strategy=strategy, **SHORT)
    assert "copies" not in notes(run_to_end(again))


def test_a_class_of_one_series_is_named_and_can_be_split(tmp_path):
    workspace, project_id = project(tmp_path, series=6)
    with pytest.raises(DatasetError, match=r"of 'bees' are all copies.*split the group"):
        run_to_end(training_of(workspace, project_id, **SHORT))
    series = max(list_groups(workspace, project_id), key=lambda group: len(group.images))
    split_group(workspace, project_id, series.name)
    job = training_of(workspace, project_id, "after", **SHORT)
    run_to_end(job)
    assert read_report(job.task.run_dir).evaluation.n == 14


@pytest.mark.parametrize("strategy", ["recommended", "scratch"])
def test_a_training_says_when_there_are_too_many_pictures_to_compare(
    tmp_path, monkeypatch, strategy
):
    workspace, project_id = project(tmp_path)
    monkeypatch.setattr(grouping, "MOST_SEARCHED", 13)
    job = training_of(workspace, project_id, strategy=strategy, **SHORT)
    assert "more than 13 pictures, copies and series are not searched" in notes(run_to_end(job))
    assert any("there are 14" in note for note in read_report(job.task.run_dir).notes)
    monkeypatch.setattr(grouping, "MOST_SEARCHED", 14)
    more = training_of(workspace, project_id, "more", strategy=strategy, **SHORT)
    assert "not searched" not in notes(run_to_end(more))


def test_copies_whose_thumbnail_is_gone_are_no_copies(tmp_path):
    workspace, project_id = project(tmp_path)
    for path in workspace.thumbnails_dir(project_id).iterdir():
        path.unlink()
    images = image_set(workspace, project_id).images
    assert copies.group_copies(workspace, project_id, images, np.ones((14, 4), np.float32)) == 0


def encoded(image: Image.Image) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=30)
    return Image.open(content)


def shaken(image: Image.Image) -> Image.Image:
    moved = np.roll(np.asarray(image, np.float32), (6, -9), (0, 1)) * 1.1
    noise = np.random.default_rng(0).normal(0, 5, moved.shape)
    return Image.fromarray((moved + noise).clip(0, 255).astype(np.uint8))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": encoded,
    "resized": lambda image: image.resize((150, 150)),
    "turned by 90": lambda image: image.rotate(90),
    "turned by 180": lambda image: image.rotate(180),
    "turned by 30": lambda image: image.rotate(30),
    "mirrored": ImageOps.mirror,
    "turned and mirrored": lambda image: ImageOps.mirror(image.rotate(270)),
    "cropped": lambda image: image.crop((16, 6, 320, 310)),
    "a frame of a burst": shaken,
}


def tiles(*images: Image.Image) -> np.ndarray:
    small = [image.resize((SIDE, SIDE), Image.Resampling.BOX) for image in images]
    return np.stack([np.stack([np.asarray(one, np.uint8)] * 2) for one in small])


def features(*of: int) -> np.ndarray:
    """Return features that are the same where the numbers are."""
    return np.stack([np.random.default_rng(n).normal(size=64) + 0.5 for n in of]).astype("float32")


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_among_others(kind: str) -> None:
    images = [scene(n) for n in range(6)]
    pairs, score = same_pairs(tiles(*images, COPIES[kind](images[2])), features(*range(6), 2))
    assert pairs.tolist() == [[2, 6]] and 0.7 < score[0] <= 1.001


def test_pictures_that_the_backbone_finds_unlike_are_not_joined() -> None:
    images = [scene(n) for n in range(4)]
    opposite = features(0, 1, 2, 3, 3)
    opposite[4] *= -1
    assert not len(same_pairs(tiles(*images, images[3].rotate(90)), opposite)[0])


def test_without_features_close_copies_are_found() -> None:
    images = [scene(n) for n in range(4)]
    pairs, _ = same_pairs(tiles(*images, ImageOps.mirror(images[1])), None)
    assert pairs.tolist() == [[1, 4]]


def test_stripes_and_plain_pictures_are_only_joined_as_true_copies() -> None:
    y = np.arange(320)[:, None] + np.zeros(320)
    stripes = [
        Image.fromarray((128 + 80 * np.sin(y / 15 + phase)).astype(np.uint8))
        for phase in (0, 0.4, 0.9)
    ]
    plain = [Image.new("L", (320, 320), grey) for grey in (10, 11)]
    same = np.ones((6, 8), np.float32)
    found, _ = same_pairs(tiles(*stripes, *plain, stripes[0]), same)
    assert found.tolist() == [[0, 5]]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_have_no_pairs(count: int) -> None:
    pairs, score = same_pairs(np.zeros((count, 2, SIDE, SIDE), np.uint8), None)
    assert pairs.shape == (0, 2) and score.shape == (0,)


def test_the_bound_is_never_below_the_best_rotation() -> None:
    prints = fingerprints(tiles(*[scene(n) for n in range(8)])[:, 1])
    a, b = np.triu_indices(8)
    bound = turned_bound(prints.detail)
    best = best_turned(prints.detail, a, b)
    assert (best <= (bound[a] * bound[b]).sum(axis=1) + 1e-4).all()
    assert np.allclose(best[a == b], 1, atol=1e-4)
