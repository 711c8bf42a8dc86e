"""Reading never writes: pages may be opened, and trainings estimated, without a trace."""

import sqlite3

import pytest
from projects import project_with_pictures
from results import assess_run, finished_run, made_up
from sessions import APP, open_app

from tl_core.images import image_set
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.draft import chosen_backbone
from tl_core.service.compute import OFFERED
from tl_core.workspace import open_workspace

PAGES = sorted(f"pages/{path.name}" for path in (APP.parent / "pages").glob("*.py"))


@pytest.fixture
def project(compute):
    """A project with a finished run; estimates are really made."""
    compute.answers["estimate_seconds"] = OFFERED["estimate_seconds"]
    project = project_with_pictures(each=10)
    finished_run(project)
    assess_run(project, made_up(project))
    return project


def rows() -> list[str]:
    """Return the whole content of the database as SQL."""
    with sqlite3.connect(open_workspace().root / "tl.db") as database:
        return list(database.iterdump())


@pytest.mark.parametrize("page", ["pages/home.py", *PAGES])
def test_opening_a_page_changes_nothing_in_the_database(project, page):
    before = rows()
    app = open_app(page, project)
    assert not app.exception
    assert rows() == before


def test_the_seed_decides_the_splits_whatever_was_opened_and_estimated(project):
    workspace = open_workspace()
    config = TrainingConfig(backbone=chosen_backbone(project), seed=1)
    for page in ("pages/3_layers.py", "pages/4_training.py"):
        open_app(page, project)
    before = rows()
    assert OFFERED["estimate_seconds"](str(workspace.root), project.id, config)["total"] > 0
    assert rows() == before
    first, second = (image_set(workspace, project.id, seed=seed) for seed in (0, 1))
    assert {one.digest for one in first.test} != {one.digest for one in second.test}
