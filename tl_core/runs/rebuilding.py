"""Rows for projects of which only the folders are left: pictures, labels, finished runs."""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from tl_core.errors import ImageFileError
from tl_core.images import AddProgress, SourceFile, add_images
from tl_core.runs.control import CONFIG
from tl_core.runs.results.assessment import read_assessment
from tl_core.runs.results.onnx_check import WEIGHTS
from tl_core.runs.results.ranking import read_ranking
from tl_core.runs.results.report import read_report
from tl_core.workspace.database import ProjectRow, RunRow, session
from tl_core.workspace.json_values import read_json
from tl_core.workspace.projects import known_name
from tl_core.workspace.recovery import REBUILDING, unlisted_projects
from tl_core.workspace.storage import Workspace, storage_errors


def rebuild(workspace: Workspace) -> Generator[AddProgress, None, None]:
    """List every project whose folder no row names; yield how many pictures are listed.

    Labels are those that results were measured with. File names, other labels, groups, and what
    could be undone were in the list alone.

    Raises:
        StorageFull: If the disk is full; doing it again goes on.
    """
    for project_id in unlisted_projects(workspace):
        marker = workspace.project_dir(project_id) / REBUILDING
        with storage_errors("rebuilding the list of projects"):
            marker.touch()
        runs = sorted(_runs(workspace, project_id), key=lambda run: run.created, reverse=True)
        _list_project(workspace, project_id, runs)
        labels = _labels(workspace, project_id, runs)
        pictures = sorted(workspace.images_dir(project_id).glob("[!.]*"))
        files = [_file(path, labels.get(path.stem)) for path in pictures]
        yield from add_images(workspace, project_id, files, total=len(files))
        marker.unlink(missing_ok=True)


def _list_project(workspace: Workspace, project_id: str, runs: list[RunRow]) -> None:
    trainings = [run for run in runs if run.kind == "train"]
    newest = trainings[0].config if trainings else None
    name = known_name(workspace, project_id) or f"Recovered project {project_id[:4]}"
    with session(workspace) as opened:
        if opened.get(ProjectRow, project_id) is not None:
            return  # it was begun before
        backbone = newest.get("backbone") if newest else None
        opened.add(ProjectRow(id=project_id, name=name, backbone=backbone, config=newest))
        opened.flush()
        opened.add_all(runs)


def _runs(workspace: Workspace, project_id: str) -> Iterator[RunRow]:
    for folder in workspace.run_dir(project_id, "any").parent.glob("*"):
        config = read_json(folder / CONFIG, dict)
        if config is None:
            continue
        report = read_report(folder)
        if report or (folder / WEIGHTS).is_file():
            kind = "train"
        elif read_assessment(folder):
            kind = "assess"
        elif read_ranking(folder):
            kind = "rank"
        else:
            continue  # nothing came of it
        begun = datetime.fromtimestamp((folder / CONFIG).stat().st_mtime, UTC)
        yield RunRow(
            id=folder.name,
            project_id=project_id,
            kind=kind,
            state="done",
            config=config,
            created=begun,
            accuracy=report.evaluation.accuracy if report else None,
            accuracy_low=report.evaluation.interval[0] if report else None,
            n_test=report.evaluation.n if report else None,
        )


def _labels(workspace: Workspace, project_id: str, runs: list[RunRow]) -> dict[str, str]:
    """Return class names by digest, as the newest result knows them."""
    labels: dict[str, str] = {}
    for run in runs:
        if report := read_report(workspace.run_dir(project_id, run.id)):
            found = report.evaluation
            for digest, label in zip(found.digests, found.labels, strict=True):
                labels.setdefault(digest, found.class_names[label])
    return labels


def _file(path: Path, class_name: str | None) -> SourceFile:
    return SourceFile(f"{path.stem[:8]}{path.suffix}", partial(_unchanged, path), class_name)


def _unchanged(path: Path) -> bytes:
    data = path.read_bytes()
    if sha256(data).hexdigest() != path.stem:
        raise ImageFileError("its bytes have changed since it was added; add the picture again.")
    return data
