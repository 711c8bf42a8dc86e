"""Recordings by webcam: frames of a few seconds, which come, stay together and go as one.

Frames of one recording look alike. They form one group, so that no split or fold learns from one
of them and measures on another.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from tl_core.images.adding import add_images
from tl_core.images.files.sources import SourceFile
from tl_core.images.groups.joining import RECORDING, groups_before, save_group
from tl_core.images.queries import class_row, labelled
from tl_core.images.records import AddProgress, clean_class_name, pictures
from tl_core.images.undo import remember
from tl_core.workspace.database import ClassRow, GroupRow, ImageRow, session
from tl_core.workspace.storage import Workspace


@dataclass(frozen=True, kw_only=True)
class Sources:
    """How many sources a class's pictures have; `others` are other groups and single pictures."""

    recordings: int = 0
    others: int = 0


def add_recording(
    workspace: Workspace, project_id: str, frames: Sequence[bytes], *, class_name: str
) -> AddProgress:
    """Add the frames of one recording as one group; undoing takes all of them back.

    Frames that are the same to the last bit count once.

    Args:
        frames: Picture files, in order.
        class_name: Their class, which may be new.

    Raises:
        DatasetError: If the class name is not usable.
        WorkspaceError: If the project does not exist.
        StorageFull: If the disk is full.
    """
    class_name = clean_class_name(class_name)
    group = f"recording-{secrets.token_hex(8)}"
    distinct = {hashlib.sha256(frame).digest(): frame for frame in frames}.values()
    taken_at = datetime.now().strftime("%Y-%m-%d %H.%M.%S.%f")[:-3]
    files = [
        SourceFile(
            f"webcam {taken_at}-{number:02}.jpg", lambda frame=frame: frame, class_name, group=group
        )
        for number, frame in enumerate(distinct, start=1)
    ]
    with session(workspace, write=False) as opened:
        is_new = class_row(opened, project_id, class_name) is None
    *_, last = add_images(workspace, project_id, files, total=len(files))
    if last.added:
        _remember(workspace, project_id, group, class_name, is_new=is_new)
    return last


def sources_of(workspace: Workspace, project_id: str, class_name: str) -> Sources:
    """Count the sources of a class's pictures that take part; a recording is one, like a group."""
    same_group = (GroupRow.project_id == project_id) & (GroupRow.name == ImageRow.group)
    wanted = (
        labelled(project_id, ImageRow.group, GroupRow.kind, func.count(ImageRow.id))
        .outerjoin(GroupRow, same_group)
        .where(ClassRow.name == class_name)
        .group_by(ImageRow.group, GroupRow.kind)
        .order_by(None)
    )
    with session(workspace, write=False) as opened:
        found = opened.execute(wanted).all()
    recordings = sum(kind == RECORDING for _, kind, _ in found)
    single = sum(count for group, _, count in found if group is None)
    groups = sum(group is not None for group, _, _ in found)
    return Sources(recordings=recordings, others=groups - recordings + single)


def _remember(
    workspace: Workspace, project_id: str, group: str, class_name: str, *, is_new: bool
) -> None:
    with session(workspace) as opened:
        wanted = select(ImageRow.id).where(
            ImageRow.project_id == project_id, ImageRow.group == group
        )
        ids = list(opened.scalars(wanted))
        row = class_row(opened, project_id, class_name)
        remember(
            opened,
            project_id,
            f"record {pictures(len(ids))} of '{class_name}'",
            created=[row] if is_new and row else [],
            added=ids,
            groups=groups_before(opened, project_id, []),
        )
        save_group(opened, project_id, group, kind=RECORDING, accepted=True)
