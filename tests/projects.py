"""Small projects for tests."""

from collections.abc import Iterable
from pathlib import Path

from pictures import coloured_files, files, write_stripes

from tl_core.images import AddProgress, Skipped, SourceFile, add_images, folder_files
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.draft import save_backbone
from tl_core.workspace import Project, create_project, open_project, open_workspace
from tl_core.workspace.storage import Workspace


def add(
    workspace: Workspace, project_id: str, offered: Iterable[SourceFile | Skipped]
) -> AddProgress:
    """Add and return the last word on it."""
    *_, last = add_images(workspace, project_id, offered)
    return last


def project_with(workspace: Workspace, **counts: int) -> str:
    """Make a project with `counts` pictures per class and return its id."""
    project_id = create_project(workspace, "Leaves").id
    add(workspace, project_id, files(**counts))
    return project_id


def project_with_pictures(
    name: str = "Leaves", class_names: tuple[str, ...] = ("healthy", "rust"), each: int = 3
) -> Project:
    """Make a project with small pictures and the bundled backbone."""
    workspace = open_workspace()
    project = create_project(workspace, name)
    save_backbone(workspace, project.id, CATALOGUE[0])
    add(workspace, project.id, coloured_files(class_names, each))
    return open_project(workspace, project.id)


def stripes_project(root: Path, **kwargs) -> tuple[Workspace, str]:
    """Make a project that a training really learns from; see `write_stripes`."""
    workspace = open_workspace(root / "workspace")
    project = create_project(workspace, "Stripes")
    folder = write_stripes(root / "pictures", **kwargs)
    add(workspace, project.id, folder_files(folder))
    return workspace, project.id
