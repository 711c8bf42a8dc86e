"""The live model in a real browser: a new label moves the number, the drawer stays open."""

import pytest
from browsing import chromium, server, settled, visit
from patience import wait_until
from projects import add

from tl_core.images import assign_class, list_classes, list_images
from tl_core.images.samples import sample_files, unseen_file
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.draft import save_backbone
from tl_core.workspace import create_project

NUMBER = """
() => {
  const line = document.querySelector(".tl-live");
  return line?.querySelector("b") && !line.innerText.includes("looked at");
}
"""


@pytest.fixture
def project(workspace):
    """A project of 40 surfaces, two of which have a wrong label."""
    project = create_project(workspace, "Surfaces")
    save_backbone(workspace, project.id, find(BUNDLED))
    add(workspace, project.id, list(sample_files("surfaces"))[:40])
    wrong = list_images(workspace, project.id, class_name="scratch", limit=2)
    assign_class(workspace, project.id, [one.id for one in wrong], "pit")
    return project


def test_a_label_that_is_mended_moves_the_number_and_the_drawer_answers(workspace, project):
    picture = unseen_file("surfaces", 0)
    with server(workspace.root) as address, chromium() as browser, visit(browser) as page:
        page.goto(f"{address}/images?project={project.id}")
        page.wait_for_function(NUMBER)
        settled(page)
        page.get_by_text("Disagrees", exact=True).click()
        page.locator(".tile .says").first.wait_for()
        settled(page)
        before = page.locator(".tl-live").inner_text()
        page.locator(".tile").first.hover()
        page.locator(".tile .tick").first.click()
        page.keyboard.press("3")  # to "scratch"
        page.wait_for_function(
            "before => document.querySelector('.tl-live').innerText !== before", arg=before
        )
        page.locator(".tl-change").wait_for()

        page.get_by_role("button", name="Try it").click()
        drawer = page.get_by_role("dialog")
        drawer.locator("input[type=file]").wait_for(state="attached")
        settled(page)
        upload = {"name": "new.jpg", "mimeType": "image/jpeg", "buffer": bytes(picture.read())}
        drawer.locator("input[type=file]").set_input_files(upload)
        drawer.get_by_text("Most probably").wait_for()
        one = list_images(workspace, project.id, class_name="stain", limit=1)[0]
        said = page.locator(".tl-live").inner_text()
        assign_class(workspace, project.id, [one.id], "pit")  # in another window
        page.wait_for_function(
            "said => document.querySelector('.tl-live').innerText !== said", arg=said
        )
        settled(page)
        assert drawer.get_by_text("Most probably").is_visible()
        page.keyboard.press("Escape")
        drawer.wait_for(state="hidden")


def test_a_sweep_is_labelled_by_keys_that_come_faster_than_answers(workspace, project):
    some = [list_images(workspace, project.id, class_name=one, limit=2) for one in ("pit", "stain")]
    waiting = [one.id for two in some for one in two]
    assign_class(workspace, project.id, waiting, None)
    with server(workspace.root) as address, chromium() as browser, visit(browser) as page:
        page.goto(f"{address}/images?project={project.id}")
        page.wait_for_function(NUMBER)
        settled(page)
        page.get_by_text("Label 20 pictures at a time").click()
        sweep = page.locator(".st-key-part-sweep .gallery")
        sweep.locator(".tile").nth(3).wait_for()
        settled(page)
        sweep.locator(".tile").first.focus()
        for key in "1231":
            page.keyboard.press(key)
        wait_until(lambda: not list_images(workspace, project.id, class_name=None))
        page.get_by_text("4 of 4 labelled").wait_for()
        names = [one.name for one in list_classes(workspace, project.id)]
        said = sweep.locator(".tile .mark:not(.says)").all_inner_texts()
        assert said == [names[int(key) - 1] for key in "1231"]
