"""The images page in a real browser: a deep link on a fresh server, upload, gallery, narrow."""

from browsing import browser_page, server, settled
from patience import wait_until
from pictures import coloured
from projects import project_with_pictures
from sessions import NASTY

from tl_core.images import count_images, list_classes, list_skipped
from tl_core.workspace import create_project


def test_a_deep_link_works_as_the_first_visit_of_a_fresh_server(workspace):
    project = project_with_pictures()
    with server(workspace.root) as address, browser_page() as page:
        page.goto(f"{address}/images?project={project.id}")
        page.get_by_role("heading", name="Your pictures").wait_for()
        settled(page)
        assert page.url == f"{address}/images?project={project.id}"
        assert page.locator("[role=dialog]").count() == 0
        assert page.locator(".st-key-steps a").count() >= 5
        page.locator(".st-key-steps").get_by_role("link", name="Backbone").click()
        page.get_by_role("heading", name="Choose a backbone").wait_for()
        assert f"project={project.id}" in page.url
        page.reload()
        page.get_by_role("heading", name="Choose a backbone").wait_for()


def test_a_folder_is_uploaded_sorted_by_keyboard_and_taken_back(workspace, tmp_path):
    # A file system may refuse some of the signs of NASTY; these are allowed everywhere but Windows.
    names = ("<b>bold", "**stars** :smile:")
    for index, name in enumerate(names):
        for number in range(6):
            path = tmp_path / "set" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(coloured((index * 90, number * 20, 60)))
    (tmp_path / "set" / names[0] / "notes.txt").write_text("hello")
    project = create_project(workspace, NASTY)
    with server(workspace.root) as address, browser_page() as page:
        page.goto(f"{address}/images?project={project.id}")
        settled(page)
        page.locator("input[type=file]").first.set_input_files(tmp_path / "set")
        page.locator(".tile").nth(11).wait_for()
        assert page.get_by_text("12 pictures added").count() == 1
        assert [entry.name for entry in list_classes(workspace, project.id)] == sorted(names)
        assert len(list_skipped(workspace, project.id)) == 1
        shown = page.locator(".filters button").all_inner_texts()
        assert shown == ["All pictures12", "**stars** :smile:6", "<b>bold6"]
        assert page.locator(".tl-project").inner_text() == NASTY

        page.locator(".filters button").nth(2).click()
        settled(page)
        page.locator(".tile").nth(0).hover()
        page.locator(".tile .tick").nth(0).click()
        page.locator(".tile").nth(2).click(modifiers=["Shift"])
        page.keyboard.press("1")
        wait_until(lambda: count_images(workspace, project.id, class_name=names[1]) == 9)
        settled(page)
        page.locator(".tile").nth(0).focus()
        page.keyboard.press(" ")
        page.keyboard.press("x")
        wait_until(lambda: count_images(workspace, project.id, excluded=True) == 1)
        settled(page)
        page.get_by_role("button", name="Undo").click()
        wait_until(lambda: count_images(workspace, project.id, excluded=True) == 0)


def test_no_page_is_wider_than_a_phone(workspace):
    project = project_with_pictures(name=NASTY, class_names=(NASTY, "w" * 300))
    with server(workspace.root) as address, browser_page(width=390) as page:
        for path in ("/", "/backbone", "/images"):
            page.goto(f"{address}{path}?project={project.id}")
            page.locator("h1").wait_for()
            settled(page)
            wide = "document.querySelector('[data-testid=stMain]').scrollWidth"
            assert page.evaluate(wide) <= 390, path


def test_a_class_is_deleted_only_after_a_question(workspace):
    project = project_with_pictures()
    with server(workspace.root) as address, browser_page() as page:
        page.goto(f"{address}/images?project={project.id}")
        settled(page)
        page.locator(".filters button", has_text="rust").click()
        page.get_by_role("button", name="Delete class").click()
        page.get_by_role("button", name="Keep it").click()
        settled(page)
        assert len(list_classes(workspace, project.id)) == 2
        page.get_by_role("button", name="Delete class").click()
        page.get_by_role("button", name="Delete the class").click()
        wait_until(lambda: len(list_classes(workspace, project.id)) == 1)
        assert count_images(workspace, project.id, class_name=None) == 3
