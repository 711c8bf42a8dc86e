"""A project's pictures: add, label, exclude, split; what was skipped and why.

records.py   the values that travel
adding.py    files into the project: verified, deduplicated, with thumbnails
    saving.py    rows of new pictures, a batch at a time
queries.py   pages of pictures, counts, classes, what was skipped
labels.py    classes and labels; every change can be undone
changes.py   how a change is remembered and taken back
splits.py    train, validation and test: stratified, seeded, stored
sets.py      the finished image set that a training takes; advice on it
"""

from tl_core.datasets.adding import add_images
from tl_core.datasets.changes import last_change, undo_last
from tl_core.datasets.labels import (
    assign_class,
    create_class,
    delete_class,
    merge_classes,
    rename_class,
    set_excluded,
)
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
    "add_images",
    "assign_class",
    "clear_skipped",
    "count_images",
    "create_class",
    "delete_class",
    "get_images",
    "health",
    "image_path",
    "image_set",
    "last_change",
    "list_classes",
    "list_images",
    "list_skipped",
    "merge_classes",
    "rename_class",
    "set_excluded",
    "thumbnail_path",
    "undo_last",
]
