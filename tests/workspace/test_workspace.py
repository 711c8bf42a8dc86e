"""Projects: created, listed, renamed, deleted, from one window or two."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import files
from projects import add, project_with

from tl_core.errors import StorageFull, WorkspaceError
from tl_core.runs.catalogue import Backbone
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.draft import chosen_backbone, drafted_config, save_backbone, save_config
from tl_core.workspace import (
    Project,
    Workspace,
    create_project,
    delete_project,
    list_projects,
    open_project,
    open_workspace,
    rename_project,
)
from tl_core.workspace.database import ClassRow, ImageRow, ProjectRow, RunRow, session


def backbone(name: str) -> Backbone:
    return Backbone(
        name=name,
        title=name,
        family="CNN",
        pretraining="supervised",
        good_at="",
        parameters=1,
        input_size=32,
        licence="",
        download_bytes=0,
    )


def test_the_environment_names_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TL_WORKSPACE", str(tmp_path / "chosen"))
    assert open_workspace().root == tmp_path / "chosen"
    assert (tmp_path / "chosen" / "tl.db").is_file()


def test_a_workspace_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkspaceError, match=r"file.*TL_WORKSPACE"):
        open_workspace(tmp_path / "file")


def test_a_workspace_removed_under_us_is_made_again(workspace: Workspace) -> None:
    create_project(workspace, "Leaves")
    shutil.rmtree(workspace.root, ignore_errors=True)
    assert list_projects(open_workspace(workspace.root)) == []


def test_two_workspaces_share_nothing(tmp_path: Path) -> None:
    first, second = open_workspace(tmp_path / "a"), open_workspace(tmp_path / "b")
    create_project(first, "Leaves")
    assert list_projects(second) == []


def test_a_project_is_found_again_with_its_choices(workspace: Workspace) -> None:
    project = create_project(workspace, "  Leaves \n of oak ")
    config = TrainingConfig(backbone=backbone("one"), frozen_groups=3, seed=7)
    save_backbone(workspace, project.id, backbone("one"))
    save_config(workspace, project.id, config)
    found = open_project(workspace, project.id)
    assert found.name == "Leaves of oak"
    assert (chosen_backbone(found), drafted_config(found)) == (backbone("one"), config)
    assert found.created == project.created


def test_another_backbone_resets_the_layers_of_the_draft(workspace: Workspace) -> None:
    project = create_project(workspace, "Leaves")
    save_config(
        workspace,
        project.id,
        TrainingConfig(backbone=backbone("one"), frozen_groups=3, seed=7),
    )
    save_backbone(workspace, project.id, backbone("two"))
    draft = drafted_config(open_project(workspace, project.id))
    assert draft == TrainingConfig(backbone=backbone("two"), frozen_groups=None, seed=7)


@pytest.mark.parametrize(("name", "says"), [(" \n", "needs a name"), ("x" * 101, "101 char")])
def test_unusable_project_names_are_refused(workspace: Workspace, name: str, says: str) -> None:
    with pytest.raises(WorkspaceError, match=says):
        create_project(workspace, name)
    project = create_project(workspace, "Leaves")
    with pytest.raises(WorkspaceError, match=says):
        rename_project(workspace, project.id, name)


def test_a_missing_project_gets_a_sentence(workspace: Workspace) -> None:
    for action in (
        lambda: open_project(workspace, "../../etc"),
        lambda: rename_project(workspace, "none", "x"),
        lambda: save_backbone(workspace, "none", backbone("one")),
    ):
        with pytest.raises(WorkspaceError, match="no longer exists"):
            action()


def test_the_list_shows_counts_and_cover(workspace: Workspace) -> None:
    empty = create_project(workspace, "Empty")
    project_with(workspace, ants=2, bees=1)
    newest, oldest = list_projects(workspace)
    assert (newest.classes, newest.images) == (2, 3)
    assert newest.thumbnail is not None and newest.thumbnail.is_file()
    assert (oldest.id, oldest.images, oldest.thumbnail) == (empty.id, 0, None)


def test_deleting_takes_rows_and_files_and_leaves_other_projects(workspace: Workspace) -> None:
    gone, stays = project_with(workspace, ants=2), project_with(workspace, bees=3)
    delete_project(workspace, gone)
    delete_project(workspace, gone)  # a second window does the same
    assert not workspace.project_dir(gone).exists()
    assert [one.id for one in list_projects(workspace)] == [stays]
    with session(workspace, write=False) as opened:
        assert opened.query(ImageRow).count() == 3
        assert [row.name for row in opened.query(ClassRow)] == ["bees"]


def test_a_deleted_project_ends_its_run_and_leaves_nothing_behind(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=1)
    with session(workspace) as opened:
        run = RunRow(id="r", project_id=project_id, kind="train", state="running", config={})
        opened.add(run)
    delete_project(workspace, project_id)
    with session(workspace, write=False) as opened:
        assert opened.get(RunRow, "r") is None
    late = workspace.run_dir(project_id, "r")  # the worker writes once more before it notices
    late.mkdir(parents=True)
    (late / "events.jsonl").write_text("{}")
    from tl_core.workspace import opening

    opening._prepare.cache_clear()  # as in a new process
    open_workspace(workspace.root)
    assert not workspace.project_dir(project_id).exists()


def test_adding_to_a_project_that_is_deleted_meanwhile_says_so(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id

    def offered():
        for number, offer in enumerate(files(ants=100)):
            if number == 50:
                delete_project(workspace, project_id)
            yield offer

    with pytest.raises(WorkspaceError, match="deleted"):
        add(workspace, project_id, offered())
    assert not workspace.project_dir(project_id).exists()


def test_a_full_disk_refuses_a_new_project(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(StorageFull, match="Free some space"):
        create_project(workspace, "Leaves")
    assert list_projects(workspace) == []


def test_choices_of_another_version_are_read_as_far_as_they_are_known(
    workspace: Workspace,
) -> None:
    project = create_project(workspace, "Leaves")
    config = TrainingConfig(backbone=backbone("one"), seed=7)
    save_backbone(workspace, project.id, backbone("one"))
    save_config(workspace, project.id, config)

    def stored(change: Callable[[dict], object]) -> Project:
        with session(workspace) as opened:
            row = opened.get(ProjectRow, project.id)
            row.backbone, row.config = {**row.backbone}, {**row.config}
            change(row.backbone)
            change(row.config)
        return open_project(workspace, project.id)

    newer = stored(lambda data: data.update(added_later=1))
    assert (chosen_backbone(newer), drafted_config(newer)) == (backbone("one"), config)
    damaged = stored(lambda data: data.update(backbone=5, title=5))
    assert (chosen_backbone(damaged), drafted_config(damaged)) == (None, None)
    save_backbone(workspace, project.id, backbone("two"))
    assert chosen_backbone(open_project(workspace, project.id)) == backbone("two")
