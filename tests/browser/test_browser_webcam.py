"""The webcam in a real Chromium: with its fake camera, and without any."""

from browsing import browser_page, chromium, server, settled, visit
from patience import wait_until
from playwright.sync_api import TimeoutError
from projects import project_with_pictures
from results import finished_run
from trained import write_tiny_run

from tl_core.images import count_images, list_classes, list_groups
from tl_core.workspace import create_project

# A component's parts are in shadow roots.
VIDEO = """
  [...document.querySelectorAll('*')]
    .map(node => node.shadowRoot?.querySelector('video')).find(Boolean)
"""
KEEP_TRACK = """
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
"""
LIVE = "window.tracks.filter(track => track.readyState === 'live').length"


def camera_ready(page) -> None:
    page.locator(".hold[aria-disabled=false]").wait_for()
    page.wait_for_function(f"() => ({VIDEO}).readyState >= 2")


def hold(page, label: str, pictures: int) -> None:
    """Hold the button until so many pictures are recorded."""
    button = page.get_by_role("button", name=label)
    count = page.locator(".picture .count")
    button.scroll_into_view_if_needed()
    for _press in range(3):  # the page may move below the mouse: then one presses again
        camera_ready(page)
        button.hover()
        page.mouse.down()
        try:
            count.wait_for(timeout=10_000)
            break
        except TimeoutError:
            page.mouse.up()
    wait_until(lambda: int(count.text_content().split()[0]) >= pictures)
    page.mouse.up()


def open_webcam(page, address: str, project_id: str, class_name: str) -> None:
    page.goto(f"{address}/images?project={project_id}")
    settled(page)
    panel = page.locator("[data-testid=stExpander]", has_text="Add pictures").first
    panel.wait_for()
    if panel.locator("details[open]").count() == 0:  # it stands open while there are no pictures
        panel.locator("summary").click()
    page.get_by_role("radio", name="Webcam").click()
    field = page.locator(".st-key-adding-class input")
    field.fill(class_name)
    field.press("Enter")
    page.locator("video").wait_for()
    settled(page)


def test_recordings_become_groups_and_undo_takes_a_whole_one_back(workspace):
    project = create_project(workspace, "Mine")
    with server(workspace.root) as address, browser_page() as page:
        open_webcam(page, address, project.id, "cup")
        hold(page, "Hold to record", 5)
        page.get_by_text("as one recording").wait_for()
        page.get_by_text("Make a second recording").wait_for()
        first = count_images(workspace, project.id, class_name="cup")
        assert first >= 5
        page.locator(".tile").nth(first - 1).wait_for()
        hold(page, "Hold to record", 3)
        page.get_by_text("2 recordings of “cup”").wait_for()
        groups = list_groups(workspace, project.id)
        assert [group.kind for group in groups] == ["recording", "recording"]
        assert {image.group for group in groups for image in group.images} == {
            group.name for group in groups
        }
        page.locator(".st-key-undo-recording button").click()
        wait_until(lambda: count_images(workspace, project.id) == first)
        page.get_by_text("1 recording of “cup”").wait_for()
        settled(page)
        page.locator(".st-key-undo-recording button").click()
        wait_until(lambda: list_classes(workspace, project.id) == [])


def test_the_keyboard_records_too(workspace):
    project = create_project(workspace, "Mine")
    with server(workspace.root) as address, browser_page() as page:
        open_webcam(page, address, project.id, "cup")
        button = page.get_by_role("button", name="Hold to record")
        camera_ready(page)
        button.focus()
        page.keyboard.press("Space")
        wait_until(lambda: count_images(workspace, project.id, class_name="cup"))
        page.get_by_text("added to “cup”").wait_for()
        assert list_groups(workspace, project.id) == []


def test_the_model_answers_again_and_again_and_a_picture_can_be_kept(workspace):
    project = project_with_pictures(each=10)
    run, _ = finished_run(project)
    write_tiny_run(workspace.run_dir(project.id, run.id), class_names=("healthy", "rust"))
    with server(workspace.root) as address, browser_page() as page:
        page.goto(f"{address}/predict?project={project.id}")
        settled(page)
        page.get_by_role("radio", name="Webcam").click()
        page.locator(".answer").nth(1).wait_for()
        wait_until(lambda: int(page.locator(".camera").get_attribute("data-heard")) >= 10)
        assert page.locator(".answer .name").all_inner_texts() == ["healthy", "rust"]
        page.get_by_role("button", name="Keep this picture").click()
        page.get_by_text("Most probably").wait_for()
        page.get_by_role("button", name="Wrong, or worth adding?").wait_for()


def test_the_live_model_answers_beside_the_recording_and_learns_the_new_class(workspace):
    project = project_with_pictures(each=10)
    with server(workspace.root) as address, browser_page() as page:
        open_webcam(page, address, project.id, "cup")
        page.locator(".answer").nth(1).wait_for()
        assert page.locator(".answer .name").all_inner_texts() == ["healthy", "rust"]
        hold(page, "Hold to record", 5)
        page.locator(".answer .name", has_text="cup").wait_for()


def test_without_a_camera_the_page_says_so(workspace):
    project = create_project(workspace, "Mine")
    with (
        server(workspace.root) as address,
        chromium(camera=False) as browser,
        visit(browser) as page,
    ):
        open_webcam(page, address, project.id, "cup")
        page.get_by_text("No camera was found. Connect one, then try again.").wait_for()
        assert page.get_by_role("button", name="Try again").is_visible()


def test_the_camera_is_let_go_when_the_page_is_left(workspace):
    project = create_project(workspace, "Mine")
    with server(workspace.root) as address, browser_page() as page:
        page.add_init_script(KEEP_TRACK)
        open_webcam(page, address, project.id, "cup")
        page.wait_for_function(f"() => ({LIVE}) === 1")
        page.locator(".st-key-steps").get_by_role("link", name="Backbone").click()
        page.get_by_role("heading", name="Choose a backbone").wait_for()
        page.wait_for_function(f"() => ({LIVE}) === 0")
