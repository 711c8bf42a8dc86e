"""A list of projects that is gone, made anew from the folders."""

from projects import project_with_pictures
from results import assess_run, finished_run, made_up

from tl_core.images import count_images, list_images, list_skipped
from tl_core.runs import list_runs
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.rebuilding import rebuild
from tl_core.workspace import (
    Project,
    Workspace,
    create_project,
    delete_project,
    list_projects,
    open_project,
    rename_project,
)
from tl_core.workspace.recovery import begin_new_list, unlisted_projects


def rebuilt(workspace: Workspace, project: Project) -> Project:
    begin_new_list(workspace)
    assert list_projects(workspace) == []
    assert unlisted_projects(workspace) == [project.id]
    for _progress in rebuild(workspace):
        pass
    assert unlisted_projects(workspace) == []
    return open_project(workspace, project.id)


def classes_of(workspace: Workspace, project: Project) -> dict[str, str | None]:
    return {one.digest: one.class_name for one in list_images(workspace, project.id)}


def test_pictures_labels_and_results_come_back(workspace: Workspace) -> None:
    project = project_with_pictures("Leaves")
    rename_project(workspace, project.id, "Leaves of oak")
    run, _evaluation = finished_run(project)
    assess_run(project, made_up(project))
    before = classes_of(workspace, project)
    again = rebuilt(workspace, project)
    assert again.name == "Leaves of oak"
    assert chosen_backbone(again) == chosen_backbone(project)
    assert classes_of(workspace, project) == before
    (training,) = list_runs(workspace, project.id)
    assert (training.id, training.state) == (run.id, "done")
    assert training.accuracy is not None and training.n_test == 6
    assert [one.state for one in list_runs(workspace, project.id, "assess")] == ["done"]


def test_without_results_the_pictures_come_back_without_labels(workspace: Workspace) -> None:
    project = project_with_pictures()
    damaged = next(workspace.images_dir(project.id).iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-1])
    again = rebuilt(workspace, project)
    assert again.name == project.name
    assert set(classes_of(workspace, project).values()) == {None}
    assert count_images(workspace, project.id) == 5
    assert ["changed" in one.reason for one in list_skipped(workspace, project.id)] == [True]


def test_what_was_deleted_or_is_empty_is_not_missed(workspace: Workspace) -> None:
    delete_project(workspace, project_with_pictures().id)
    create_project(workspace, "Empty")
    begin_new_list(workspace)
    assert unlisted_projects(workspace) == []


def test_rebuilding_that_was_cut_off_goes_on(workspace: Workspace) -> None:
    project = project_with_pictures(each=40)
    begin_new_list(workspace)
    work = rebuild(workspace)
    assert next(one.added for one in work if one.added) < 80
    work.close()
    assert unlisted_projects(workspace) == [project.id]
    *_, _last = rebuild(workspace)
    assert count_images(workspace, project.id) == 80
