"""A real folder, uploaded in a real browser by the first visitor of a fresh server."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browsing import chromium, heading, primary_button, server, settled, visit
from patience import wait_until
from pictures import write_stripes
from playwright.sync_api import Page

from tl_core.images import list_classes, list_images, list_skipped
from tl_core.workspace import create_project


@contextmanager
def upload(workspace, folder: Path, *, tiles: int) -> Iterator[tuple[Page, str]]:
    """Upload a folder on the page of a deep link, the server's first visit; give the page."""
    project = create_project(workspace, "Mine")
    link = f"images?project={project.id}"
    with server(workspace.root) as address, chromium() as browser, visit(browser) as page:
        page.goto(f"{address}/{link}")
        heading(page, "Add your pictures")
        assert page.get_by_role("dialog").count() == 0
        settled(page)
        assert page.locator("[data-testid=stMain] [data-testid=stException]").count() == 0
        page.locator("input[type=file]").first.set_input_files(folder)
        page.locator(".tile").nth(tiles - 1).wait_for()
        assert page.url == f"{address}/{link}"
        yield page, project.id
        primary_button(page, "Next: choose layers")


def test_a_folder_with_broken_files_is_added_and_each_broken_one_named(workspace, tmp_path):
    folder = write_stripes(tmp_path / "parts", each=6)
    (folder / "class 0" / "notes.jpg").write_text("this is no picture")
    (folder / "class 1" / "nothing.png").touch()
    with upload(workspace, folder, tiles=12) as (page, project_id):
        page.get_by_text("12 pictures added. 2 files skipped").wait_for()
        page.get_by_text("Skipped: 2 files").click()
        left_out = {s.name: s.reason for s in list_skipped(workspace, project_id)}
        for text in (*left_out, *left_out.values()):
            # The table is drawn on a canvas; its cells are in the page for screen readers.
            cell = page.locator("canvas [role=gridcell]").get_by_text(text, exact=True)
            cell.wait_for(state="attached")
        counts = {entry.name: entry.images for entry in list_classes(workspace, project_id)}
        assert counts == {"class 0": 6, "class 1": 6}
        reasons = {Path(name).name: reason for name, reason in left_out.items()}
        assert reasons.keys() == {"notes.jpg", "nothing.png"}
        assert "empty" in reasons["nothing.png"]


@pytest.mark.skipif("TL_DATA" not in os.environ, reason="TL_DATA names no folder of photographs")
def test_photographs_keep_their_classes_and_their_split(workspace, tmp_path):
    source, each = Path(os.environ["TL_DATA"]) / "ants_and_bees", {"train": 9, "val": 3}
    for split, count in each.items():
        for class_name in ("ants", "bees"):
            place = tmp_path / "insects" / split / class_name
            place.mkdir(parents=True)
            for path in sorted((source / split / class_name).glob("*.jpg"))[:count]:
                shutil.copy(path, place)
    with upload(workspace, tmp_path / "insects", tiles=24) as (page, project_id):
        wait_until(lambda: len(list_images(workspace, project_id)) == 24)
        found = Counter((i.class_name, i.split) for i in list_images(workspace, project_id))
        assert {name for name, _ in found} == {"ants", "bees"}
        assert sorted(found.values()) == [3, 3, 9, 9]
        page.get_by_role("button", name="ants").first.click()
        settled(page)
        assert page.locator(".tile").count() == 12
