"""What happens around a training: nothing is lost, and the page says what became of it.

Every test fine-tunes the same stripes, started by the button on the page.
"""

import psutil
import pytest
from browsing import WAIT, chromium, heading, settled, visit
from patience import wait_until
from playwright.sync_api import Locator, Page
from projects import stripes_project
from trained import BUNDLED_BACKBONE

from benchmarks.measuring.browser import end_workers, server, workers
from tl_core.runs import Run, get_run, list_runs, read_events
from tl_core.runs.configuration import MOST_STEPS, TrainingConfig
from tl_core.runs.draft import save_backbone, save_config
from tl_core.runs.events import EpochResult, Note
from tl_core.workspace.liveness import is_alive

ENDLESS, SHORT = MOST_STEPS, 30  # steps; with these few pictures a step is an epoch
CURVES = "[class*=st-key-curve-accuracy] .js-plotly-plot"
NEWEST_EPOCH = f"""
() => Math.max(0, ...[...document.querySelectorAll('{CURVES}')]
  .flatMap(plot => (plot._fullData || []).flatMap(trace => [...trace.x])))
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    workspace, project_id = stripes_project(tmp_path_factory.mktemp("app"), each=6)
    save_backbone(workspace, project_id, BUNDLED_BACKBONE)
    yield workspace, project_id
    end_workers(workspace.root)


@pytest.fixture
def project(stripes):
    """Give workspace and project id; a run that a test leaves at work is ended after it."""
    yield stripes
    workspace, project_id = stripes
    if any(run.active for run in list_runs(workspace, project_id)):
        end_workers(workspace.root)
        wait_until(lambda: not any(run.active for run in list_runs(workspace, project_id)))


@pytest.fixture(scope="module")
def address(stripes):
    with server(stripes[0].root) as (address, _pid):
        yield address


def start_training(page: Page, address: str, project, *, steps: int) -> Run:
    """Press the button and wait until fine-tuning has come some epochs far."""
    workspace, project_id = project
    config = TrainingConfig(backbone=BUNDLED_BACKBONE, strategy="fine-tune", steps=steps)
    save_config(workspace, project_id, config)
    before = {run.id for run in list_runs(workspace, project_id)}
    page.goto(f"{address}/training?project={project_id}")
    heading(page, "Train the model")
    page.locator(".st-key-start button").click()
    stop_button(page).wait_for()
    run = next(run for run in list_runs(workspace, project_id) if run.id not in before)
    wait_until(lambda: len(epochs_of(workspace, run)) > 2, seconds=WAIT / 1000)
    return run


def events_of(workspace, run: Run) -> list:
    return read_events(workspace.run_dir(run.project_id, run.id))[0]


def epochs_of(workspace, run: Run) -> list[int]:
    """Return the epochs of fine-tuning in the run's log; 0 is the state before the first step."""
    told = (e for e in events_of(workspace, run) if isinstance(e, EpochResult))
    return [event.epoch for event in told if event.phase == "fine_tune"]


def stop_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Stop")


def result(page: Page) -> Locator:
    return page.locator(".tl-number", has_text="Accuracy")


def wait_for_moving_curves(page: Page) -> None:
    before = page.wait_for_function(NEWEST_EPOCH).json_value()
    page.wait_for_function(f"before => ({NEWEST_EPOCH})() > before", arg=before)


def test_a_refresh_and_a_second_browser_see_the_run_go_on(project, browser, address):
    with visit(browser) as page, visit(browser, width=900) as other:
        run = start_training(page, address, project, steps=ENDLESS)
        wait_for_moving_curves(page)
        page.reload()
        stop_button(page).wait_for()
        wait_for_moving_curves(page)
        assert f"run={run.id}" in page.url

        other.goto(page.url)  # a visitor of its own, with a session of its own
        stop_button(other).wait_for()
        wait_for_moving_curves(other)
        stop_button(other).click()
        for visitor in (page, other):
            visitor.get_by_text("Stopped as requested").wait_for()
            result(visitor).wait_for()
    assert list_runs(*project)[0].id == run.id


def test_stop_keeps_and_tests_the_best_state_and_predict_uses_it(project, browser, address):
    workspace, _project_id = project
    with visit(browser) as page:
        run = start_training(page, address, project, steps=ENDLESS)
        stop_button(page).click()
        page.get_by_text("The best model so far was kept and evaluated").wait_for()
        result(page).wait_for()
        stopped = get_run(workspace, run.id)
        assert stopped.state == "stopped"
        assert stopped.n_test and 0 <= stopped.accuracy <= 1
        notes = [e.text for e in events_of(workspace, run) if isinstance(e, Note)]
        assert not any("Going on after" in note for note in notes)
        assert page.get_by_role("button", name="Resume the run").is_visible()

        page.get_by_role("link", name="Try the model now").click()
        heading(page, "Try it on new pictures")
        settled(page)
        stripes = workspace.root.parent / "pictures" / "class 0" / "0.png"
        page.locator("input[type=file]").set_input_files(stripes)
        page.get_by_text("Most probably").wait_for()


def test_a_killed_worker_is_told_of_and_the_run_can_be_resumed(project, browser, address):
    workspace, _project_id = project
    with visit(browser) as page:
        run = start_training(page, address, project, steps=SHORT)
        for process in workers(workspace.root):
            process.kill()
        page.get_by_text("ended unexpectedly").wait_for()
        assert get_run(workspace, run.id).state == "lost"
        reached = max(epochs_of(workspace, run))

        page.get_by_role("button", name="Resume the run").click()
        result(page).wait_for()
        assert page.get_by_text("ended unexpectedly").count() == 0
    assert get_run(workspace, run.id).state == "done"
    epochs = epochs_of(workspace, run)
    assert max(epochs) == SHORT
    assert epochs.count(1) == 1, "it began again instead of going on"
    assert reached >= 2


def test_a_killed_server_takes_nothing_along(project, browser, tmp_path):
    workspace, _project_id = project
    with visit(browser, server_ends=True) as page:
        with server(workspace.root) as (address, pid):
            run = start_training(page, address, project, steps=SHORT)
            children = psutil.Process(pid).children()
            computing = [p for p in children if "tl_core.service.compute" in p.cmdline()]
            psutil.Process(pid).kill()
        (worker,) = workers(workspace.root)
        port = int(address.rpartition(":")[2])
        with server(workspace.root, port=port):
            result(page).wait_for()  # nobody touched the page: it came back by itself
            assert f"run={run.id}" in page.url
            heading(page, "Train the model")
            assert page.get_by_role("dialog").count() == 0
            assert page.locator(".st-key-steps a").count() >= 5
    ended = get_run(workspace, run.id)
    assert (ended.state, ended.message) == ("done", None)
    assert sorted(epochs_of(workspace, run)) == list(range(SHORT + 1))
    assert workers(workspace.root) == [worker]
    wait_until(lambda: not any(is_alive(p.pid, p.create_time()) for p in computing))
