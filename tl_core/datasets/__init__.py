"""A project's pictures: add, label, exclude, split; what was skipped and why.

records.py   the values that travel
adding.py    files into the project: verified, deduplicated, with thumbnails
    saving.py    rows of new pictures, a batch at a time
queries.py   pages of pictures, counts, classes, what was skipped
    facts.py          labels, names and parts of all pictures at once
labels.py    classes and labels; every change can be undone
changes.py   how a change is remembered and taken back
groups.py    pictures that show the same thing, kept together; accept, split, merge
    joining.py        groups that grow, and what stays apart
    name_patterns.py  what file names say about the source
    group_changes.py  rows of groups, and their undo
    group_advice.py   what groups mean for measuring
splits.py    train, validation and test: stratified, seeded, stored
locked.py    a test part that is put aside and opened by hand
sets.py      the finished image set that a training takes; advice on it
"""

from tl_core.datasets.adding import add_images
from tl_core.datasets.changes import last_change, undo_last
from tl_core.datasets.facts import label_facts, part_facts
from tl_core.datasets.groups import (
    PictureGroup,
    accept_groups,
    accept_names,
    dismiss_names,
    keep_copies,
    list_groups,
    merge_groups,
    propose_names,
    split_group,
)
from tl_core.datasets.labels import (
    assign_class,
    create_class,
    delete_class,
    merge_classes,
    rename_class,
    set_excluded,
)
from tl_core.datasets.locked import (
    LockedTest,
    draw_locked_test,
    has_own_test,
    lock_own_test,
    locked_test_state,
    open_locked_test,
    release_locked_test,
)
from tl_core.datasets.name_patterns import NamePattern
from tl_core.datasets.queries import (
    clear_skipped,
    count_images,
    get_images,
    image_path,
    list_classes,
    list_images,
    list_skipped,
    thumbnail_path,
)
from tl_core.datasets.records import (
    AddProgress,
    ClassSummary,
    ImageRecord,
    ImageSet,
    LabelledImage,
)
from tl_core.datasets.sets import health, image_set

__all__ = [
    "AddProgress",
    "ClassSummary",
    "ImageRecord",
    "ImageSet",
    "LabelledImage",
    "LockedTest",
    "NamePattern",
    "PictureGroup",
    "accept_groups",
    "accept_names",
    "add_images",
    "assign_class",
    "clear_skipped",
    "count_images",
    "create_class",
    "delete_class",
    "dismiss_names",
    "draw_locked_test",
    "get_images",
    "has_own_test",
    "health",
    "image_path",
    "image_set",
    "keep_copies",
    "label_facts",
    "last_change",
    "list_classes",
    "list_groups",
    "list_images",
    "list_skipped",
    "lock_own_test",
    "locked_test_state",
    "merge_classes",
    "merge_groups",
    "open_locked_test",
    "part_facts",
    "propose_names",
    "release_locked_test",
    "rename_class",
    "set_excluded",
    "split_group",
    "thumbnail_path",
    "undo_last",
]
