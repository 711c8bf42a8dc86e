"""What pages show when a file of theirs is damaged or gone: a sentence, and the rest works."""

import json
import socket
from pathlib import Path

import pytest
from projects import project_with_pictures
from results import assess_run, finished_run, made_up
from sessions import (
    APP,
    messages,
    open_app,
    open_dialog,
    press,
    texts,
    wait_for_rebuilding,
)
from streamlit.testing.v1 import AppTest

from tl_core.errors import DatabaseDamaged
from tl_core.images import count_images
from tl_core.workspace import Project, create_project, list_projects, open_workspace
from tl_core.workspace.opening import reopen, workspace_at

ROOT = Path(__file__).parents[2]
PAGES = sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py"))
REBUILD = "Rebuild the list from the folders"


def through_the_frame(page: str, project: Project) -> AppTest:
    """Open a page as browsers do, by `app.py`; `AppTest` would run the page's file alone."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.session_state["wanted"] = (page, {"project": project.id})
    return app.run()


def damage_database(content: bytes | None) -> None:
    """Leave another content or, with None, no file."""
    workspace = workspace_at()
    reopen(workspace)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{workspace.root / 'tl.db'}{suffix}").unlink(missing_ok=True)
    if content is not None:
        (workspace.root / "tl.db").write_bytes(content)


@pytest.fixture
def project() -> Project:
    return project_with_pictures("Leaves")


@pytest.mark.parametrize("page", PAGES)
def test_a_damaged_list_is_a_sentence_on_every_page(project: Project, page: str) -> None:
    damage_database(b"no database any more" * 500)
    app = through_the_frame(page, project)
    assert not app.exception
    assert "damaged" in messages(app)
    labels = [button.label for button in app.button]
    assert labels[0].startswith("Open the backup of") and labels[1] == REBUILD


def test_the_backup_is_opened(project: Project) -> None:
    damage_database(b"no database any more" * 500)
    app = open_dialog("home.recovery", "damaged_list", DatabaseDamaged("It is damaged."))
    press(app, next(b.label for b in app.button if b.label.startswith("Open the backup")))
    assert [one.id for one in list_projects(open_workspace())] == [project.id]


@pytest.mark.parametrize("content", [b"", None])
def test_the_list_is_rebuilt(project: Project, content: bytes | None) -> None:
    damage_database(content)
    app = open_app()
    assert not app.exception
    press(app, REBUILD)
    assert not app.exception
    wait_for_rebuilding()
    app.run()
    workspace = open_workspace()
    assert [one.id for one in list_projects(workspace)] == [project.id]
    assert count_images(workspace, project.id) == 6
    assert "Leaves" in texts(app) and "not in the list" not in messages(app)


def test_projects_that_the_list_lacks_are_named_beside_the_others(project: Project) -> None:
    damage_database(None)
    create_project(open_workspace(), "Begun since")
    app = open_app()
    assert "1 project lies in the workspace and not in the list" in messages(app)
    assert not any(b.label.startswith("Open the backup") for b in app.button)


@pytest.mark.parametrize("name", ["report.json", "predictions.npz", "assessment.json"])
@pytest.mark.parametrize("page", PAGES)
def test_a_damaged_result_stops_nothing_else(project: Project, page: str, name: str) -> None:
    run, _evaluation = finished_run(project)
    compared = assess_run(project, made_up(project))
    workspace = open_workspace()
    folder = workspace.run_dir(project.id, (compared if "assess" in name else run).id)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    app = open_app(page, project)
    assert not app.exception
    says = {
        "pages/4_training.py": "report.json and predictions.npz are damaged",
        "pages/5_evaluation.py": "report.json and predictions.npz are damaged",
    }
    if name == "assessment.json":
        says = {"pages/6_transfer.py": "assessment.json is damaged"}
    assert says.get(page, "") in messages(app)


def test_an_import_that_was_cut_off_is_said_until_it_is_confirmed(project: Project) -> None:
    workspace = open_workspace()
    marker = workspace.project_dir(project.id) / "adding" / "gone.json"
    marker.parent.mkdir(exist_ok=True)
    gone = {"total": 245, "host": socket.gethostname(), "pid": 1, "pid_started": 0.0}
    marker.write_text(json.dumps(gone), encoding="utf-8")
    app = open_app("pages/2_images.py", project)
    assert "Adding 245 files was cut off when the app ended" in messages(app)
    press(app, "OK")
    assert not app.exception and "cut off" not in messages(app)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"\xff\x00 no picture, no JSON"])
def test_no_page_breaks_over_what_is_damaged_in_the_folders(
    project: Project, content: bytes
) -> None:
    run, _evaluation = finished_run(project)
    folder = open_workspace().project_dir(project.id)
    (folder / "runs" / run.id / "model.safetensors").touch()
    damaged = [path for path in folder.rglob("*") if path.is_file()]
    for path in damaged:
        path.write_bytes(content)
    assert len(damaged) > 15
    broken = [page for page in PAGES if open_app(page, project).exception]
    assert broken == []
