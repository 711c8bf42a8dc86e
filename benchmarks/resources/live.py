"""The live model: from a new label to the new number, memory, clicks while it looks at pictures."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.measuring.browser import browser_page, server
from benchmarks.measuring.peak import Peak
from benchmarks.measuring.projects import different_pictures, project_with
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from benchmarks.resources.clicks import ALL, CLICKS, clicks, open_gallery
from tl_core.images import assign_class, list_images
from tl_core.runs import compute_client
from tl_core.runs.compute_client import MODULE
from tl_core.runs.results.live import LiveState
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

SIZES = {1000: 0.3, 5000: 1.0}  # pictures, and the seconds that a new label may take
CLASSES = 10
LABELS = 15
FRAMES = 20  # of a camera, to be answered
PATIENCE_SECONDS = 900.0
LOOK_AGAIN_SECONDS = 0.02


def measure(_data: Path) -> Measured:
    rows, figures = [], {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        for size, most in SIZES.items():
            pictures = different_pictures(size, size=(320, 240), classes=CLASSES)
            project = project_with(workspace, f"{size} pictures", pictures)
            found = figures[str(size)] = _measured(workspace, project)
            relabelled = statistics.median(found["relabelled"])
            rows += [
                goal(f"{size:,} pictures: until there is a number, s", found["first"]),
                goal("a new label to the new number, median, s", relabelled, most=most),
                goal("the slowest of these, s", max(found["relabelled"])),
                goal("peak memory of the compute process, GB", found["peak"], most=1.5),
            ]
        frames = _frames(workspace, project)
        rows.append(goal("answers to a camera a second", frames, least=5, form="{:.0f}"))
        figures |= {"frames": frames, "clicks": _clicks_while_looking()}
    looking = statistics.median(figures["clicks"])
    rows.append(
        goal(f"a click meanwhile, median of {CLICKS}, ms", looking, most=150, form="{:.0f}")
    )
    return Measured([Table("The live model", GOALS, rows)], figures)


def _measured(workspace: Workspace, project: str) -> dict:
    compute_client.call("list_approaches")  # the process is there
    process = psutil.Process(compute_client._link().pid)
    with Peak(lambda: [process]) as peak:
        start = time.perf_counter()
        _state_when(workspace, project, lambda state: state.correct is not None)
        first = time.perf_counter() - start
        state = _state_when(workspace, project, lambda state: not state.pending)
        relabelled = []
        for number, record in enumerate(list_images(workspace, project, limit=LABELS)):
            before, start = state.version, time.perf_counter()
            assign_class(workspace, project, [record.id], f"class {(number + 1) % CLASSES}")
            state = _state_when(
                workspace,
                project,
                lambda now, before=before: now.version != before and not now.pending,
            )
            relabelled.append(time.perf_counter() - start)
    return {"first": first, "relabelled": relabelled, "peak": peak.gigabytes}


def _state_when(
    workspace: Workspace, project: str, condition: Callable[[LiveState], bool]
) -> LiveState:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        state = compute_client.call("live_state", str(workspace.root), project)
        if state.trouble:
            raise RuntimeError(state.trouble)
        if condition(state):
            return state
        time.sleep(LOOK_AGAIN_SECONDS)
    raise TimeoutError(f"the live model did not get there: {state}")


def _frames(workspace: Workspace, project: str) -> float:
    """Return how many pictures, one after the other, are answered in a second."""
    (frame,) = different_pictures(1, size=(640, 480))
    place, picture = (str(workspace.root), project), [("frame.jpg", frame.read())]
    compute_client.call("live_predict", *place, picture)
    start = time.perf_counter()
    for _frame in range(FRAMES):
        compute_client.call("live_predict", *place, picture)
    return FRAMES / (time.perf_counter() - start)


def _clicks_while_looking() -> list[float]:
    """Return milliseconds of clicks in a gallery of which the pictures are being looked at."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        project = project_with(
            workspace, "looked at", different_pictures(max(SIZES), size=(320, 240))
        )
        with server(workspace.root) as (address, pid), browser_page() as page:
            open_gallery(page, address, project)
            end = time.monotonic() + PATIENCE_SECONDS
            while not _busy(pid):
                if time.monotonic() > end:
                    raise TimeoutError("no picture was looked at")
                page.wait_for_timeout(500)
            return clicks(page, ("class 1", ALL))


def _busy(server_pid: int) -> bool:
    """Whether the server's compute process is at work."""
    children = psutil.Process(server_pid).children()
    found = [child for child in children if MODULE in child.cmdline()]
    return bool(found) and found[0].cpu_percent(interval=1.0) > 50
