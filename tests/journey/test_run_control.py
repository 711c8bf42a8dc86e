"""A run of any kind on a page: how far it is, what it waits for, whose download it is."""

import pytest
from projects import project_with_pictures

from pages.shared.downloads import download_weights, weights_download
from pages.shared.run_control import run_view, start
from tl_core.runs import append_event
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.events import Note, PhaseStarted, Progress
from tl_core.workspace import open_workspace

pytestmark = pytest.mark.usefixtures("compute")


def test_a_view_holds_the_phases_in_order_and_the_progress_of_the_last():
    project = project_with_pictures()
    run = start(project.id, "rank", {"backbones": []})
    folder = open_workspace().run_dir(project.id, run.id)
    assert run_view(run).share == 0.0
    told = [PhaseStarted("features"), Progress("features", 9, 9), PhaseStarted("assess")]
    for event in (*told, Progress("assess", 1, 4, 3.0), Note("One."), Note("One.")):
        append_event(folder, event)
    view = run_view(run)
    assert view.phases == ("features", "assess")
    assert (view.phase, view.share, view.notes) == ("assess", 0.25, ("One.",))


def test_a_resumed_run_has_only_its_present_phases():
    project = project_with_pictures()
    run = start(project.id, "rank", {"backbones": []})
    folder = open_workspace().run_dir(project.id, run.id)
    for phase in ("features", "probe", "fine_tune", "evaluate", "save", "features", "probe"):
        append_event(folder, PhaseStarted(phase))
    assert run_view(run).phases == ("features", "probe")


def test_a_download_is_found_by_its_backbone_and_not_by_being_the_newest():
    project = project_with_pictures()
    first, second = (one for one in CATALOGUE[1:3])
    wanted = download_weights(project.id, first)
    download_weights(project.id, second)
    assert weights_download(project.id, first).id == wanted.id
    assert weights_download(project.id, CATALOGUE[3]) is None
