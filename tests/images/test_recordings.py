"""Recordings: one group each, never divided, undone as a whole."""

import pytest
from pictures import encoded, file, scene
from projects import add

from tl_core.errors import DatasetError
from tl_core.images import (
    add_recording,
    count_images,
    image_set,
    last_change,
    list_classes,
    list_groups,
    list_images,
    list_skipped,
    propose_names,
    set_excluded,
    sources_of,
    undo_last,
)
from tl_core.workspace import Workspace, create_project


@pytest.fixture
def project_id(workspace: Workspace) -> str:
    return create_project(workspace, "Leaves").id


def frames(first: int, count: int) -> list[bytes]:
    return [encoded(scene(seed).resize((40, 30)), "JPEG") for seed in range(first, first + count)]


def test_frames_of_one_recording_are_one_group_and_never_divided(workspace, project_id):
    for class_name, first in (("cat", 0), ("cat", 20), ("dog", 40), ("dog", 60)):
        assert add_recording(workspace, project_id, frames(first, 6), class_name=class_name).added
    groups = list_groups(workspace, project_id)
    assert [(g.kind, g.accepted, len(g.images)) for g in groups] == [("recording", True, 6)] * 4
    assert {g.class_names for g in groups} == {("cat",), ("dog",)}
    assert propose_names(workspace, project_id) == []
    parts = {}
    for image in image_set(workspace, project_id).images:
        parts.setdefault(image.group, set()).add(image.split)
    assert all(len(part) == 1 for part in parts.values())


def test_a_frame_that_the_camera_gave_twice_is_added_once_and_not_called_skipped(
    workspace, project_id
):
    recorded = add_recording(workspace, project_id, frames(0, 3) * 2, class_name="cat")
    assert (recorded.added, recorded.skipped) == (3, ())
    assert list_skipped(workspace, project_id) == []


def test_undo_takes_back_a_recording_as_a_whole_with_its_files_and_its_new_class(
    workspace, project_id
):
    add(workspace, project_id, [file("dog/1.png")])
    add_recording(workspace, project_id, frames(0, 70), class_name="cat")  # two transactions
    assert last_change(workspace, project_id) == "record 70 pictures of 'cat'"
    undo_last(workspace, project_id)
    (left,) = list_images(workspace, project_id)
    assert [entry.name for entry in list_classes(workspace, project_id)] == ["dog"]
    assert list_groups(workspace, project_id) == []
    for folder in (workspace.images_dir(project_id), workspace.thumbnails_dir(project_id)):
        assert [path.stem for path in folder.iterdir()] == [left.digest]
    assert last_change(workspace, project_id) is None


def test_undo_keeps_what_was_there_before_the_recording(workspace, project_id):
    first, second = frames(0, 4), frames(3, 4)  # one frame is in both
    add_recording(workspace, project_id, first, class_name="cat")
    again = add_recording(workspace, project_id, second, class_name="cat")
    assert (again.added, len(again.skipped)) == (3, 1)
    set_excluded(workspace, project_id, [list_images(workspace, project_id)[0].id], True)
    undo_last(workspace, project_id)
    undo_last(workspace, project_id)
    assert count_images(workspace, project_id, class_name="cat") == 4
    assert count_images(workspace, project_id, excluded=True) == 0
    assert [len(group.images) for group in list_groups(workspace, project_id)] == [4]


def test_what_was_undone_can_be_recorded_again(workspace, project_id):
    recorded = frames(0, 3)
    for _ in range(2):
        assert add_recording(workspace, project_id, recorded, class_name="cat").added == 3
        undo_last(workspace, project_id)
    assert count_images(workspace, project_id) == 0


def test_sources_count_recordings_and_whatever_else_stands_for_itself(workspace, project_id):
    assert sources_of(workspace, project_id, "cat").recordings == 0
    add(workspace, project_id, [file("cat/1.png"), file("cat/2.png"), file("dog/1.png")])
    add_recording(workspace, project_id, frames(0, 3), class_name="cat")
    found = sources_of(workspace, project_id, "cat")
    assert (found.recordings, found.others) == (1, 2)


def test_frames_that_are_no_pictures_are_named(workspace, project_id):
    recorded = add_recording(workspace, project_id, [b"", b"nothing"], class_name="cat")
    assert recorded.added == 0
    assert len(recorded.skipped) == 2
    assert last_change(workspace, project_id) is None


def test_a_recording_needs_a_class(workspace, project_id):
    with pytest.raises(DatasetError, match="needs a name"):
        add_recording(workspace, project_id, frames(0, 1), class_name=" ")
