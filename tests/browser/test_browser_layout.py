"""Every page of a project with a trained model: on a phone, by keyboard alone, brief, readable."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import PRIMARY, chromium, heading, primary_button, server, settled, visit
from playwright.sync_api import Page
from projects import stripes_project
from trained import BUNDLED_BACKBONE, run_to_end, training_of

from tl_core.images import rename_class
from tl_core.runs import finish_run, start_run
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.draft import save_backbone
from tl_core.runs.results.report import read_report
from tl_core.workspace import rename_project

PAGES = {  # address: (title, label of the primary button)
    "backbone": ("Choose a backbone", "Next: your pictures"),
    "images": ("Your pictures", "Next: choose layers"),
    "layers": ("Choose how to transfer", "Next: train"),
    "training": ("Train the model", "Next: evaluation"),
    "evaluation": ("Evaluate the model", "Next: did the pretrained model help?"),
    "transfer": ("Did the pretrained model help?", "Next: try it on new pictures"),
    "predict": ("Try it on new pictures", "Next: export"),
    "export": ("Export the model", "Create the ONNX file"),
}
PHONE = 390  # pixels
WIDEST = """
() => Math.max(...['[data-testid=stMain]', '[data-testid=stAppViewContainer]', 'html']
  .map(selector => document.querySelector(selector).scrollWidth))
"""
MOST_KEYS = 200
MOST_HEADER = 100  # pixels above the content
MOST_WORDS = {"evaluation": 200, "transfer": 200}  # before anything is opened; elsewhere 150
# What a person reads below the header: no icons, which are words to a program, no chart's labels.
WORDS = """
() => {
  const main = document.querySelector('[data-testid=stMain]').cloneNode(true);
  document.body.append(main);
  main.querySelectorAll('[data-testid=stIconMaterial], svg, .st-key-header, details:not([open])')
    .forEach(node => node.remove());
  const words = main.innerText.split(/\\s+/).filter(Boolean).length;
  main.remove();
  return words;
}
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Give address and id of a project, with long names, whose training is done."""
    workspace, project_id = stripes_project(tmp_path_factory.mktemp("app"), each=6)
    rename_project(workspace, project_id, "a name without a place to break it " + "w" * 60)
    rename_class(workspace, project_id, "class 0", "stripes" * 20)
    save_backbone(workspace, project_id, BUNDLED_BACKBONE)
    config = config_to_json(TrainingConfig(backbone=BUNDLED_BACKBONE))
    run = start_run(workspace, project_id, config=config, claimed=True)
    run_to_end(training_of(workspace, project_id, run.id))
    evaluation = read_report(workspace.run_dir(project_id, run.id)).evaluation
    finish_run(workspace, run.id, "done", accuracy=evaluation.accuracy, n_test=evaluation.n)
    with server(workspace.root) as address:
        yield address, project_id


def test_no_page_scrolls_sideways_on_a_phone(trained, browser):
    address, project_id = trained
    with visit(browser, width=PHONE, height=844) as page:
        for path, (title, primary) in PAGES.items():
            page.goto(f"{address}/{path}?project={project_id}")
            heading(page, title)
            primary_button(page, primary)
            for _picture in page.locator(".js-plotly-plot").all():
                page.wait_for_function("document.querySelector('.js-plotly-plot .main-svg')")
            settled(page)
            assert page.evaluate(WIDEST) <= PHONE, path
        page.goto(address)
        heading(page, "Train an image classifier on your own pictures")
        primary_button(page, "Try it with sample pictures")
        settled(page)
        assert page.evaluate(WIDEST) <= PHONE, "home"


def test_the_journey_can_be_taken_by_keyboard_alone(trained, browser):
    address, project_id = trained
    with visit(browser) as page:
        page.goto(f"{address}/backbone?project={project_id}")
        for title, primary in PAGES.values():
            heading(page, title)
            primary_button(page, primary)
            settled(page)
            focus_by_keyboard(page)
            page.keyboard.press("Enter")
        page.get_by_text("Same answers as the app").wait_for()


def focus_by_keyboard(page: Page) -> None:
    """Press Tab until the primary button has the focus, which must be visible."""
    for _ in range(MOST_KEYS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", PRIMARY):
            style = "getComputedStyle(document.activeElement)"
            outlined = f"{style}.outlineStyle !== 'none' || {style}.boxShadow !== 'none'"
            assert page.evaluate(outlined), "the focus cannot be seen"
            return
    raise AssertionError(f"{MOST_KEYS} presses of Tab did not reach the primary button")


@pytest.mark.parametrize("address", ["", "overview", *PAGES])
def test_a_page_is_brief_and_accessible(trained, browser, address):
    at, project_id = trained
    for scheme in ("light", "dark"):
        with visit(browser, height=800, scheme=scheme) as page:
            page.goto(f"{at}/{address}?project={project_id}" if address else at)
            page.locator("h1").first.wait_for()
            if address:
                page.locator(".tl-live b").wait_for()
            settled(page)
            assert page.evaluate(WORDS) <= MOST_WORDS.get(address, 150)
            assert not address or page.locator("h1").bounding_box()["y"] <= MOST_HEADER
            found = Axe().run(page).response["violations"]
            grave = [one for one in found if one["impact"] in ("serious", "critical")]
            assert not [(one["id"], one["nodes"][0]["html"]) for one in grave]
