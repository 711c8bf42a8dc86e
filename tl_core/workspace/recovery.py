"""A list of projects that is damaged or gone: the backup opened, or a new list begun.

The pictures and models lie in the projects' folders either way; `runs.rebuilding` lists them.
"""

from sqlalchemy import select

from tl_core.workspace.backups import Backup, newest_backup, put_aside, put_back
from tl_core.workspace.connection import database_file
from tl_core.workspace.database import ProjectRow, session
from tl_core.workspace.opening import deletion_marker, open_workspace, reopen
from tl_core.workspace.storage import Workspace

REBUILDING = "rebuilding"  # an empty file in a project's folder while its rows are made


def unlisted_projects(workspace: Workspace) -> list[str]:
    """Return the ids of projects whose folder holds pictures and that no row names."""
    with session(workspace, write=False) as opened:
        listed = set(opened.scalars(select(ProjectRow.id)))
    found = []
    for folder in workspace.projects_dir.iterdir():
        begun = (folder / REBUILDING).exists()
        if folder.name.startswith(".") or (folder.name in listed and not begun):
            continue
        pictures = workspace.images_dir(folder.name)
        gone = deletion_marker(workspace, folder.name).exists()
        if not gone and pictures.is_dir() and any(pictures.iterdir()):
            found.append(folder.name)
    return sorted(found)


def backup_to_open(workspace: Workspace) -> Backup | None:
    """Return the newest backup that can be read, None if there is none."""
    file = database_file(workspace)
    return newest_backup(file) if file else None


def open_backup(workspace: Workspace) -> None:
    """Let the newest backup be the list of projects; the present one is put aside.

    Raises:
        StorageFull: If the disk is full; the list is as it was.
    """
    file, backup = database_file(workspace), backup_to_open(workspace)
    if file and backup:
        reopen(workspace)
        put_back(backup, file)
        open_workspace(workspace.root)


def begin_new_list(workspace: Workspace) -> None:
    """Begin with an empty list of projects; the present one is put aside."""
    if file := database_file(workspace):
        reopen(workspace)
        put_aside(file)
        open_workspace(workspace.root)
