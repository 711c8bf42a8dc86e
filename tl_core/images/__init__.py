"""LIGHT: files from strangers to verified, labelled, grouped, split pictures.

files/       files from strangers: from folders, browsers and ZIPs; decoded safely
samples/     image sets to try the app with
records      the values that travel
queries      pages of pictures, counts, classes, what was skipped
saving       rows for pictures whose files are on the disk
adding       files into the project: verified, deduplicated, with thumbnails
labels/      classes, and answers to further questions: rows, not file moves
label_files/  labels from other programs' files, and into them
undo         every change can be taken back
groups/      pictures that show the same thing, kept together; accept, split, merge
splits       train, validation and test
locked_test  a test part that is put aside and opened by hand
sets         the finished image set that a training takes
health       what stands in the way of a good model
subsets      parts of the pictures to compare: two cameras, two classes
"""

from tl_core.images.adding import add_images, add_picture
from tl_core.images.files.decoding import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    PictureFacts,
    examine,
    read_picture,
    thumbnail_bytes,
)
from tl_core.images.files.sources import (
    PICTURE_EXTENSIONS,
    Skipped,
    SourceFile,
    folder_files,
    uploaded_files,
    zip_files,
)
from tl_core.images.files.untrusted import read_untrusted
from tl_core.images.groups.grouping import (
    PictureGroup,
    accept_groups,
    keep_copies,
    list_groups,
    merge_groups,
    split_group,
)
from tl_core.images.groups.name_proposals import (
    ClassCost,
    NameProposal,
    accept_names,
    confirm_names,
    dismiss_names,
    propose_names,
)
from tl_core.images.groups.recordings import Sources, add_recording, sources_of
from tl_core.images.health import (
    HealthFinding,
    Overlap,
    dismiss_findings,
    dismissed_findings,
    health_findings,
    restore_findings,
    test_overlap,
)
from tl_core.images.labels.classes import (
    assign_class,
    create_class,
    delete_class,
    merge_classes,
    rename_class,
    set_excluded,
)
from tl_core.images.labels.questions import (
    answers_of,
    delete_question,
    give_answers,
    list_questions,
)
from tl_core.images.locked_test import (
    LockedTest,
    draw_locked_test,
    has_own_test,
    lock_own_test,
    locked_test_state,
    open_locked_test,
    release_locked_test,
)
from tl_core.images.queries import (
    clear_skipped,
    count_images,
    get_images,
    image_path,
    list_classes,
    list_digests,
    list_images,
    list_places,
    list_skipped,
    thumbnail_path,
)
from tl_core.images.records import AddProgress, ClassSummary, ImageRecord, ImageSet, LabelledImage
from tl_core.images.sets import (
    PictureRow,
    count_learnable,
    image_set,
    label_facts,
    picture_rows,
    subset_facts,
    unlabelled_images,
    without_labels,
)
from tl_core.images.undo import delete_place, last_change, undo_last
