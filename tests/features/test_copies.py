"""A training finds copies, keeps them together, and says so; once."""

from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from trained import run_to_end, training_of

from tl_core.errors import DatasetError
from tl_core.features import copies
from tl_core.images import add_images, folder_files, image_set, list_groups, split_group
from tl_core.images.groups import grouping
from tl_core.runs.events import Note
from tl_core.runs.results.report import read_report
from tl_core.workspace import create_project, open_workspace

SHORT = {"steps": 2, "batch_size": 4}


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
        run_to_end(training_of(workspace, project_id))
    series = max(list_groups(workspace, project_id), key=lambda group: len(group.images))
    split_group(workspace, project_id, series.name)
    job = training_of(workspace, project_id, "after")
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
