"""Folders of pictures into projects, and the names that the command line takes."""

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tl_core import runs
from tl_core.errors import BackboneError, PredictionError, RunError, WorkspaceError
from tl_core.images import (
    Skipped,
    SourceFile,
    add_images,
    delete_class,
    folder_files,
    list_classes,
    list_images,
    list_skipped,
    uploaded_files,
    zip_files,
)
from tl_core.images.label_files.arriving import with_labels
from tl_core.images.saving import save_batch
from tl_core.images.sets import LEAST_PER_CLASS
from tl_core.runs.catalogue import Backbone, find
from tl_core.runs.events import result_of
from tl_core.workspace import create_project, delete_project, open_project
from tl_core.workspace.json_values import read_json, write_json
from tl_core.workspace.storage import Workspace

PLACE = "target"  # what the command line calls the other place


def project_of_folder(
    workspace: Workspace,
    train_dir: Path,
    test_dir: Path | None,
    *,
    one_class: bool = False,
    without_classes: bool = False,
    target: "Target | None" = None,
    unlabelled: Path | None = None,
    leave_out_small: bool = False,
) -> tuple[str, list[Skipped]]:
    """Return a project with these pictures and what was left out; a folder that did not change
    since it was last given has its project, and with it the computed features, already.

    Args:
        workspace: Where the project is or goes.
        train_dir: One folder per class, perhaps below train, val and test, or with a label file
            as Hugging Face's imagefolder has it.
        test_dir: One folder per class with the pictures to test on, or None.
        one_class: Whether pictures beside the folders are a class, named after `train_dir`.
        without_classes: Whether folders are no classes.
        target: Pictures of another place.
        unlabelled: Pictures of the same kind, whose folders are no classes.
        leave_out_small: Whether classes with too few pictures to learn from lose them.

    Raises:
        DatasetError: If a folder cannot be read.
        StorageFull: If the disk is full; nothing of a new project is left then.
    """
    files = with_labels(folder_files(train_dir))
    if one_class:
        name = train_dir.resolve().name
        files = [_of_class(file, getattr(file, "class_name", None) or name) for file in files]
    if test_dir is not None:  # who names both sides decides them, even if they hold copies
        files = [_given(file, "train") for file in files]
        tested = [_given(file, "test", always=True) for file in with_labels(folder_files(test_dir))]
        files += tested if target is None else target.also_tested(tested)
    if target is not None:
        files += target.files()
    if unlabelled is not None:
        files += [
            _given(_of_class(file, None), None, always=True) for file in folder_files(unlabelled)
        ]
    if without_classes:
        files = [_of_class(file, None) for file in files]
    remembered = workspace.root / "folders.json"
    folders = [train_dir, *filter(None, (test_dir, target and target.folder, unlabelled))]
    asked = f"{one_class} {without_classes} {target} {PLACE}"
    asked = asked if one_class or without_classes or target else ""
    asked += " unlabelled" if unlabelled else ""
    fingerprint = _fingerprint(folders, asked)
    project_id = _known_project(workspace, remembered, fingerprint)
    if project_id is None:
        project_id = create_project(workspace, train_dir.resolve().name[:90] or "Pictures").id
        try:
            result_of(add_images(workspace, project_id, files, total=len(files)))
        except BaseException:
            delete_project(workspace, project_id)
            raise
        write_json(remembered, {**(read_json(remembered, dict) or {}), fingerprint: project_id})
    if leave_out_small:
        _leave_out_small(workspace, project_id)
    return project_id, list_skipped(workspace, project_id)


def _leave_out_small(workspace: Workspace, project_id: str) -> None:
    """Delete classes with too few pictures, if two others remain, and list these as skipped."""
    classes = list_classes(workspace, project_id)
    classes = [one for one in classes if one.images]  # others name pictures of another place
    small = [one.name for one in classes if one.images - one.excluded < LEAST_PER_CLASS]
    if len(classes) - len(small) < 2:
        return
    for name in small:
        reason = f"the only picture of class '{name}', which needs {LEAST_PER_CLASS}; left out"
        records = list_images(workspace, project_id, class_name=name)
        delete_class(workspace, project_id, name)
        save_batch(workspace, project_id, [Skipped(one.name, reason) for one in records])


@dataclass(frozen=True)
class Target:
    """A folder of pictures of another place; of `labels` of them, drawn at random, the label is
    known: that of the folder that they lie in."""

    folder: Path
    labels: int = 0
    seed: int = 0

    def files(self) -> list[SourceFile | Skipped]:
        files = list(folder_files(self.folder))
        named = [index for index, file in enumerate(files) if getattr(file, "class_name", None)]
        drawn = set(random.Random(self.seed).sample(named, min(self.labels, len(named))))
        placed = [
            file if isinstance(file, Skipped) else replace(file, place=PLACE, split=None)
            for file in files
        ]
        return [
            file if index in drawn else _of_class(file, None) for index, file in enumerate(placed)
        ]

    def also_tested(self, tested: list[SourceFile | Skipped]) -> list[SourceFile | Skipped]:
        """Return test pictures, those that this folder holds as well marked as of this place."""
        mine = {_digest(file) for file in folder_files(self.folder)} - {None}
        return [replace(file, place=PLACE) if _digest(file) in mine else file for file in tested]


def backbone_named(name: str) -> Backbone:
    """Return the catalogue's backbone of this name, or any other that timm has weights for.

    Raises:
        BackboneError: If there is none; the message proposes names.
    """
    try:
        return find(name)
    except BackboneError:
        from tl_core.backbones import search_backbones

        for backbone in search_backbones(name, 5):
            if name in (backbone.name, backbone.name.partition(".")[0]):
                return backbone
        raise


def model_path(workspace: Workspace, name: str) -> Path:
    """Return the folder or file of a model: a path, or the id of a run of the workspace.

    Raises:
        PredictionError: If there is neither.
    """
    path = Path(name)
    if path.exists():
        return path
    try:
        run = runs.get_run(workspace, name)
    except RunError:
        raise PredictionError(
            f"There is no model at '{name}', and no run with this id in the workspace "
            f"'{workspace.root}'. Give the folder of a run or of an export, a model file, or a "
            "run's id with the right --workspace."
        ) from None
    return workspace.run_dir(run.project_id, run.id)


def files_at(paths: Iterable[Path]) -> Iterator[SourceFile | Skipped]:
    """Offer the files that these paths name: pictures, folders of them, ZIP files.

    Their names begin with the path as it was given.

    Raises:
        DatasetError: If a folder cannot be read.
        ArchiveError: If a ZIP file is of no use as a whole.
        PredictionError: If there is nothing at a path.
    """
    for path in paths:
        if path.is_dir():
            found = folder_files(path)
        elif path.is_file() and path.suffix.lower() == ".zip":
            found = zip_files(path)
        elif path.is_file():
            (file,) = uploaded_files([(path.name, path.read_bytes())])
            yield replace(file, name=str(path))
            continue
        else:
            raise PredictionError(f"There is no file or folder at '{path}'. Check the path.")
        yield from (replace(file, name=f"{path}/{file.name}") for file in found)


def _digest(file: SourceFile | Skipped) -> str | None:
    return None if isinstance(file, Skipped) else hashlib.sha256(file.read()).hexdigest()


def _of_class(file: SourceFile | Skipped, name: str | None) -> SourceFile | Skipped:
    return file if isinstance(file, Skipped) else replace(file, class_name=name)


def _fingerprint(folders: list[Path], asked: str) -> str:
    """Return a number for these folders as they are now: names, sizes, times of change."""
    facts = ["copies are known", *filter(None, [asked])]
    for folder in folders:
        root = folder.resolve()
        facts.append(str(root))
        for path in sorted(root.rglob("*")):
            if path.is_file():
                stat = path.stat()
                facts.append(f"{path.relative_to(root)} {stat.st_size} {stat.st_mtime_ns}")
    text = "\n".join(facts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()


def _known_project(workspace: Workspace, remembered: Path, fingerprint: str) -> str | None:
    project_id = (read_json(remembered, dict) or {}).get(fingerprint)
    try:
        return open_project(workspace, project_id).id if project_id else None
    except WorkspaceError:  # deleted since then
        return None


def _given(
    file: SourceFile | Skipped, split: str | None, *, always: bool = False
) -> SourceFile | Skipped:
    """Return the file as the person's part `split`, unless its folders already name another."""
    if isinstance(file, Skipped) or (file.split and not always):
        return file
    return replace(file, split=split)
