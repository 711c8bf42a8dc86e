"""Pictures into a project: everything good goes in, everything else is named with a reason."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import encoded, file, files, photograph, picture
from projects import add, project_with

import tl_core.workspace.storage
from tl_core.errors import ImageFileError, StorageFull, WorkspaceError
from tl_core.images import (
    Skipped,
    SourceFile,
    add_images,
    clear_skipped,
    count_images,
    folder_files,
    image_path,
    list_classes,
    list_images,
    list_skipped,
    read_picture,
    thumbnail_path,
)
from tl_core.workspace import Workspace, create_project

DATA = os.environ.get("TL_DATA")
STRANGE = (
    *("a b  c", 'it\'s "quoted"', "<img src=x onerror=alert(1)>", "👩‍🔬🍁", "ورقة شجر"),
    *("x" * 300, "Cat", "cat", "con", "a:b*c?", "%s {0} $x$ **b**"),
)


@pytest.fixture
def project_id(workspace: Workspace) -> str:
    return create_project(workspace, "Leaves").id


def test_a_picture_is_kept_byte_for_byte_with_a_thumbnail(
    workspace: Workspace, project_id: str
) -> None:
    data = photograph(64, 48)
    done = add(workspace, project_id, [file("ants/1.png", data, split="test")])
    assert (done.done, done.total, done.added, done.skipped) == (1, 1, 1, ())
    (record,) = list_images(workspace, project_id)
    assert (record.extension, record.width, record.height) == ("jpg", 64, 48)
    assert (record.name, record.class_name, record.split) == ("ants/1.png", "ants", "test")
    assert image_path(workspace, project_id, record).read_bytes() == data
    thumbnail = thumbnail_path(workspace, project_id, record.digest)
    assert read_picture(thumbnail).size == (64, 48)


def test_bad_files_are_named_and_the_rest_is_carried_on_with(
    workspace: Workspace, project_id: str
) -> None:
    def unreadable() -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    def damaged() -> bytes:
        raise ImageFileError("it is damaged inside the ZIP; make the ZIP again.")

    offered = [
        file("ants/text.jpg", b"this is text"),
        file("ants/cut.jpg", photograph()[:2000]),
        file("ants/empty.jpg", b""),
        SourceFile("ants/secret.jpg", unreadable, "ants"),
        SourceFile("ants/zip.jpg", damaged, "ants"),
        Skipped("ants/.DS_Store", "system file"),
        file("ants/long.png", class_name="x" * 301),
        file("ants/blank.png", class_name="\u200b"),
        file("ants/good.png"),
    ]
    done = add(workspace, project_id, offered)
    reasons = {one.name: one.reason for one in done.skipped}
    assert done.added == 1 and count_images(workspace, project_id) == 1
    for name, says in {
        "ants/text.jpg": "not a picture",
        "ants/cut.jpg": "truncated",
        "ants/empty.jpg": "0 bytes",
        "ants/secret.jpg": "Permission denied",
        "ants/zip.jpg": "damaged inside the ZIP",
        "ants/.DS_Store": "system file",
        "ants/long.png": "301 characters",
        "ants/blank.png": "needs a name",
    }.items():
        assert says in reasons.pop(name)
    assert not reasons
    assert tuple(list_skipped(workspace, project_id)) == done.skipped
    clear_skipped(workspace, project_id)
    assert list_skipped(workspace, project_id) == []


def test_the_same_picture_twice_is_kept_once_and_says_where(
    workspace: Workspace, project_id: str
) -> None:
    data, other = picture(), picture()
    add(workspace, project_id, [file("ants/1.png", data)])
    offered = [
        file("ants/copy.png", data),
        file("bees/copy.png", data),
        file("loose.png", other),
        file("again.png", other),
    ]
    done = add(workspace, project_id, offered)
    assert done.added == 1 and count_images(workspace, project_id) == 2
    same, elsewhere, loose = (one.reason for one in done.skipped)
    assert same == "exactly the same picture as 'ants/1.png' in class 'ants'"
    assert "stays there; if 'bees' is right, move it" in elsewhere
    assert loose == "exactly the same picture as 'loose.png', which has no class yet"


@pytest.mark.parametrize("name", STRANGE)
def test_strange_class_names_are_kept_as_they_are(
    workspace: Workspace, project_id: str, name: str
) -> None:
    add(workspace, project_id, [file(f"{name}/{name}.png", class_name=name)])
    stored = " ".join(name.split())
    assert [one.name for one in list_classes(workspace, project_id)] == [stored]
    (record,) = list_images(workspace, project_id, class_name=stored)
    assert record.class_name == stored and image_path(workspace, project_id, record).is_file()


def test_names_that_cannot_be_decoded_are_stored_without_what_offends(
    workspace: Workspace, project_id: str
) -> None:
    done = add(workspace, project_id, [file("b\udce9b\x00e/\udcff.png"), file("a/\ud800.txt", b"")])
    assert done.added == 1
    assert [one.name for one in list_classes(workspace, project_id)] == ["bbe"]
    assert [one.name for one in done.skipped] == ["a/.txt"]


def test_a_hundred_classes_and_names_that_differ_by_case(
    workspace: Workspace, project_id: str
) -> None:
    add(workspace, project_id, files(**{f"c{n:03d}": 1 for n in range(100)}))
    add(workspace, project_id, [file("cat/1.png"), file("Cat/1.png")])
    names = [one.name for one in list_classes(workspace, project_id)]
    assert len(names) == 102 and names[-2:] == ["Cat", "cat"]


def test_progress_is_told_along_the_way(workspace: Workspace, project_id: str) -> None:
    said = list(add_images(workspace, project_id, files(ants=150), total=150))
    assert [one.done for one in said] == sorted(one.done for one in said)
    assert len(said) >= 3 and said[-1].done == said[-1].added == 150
    assert {one.total for one in said} == {150}


def test_nothing_at_all_is_fine(workspace: Workspace, project_id: str) -> None:
    assert add(workspace, project_id, []).added == 0


def test_pictures_keep_the_order_in_which_they_came(workspace: Workspace, project_id: str) -> None:
    add(workspace, project_id, files(ants=40))
    names = [record.name for record in list_images(workspace, project_id)]
    assert names == [f"ants/{n}.png" for n in range(40)]


def test_whoever_stops_asking_keeps_what_was_finished(
    workspace: Workspace, project_id: str
) -> None:
    progress = add_images(workspace, project_id, files(ants=500))
    first = next(progress)
    progress.close()
    kept = count_images(workspace, project_id)
    assert first.added <= kept < 500
    assert add(workspace, project_id, files(bees=1)).added == 1


def test_only_a_few_files_are_held_at_a_time(workspace: Workspace, project_id: str) -> None:
    """Whatever the number of files, few are read ahead of those that are finished."""
    read, ahead = [0], []

    def offered():
        for number in range(300):
            yield SourceFile(f"a/{number}.png", lambda: counted(picture()), "a")

    def counted(data: bytes) -> bytes:
        read[0] += 1
        return data

    for said in add_images(workspace, project_id, offered()):
        ahead.append(read[0] - said.done)
    assert max(ahead) <= 8


def test_a_full_disk_stops_with_a_sentence_and_keeps_what_was_added(
    workspace: Workspace, project_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, left = os.replace, [2 * 100]  # an original and a thumbnail each

    def filling_up(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(tl_core.workspace.storage.os, "replace", filling_up)
    with pytest.raises(StorageFull, match="Free some space"):
        add(workspace, project_id, files(ants=300))
    kept = count_images(workspace, project_id)
    assert 80 <= kept <= 100
    assert not list(workspace.project_dir(project_id).rglob("*.tmp"))
    for record in list_images(workspace, project_id):
        assert image_path(workspace, project_id, record).is_file()


def test_two_windows_adding_the_same_folder_store_every_picture_once(
    workspace: Workspace, project_id: str
) -> None:
    offered, results = list(files(ants=120, bees=120)), []
    threads = [
        threading.Thread(target=lambda: results.append(add(workspace, project_id, offered)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.added for one in results) == count_images(workspace, project_id) == 240
    assert [one.images for one in list_classes(workspace, project_id)] == [120, 120]


def test_adding_to_a_missing_project_gets_a_sentence(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="deleted"):
        add(workspace, "none", [])


def test_extreme_shapes_go_in(workspace: Workspace, project_id: str) -> None:
    from PIL import Image

    shapes = [(1, 1), (10000, 2), (2, 10000)]
    add(
        workspace,
        project_id,
        [file(f"a/{n}.png", encoded(Image.new("L", size))) for n, size in enumerate(shapes)],
    )
    assert [(r.width, r.height) for r in list_images(workspace, project_id)] == shapes


@pytest.mark.skipif(not DATA, reason="TL_DATA is not set")
def test_a_real_folder_with_duplicates_goes_in(workspace: Workspace, project_id: str) -> None:
    done = add(workspace, project_id, folder_files(Path(DATA) / "brain_mri2"))
    assert done.done == 253 and done.added == 228
    assert all("exactly the same picture" in one.reason for one in done.skipped)
    assert project_with(workspace, ants=1)


def test_a_second_copy_of_a_broken_file_is_called_broken(
    workspace: Workspace, project_id: str
) -> None:
    broken = photograph()[:2000]
    done = add(workspace, project_id, [file(f"ants/{n}.jpg", broken) for n in range(30)])
    assert done.added == 0 and len(done.skipped) == 30
    assert all("truncated" in one.reason for one in done.skipped)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("which", ["original", "thumbnail"])
def test_adding_again_puts_back_what_a_power_cut_has_taken(
    workspace: Workspace, project_id: str, which: str, damage: Callable[[Path], object]
) -> None:
    data = picture()
    add(workspace, project_id, [file("ants/1.png", data), file("ants/2.png")])
    record = list_images(workspace, project_id)[0]
    original = image_path(workspace, project_id, record)
    thumbnail = thumbnail_path(workspace, project_id, record.digest)
    damage(original if which == "original" else thumbnail)
    done = add(workspace, project_id, [file("ants/1.png", data), file("ants/1 again.png", data)])
    assert done.added == 1 and len(done.skipped) == 1
    assert count_images(workspace, project_id) == 2
    assert original.read_bytes() == data and read_picture(thumbnail)


def test_pictures_are_on_the_disk_itself_before_their_rows(
    workspace: Workspace, project_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order alone; `test_power_cut` cuts the power."""
    rows_at_sync = []

    def sync(_file: int) -> None:
        rows_at_sync.append(count_images(workspace, project_id))

    monkeypatch.setattr(os, "fsync", sync)
    add(workspace, project_id, files(ants=20))
    on_disk = [*workspace.images_dir(project_id).iterdir()]
    on_disk += workspace.thumbnails_dir(project_id).iterdir()
    assert len(on_disk) == 40 and len(rows_at_sync) >= 40 + 2  # and two folders
    assert rows_at_sync[:42] == [0] * 42
