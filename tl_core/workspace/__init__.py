"""Where projects live: rows in the database and a folder each.

    opening.py     folders and tables of a workspace
    projects.py    one project: create, open, rename, delete, its choices
    summaries.py   the list of all projects

Light: pictures are in `datasets`, trainings in `runs`.
"""

from tl_core.storage import Workspace, storage_errors
from tl_core.workspace.opening import open_workspace
from tl_core.workspace.projects import (
    Project,
    create_project,
    delete_project,
    open_project,
    rename_project,
    save_backbone,
    save_config,
)
from tl_core.workspace.summaries import ProjectSummary, list_projects

__all__ = [
    "Project",
    "ProjectSummary",
    "Workspace",
    "create_project",
    "delete_project",
    "list_projects",
    "open_project",
    "open_workspace",
    "rename_project",
    "save_backbone",
    "save_config",
    "storage_errors",
]
