"""Transfer in a browser: parts appear as they are measured, Stop is heard, a phone has room."""

import pytest
from browsing import chromium, heading, primary_button, server, settled, visit
from projects import project_with_pictures
from results import assess_run, made_up

from tl_core.runs import finish_run, get_run
from tl_core.runs.results.assessment import write_assessment

LAYERS = "Accuracy by layer group"  # folded
WIDEST = """
() => Math.max(...['[data-testid=stMain]', 'html']
  .map(selector => document.querySelector(selector).scrollWidth))
"""


def test_the_page_fills_while_it_is_measured_and_hears_stop(workspace):
    project = project_with_pictures(each=10)
    whole = made_up(project)
    first = made_up(
        project, bars=("majority",), done=("majority",), verdict=None, layers=None, distance=None,
        similarities=(), learning=None, calibration=None,
    )  # fmt: skip
    run = assess_run(project, first, state=None)
    run_dir = workspace.run_dir(project.id, run.id)
    with server(workspace.root) as address, chromium() as browser, visit(browser) as page:
        page.goto(f"{address}/transfer?project={project.id}")
        heading(page, "Did the pretrained model help?")
        page.get_by_text("1 of 8 parts are done").wait_for()
        page.get_by_text(LAYERS, exact=True).click()
        page.get_by_text("Accuracy by layer group follows.").wait_for()

        write_assessment(run_dir, whole)
        page.get_by_text("The pretrained model helped").wait_for()
        settled(page)
        if page.locator("[class*=st-key-layers] .js-plotly-plot").is_hidden():
            page.get_by_text(LAYERS, exact=True).click()  # what comes above it may fold it
        page.locator("[class*=st-key-layers] .js-plotly-plot").wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopping. What has been measured so far is kept").wait_for()
        assert get_run(workspace, run.id).state == "stopping"

        finish_run(workspace, run.id, "stopped")
        page.get_by_role("button", name="Measure the rest").wait_for()
        primary_button(page, "Next: try it on new pictures")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_full_page_has_room_on_a_phone(workspace, scheme):
    project = project_with_pictures(name="w" * 80, class_names=("a" * 90, "b"), each=10)
    assess_run(project, made_up(project))
    with (
        server(workspace.root) as address,
        chromium() as browser,
        visit(browser, width=390, height=844, scheme=scheme) as page,
    ):
        for path in ("transfer", "layers"):
            page.goto(f"{address}/{path}?project={project.id}")
            page.get_by_text(LAYERS, exact=True).click()
            page.locator("[class*=st-key-layers] .js-plotly-plot").wait_for()
            settled(page)
            assert page.evaluate(WIDEST) <= 390, path
