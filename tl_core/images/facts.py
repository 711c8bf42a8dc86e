"""Facts of all pictures to learn and choose by, cheap: one query, nothing drawn, nothing decoded.

The same pictures as in `sets.image_set`: labelled, not excluded, not locked.
"""

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from tl_core.images.subsets import Facts
from tl_core.workspace.database import ClassRow, ImageRow, session
from tl_core.workspace.storage import Workspace


def label_facts(workspace: Workspace, project_id: str) -> list[tuple[str, str, str | None]]:
    """Return digest, class and group of every picture, in no order."""
    rows = _rows(workspace, project_id, ImageRow.digest)
    return [(digest, name, group) for digest, name, group in rows]


def part_facts(workspace: Workspace, project_id: str) -> list[Facts]:
    """Return what decides to which parts every picture belongs, in no order."""
    rows = _rows(workspace, project_id, ImageRow.name, ImageRow.split)
    return [Facts(name, class_name, split) for name, split, class_name, _ in rows]


def _rows(workspace: Workspace, project_id: str, *columns: InstrumentedAttribute) -> list[list]:
    """Return columns, class and group; a group of which one picture is locked is not there."""
    wanted = (
        select(*columns, ClassRow.name, ImageRow.group, ImageRow.locked)
        .join(ClassRow, ClassRow.id == ImageRow.class_id)
        .where(ImageRow.project_id == project_id, ImageRow.excluded.is_(False))
    )
    with session(workspace, write=False) as opened:
        rows = opened.execute(wanted).all()
    locked = {group for *_, group, is_locked in rows if is_locked} - {None}
    return [facts for *facts, is_locked in rows if not is_locked and facts[-1] not in locked]
