"""One of the project's pictures, in a gallery and on the panel, with what the live model says."""

from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial

from pages.shared import state
from pages.shared.answers import show_answer
from pages.shared.compute import ask
from pages.shared.gallery import Tile
from pages.shared.images.changes import mend_label
from pages.shared.live.known import Live
from pages.shared.live.words import answer_title
from pages.shared.panel import PanelPicture
from pages.shared.results import report_of
from pages.shared.text import short_sureness
from tl_core.images import ImageRecord, get_images, image_path, thumbnail_path
from tl_core.runs import best_run, list_runs
from tl_core.runs.results.live import LiveAnswer


def picture_tile(
    project_id: str,
    record: ImageRecord,
    answer: LiveAnswer | None,
    *,
    labelled: bool,
    said: bool,
    colours: Mapping[str, str],
) -> Tile:
    """Return one picture.

    Args:
        project_id: Where its thumbnail lies.
        record: The picture.
        answer: What the live model says of it.
        labelled: Whether its label stands on it: the filter does not tell it.
        said: Whether the answer stands on it even if it has a label.
        colours: CSS colours by class name.
    """
    label = record.class_name or "without a class"
    size = f"{record.width} × {record.height} pixels"
    facts = [record.name, label, size, record.split, answer and answer_title(answer)]
    shown = answer if said or record.class_name is None else None
    return Tile(
        id=str(record.id),
        thumbnail=thumbnail_path(state.current_workspace(), project_id, record.digest),
        caption=record.name.rsplit("/", 1)[-1],
        title="\n".join(filter(None, facts)),
        mark="excluded" if record.excluded else label if labelled else None,
        says=(shown.class_name, short_sureness(shown.probability)) if shown else None,
        muted=record.excluded,
        mark_colour=None if record.excluded else colours.get(record.class_name),
        says_colour=colours.get(shown.class_name) if shown else None,
    )


def picture_on_panel(project_id: str, live: Live, row: str) -> PanelPicture | None:
    """Return what the panel shows of one of the project's pictures; None if it is gone.

    Where the model looked is known once there is a trained one.
    """
    workspace = state.current_workspace()
    record = next(iter(get_images(workspace, project_id, [int(row)])), None)
    if record is None:
        return None
    answer = live.answers([record.digest]).get(record.digest) if live.ready else None
    label = f"labelled “{record.class_name}”" if record.class_name else "without a class"
    facts = f"{label} · {record.width} × {record.height} pixels"
    return PanelPicture(
        name=record.name,
        picture=image_path(workspace, project_id, record),
        said=(facts,),
        answer=answer and partial(_live_answer, project_id, record, answer),
        mend=lambda: mend_label(project_id, record),
        **_explained(project_id, record, answer),
    )


def _live_answer(project_id: str, record: ImageRecord, answer: LiveAnswer) -> None:
    """Draw the answer of a model that did not learn from the picture, beside its own label."""
    said = {answer.class_name: answer.probability}
    if record.class_name and answer.own is not None:
        said.setdefault(record.class_name, answer.own)
    show_answer(project_id, list(said), list(said.values()), unlike=answer.unlike)


def _explained(project_id: str, record: ImageRecord, answer: LiveAnswer | None) -> dict:
    workspace = state.current_workspace()
    run = best_run(list_runs(workspace, project_id))
    report = report_of(run) if run else None
    if report is None:
        return {}
    names = report.evaluation.class_names
    said = answer.class_name if answer and answer.class_name in names else names[0]

    def heat(wanted: int) -> Future:
        return ask("explain", str(workspace.root), project_id, run.id, record.digest, wanted)

    return {"class_names": names, "explain_first": names.index(said), "heat": heat}
