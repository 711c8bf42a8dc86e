"""One of the project's pictures as the gallery shows it, with what the live model says of it."""

from pages.shared import state
from pages.shared.gallery import Tile
from pages.shared.live.words import answer_title
from pages.shared.text import short_sureness
from tl_core.images import ImageRecord, thumbnail_path
from tl_core.runs.results.live import LiveAnswer


def picture_tile(
    project_id: str, record: ImageRecord, answer: LiveAnswer | None, *, labelled: bool, said: bool
) -> Tile:
    """Return one picture.

    Args:
        project_id: Where its thumbnail lies.
        record: The picture.
        answer: What the live model says of it.
        labelled: Whether its label stands on it: the filter does not tell it.
        said: Whether the answer stands on it even if it has a label.
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
    )
