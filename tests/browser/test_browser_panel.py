"""The panel in a real browser: a cell of the matrix opens it, a label is mended on it, by hand."""

from browsing import browser_page, server, settled
from patience import wait_until
from projects import project_with_pictures
from results import finished_run
from trained import write_tiny_run

from tl_core.images import count_images

CLASSES = ("healthy", "rust")


def test_a_matrix_cell_opens_large_and_its_label_is_mended_and_taken_back(workspace):
    project = project_with_pictures(class_names=CLASSES, each=10)
    run, _ = finished_run(project, wrong=2)
    write_tiny_run(workspace.run_dir(project.id, run.id), class_names=CLASSES)
    with server(workspace.root) as address, browser_page() as page:
        page.goto(f"{address}/evaluation?project={project.id}")
        page.locator(".tile").first.wait_for()
        settled(page)
        matrix = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
        right = matrix["x"] + 0.75 * matrix["width"]  # labelled healthy, predicted rust
        page.mouse.click(right, matrix["y"] + 0.25 * matrix["height"])
        panel = page.get_by_role("dialog")
        panel.get_by_text("1 of 2").wait_for()
        panel.get_by_text("Warm areas").wait_for()
        panel.locator("img").nth(1).wait_for()  # the heat map
        panel.get_by_role("button", name="Next").click()
        panel.get_by_text("2 of 2").wait_for()
        settled(page)
        panel.get_by_role("radio", name="rust").click()
        wait_until(lambda: count_images(workspace, project.id, class_name="rust") == 11)
        panel.get_by_role("button", name="Train again").wait_for()
        panel.get_by_role("button", name="Undo").click()
        wait_until(lambda: count_images(workspace, project.id, class_name="rust") == 10)
        settled(page)
        panel.press("Escape")
        panel.wait_for(state="hidden")


def test_a_picture_is_enlarged_by_keyboard_and_by_click_and_selected_by_its_circle(workspace):
    project = project_with_pictures(class_names=CLASSES)
    with server(workspace.root) as address, browser_page() as page:
        page.goto(f"{address}/images?project={project.id}")
        page.locator(".tile").first.wait_for()
        settled(page)
        panel = page.get_by_role("dialog")
        page.locator(".tile").first.click()
        panel.get_by_text("1 of 6").wait_for()
        page.keyboard.press("Escape")
        panel.wait_for(state="hidden")
        page.locator(".tile").nth(1).focus()
        page.keyboard.press("Enter")
        panel.get_by_text("2 of 6").wait_for()
        page.keyboard.press("Escape")
        panel.wait_for(state="hidden")
        page.locator(".tile").nth(1).hover()
        page.locator(".tile .tick").nth(1).click()
        page.get_by_text("1 selected").wait_for()
        assert panel.count() == 0
