"""Classes, labels and pages of pictures; every change can be taken back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pictures import file, files
from projects import add, project_with

from tl_core.errors import DatasetError
from tl_core.images import (
    assign_class,
    count_images,
    create_class,
    delete_class,
    get_images,
    last_change,
    list_classes,
    list_images,
    merge_classes,
    rename_class,
    set_excluded,
    undo_last,
)
from tl_core.images.labels import classes
from tl_core.images.undo import KEPT_CHANGES
from tl_core.workspace import Workspace, create_project, open_workspace


def counts(workspace: Workspace, project_id: str) -> dict[str, int]:
    return {one.name: one.images for one in list_classes(workspace, project_id)}


def labels(workspace: Workspace, project_id: str) -> list[tuple]:
    records = list_images(workspace, project_id, limit=1000)
    return [(one.id, one.class_name, one.excluded) for one in records]


def test_pages_filters_and_counts_agree(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=5, bees=4)
    add(workspace, project_id, [file("loose.png")])
    everything = list_images(workspace, project_id)
    pages = [list_images(workspace, project_id, offset=n, limit=3) for n in range(0, 12, 3)]
    assert [one for page in pages for one in page] == everything
    ids = [one.id for one in everything]
    set_excluded(workspace, project_id, ids[:2], True)
    for class_name, excluded, expected in [
        *((..., None, 10), (..., True, 2), (..., False, 8)),
        *(("ants", None, 5), ("ants", True, 2), ("bees", False, 4)),
        *((None, None, 1), ("wasps", None, 0)),
    ]:
        chosen = {"class_name": class_name, "excluded": excluded}
        assert count_images(workspace, project_id, **chosen) == expected
        assert len(list_images(workspace, project_id, **chosen)) == expected
    ants, bees = list_classes(workspace, project_id)
    assert (ants.images, ants.excluded, bees.excluded) == (5, 2, 0)
    assert ants.thumbnail == everything[0].digest


def test_pictures_are_found_by_id_and_digest_in_the_order_asked(workspace: Workspace) -> None:
    project_id, other = project_with(workspace, ants=4), project_with(workspace, ants=1)
    a, b, c, _ = list_images(workspace, project_id)
    keys = [c.digest, a.id, "unknown", 10**9, b.digest]
    assert get_images(workspace, project_id, keys) == [c, a, b]
    assert get_images(workspace, other, keys) == []


def test_classes_are_created_renamed_merged_and_deleted(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=2, bees=3)
    assert create_class(workspace, project_id, "  wasps\n") == "wasps"
    create_class(workspace, project_id, "wasps")
    rename_class(workspace, project_id, "ants", "Ants")
    assert counts(workspace, project_id) == {"Ants": 2, "bees": 3, "wasps": 0}
    merge_classes(workspace, project_id, ["Ants", "bees"], "insects")
    assert counts(workspace, project_id) == {"insects": 5, "wasps": 0}
    merge_classes(workspace, project_id, ["insects", "wasps"], "wasps")
    assert counts(workspace, project_id) == {"wasps": 5}
    delete_class(workspace, project_id, "wasps")
    assert counts(workspace, project_id) == {}
    assert count_images(workspace, project_id, class_name=None) == 5


def test_impossible_changes_of_classes_say_why_and_change_nothing(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=1, bees=1)
    before, image = labels(workspace, project_id), list_images(workspace, project_id)[0].id
    for action, says in [
        (lambda: rename_class(workspace, project_id, "ants", "bees"), "merge the two classes"),
        (lambda: rename_class(workspace, project_id, "gone", "x"), "no class 'gone'"),
        (lambda: rename_class(workspace, project_id, "ants", " "), "needs a name"),
        (lambda: create_class(workspace, project_id, "x" * 301), "301 characters"),
        (lambda: delete_class(workspace, project_id, "gone"), "another window"),
        (lambda: merge_classes(workspace, project_id, ["ants", "gone"], "bees"), "'gone'"),
        (lambda: assign_class(workspace, project_id, [image], "gone"), "create the class first"),
    ]:
        with pytest.raises(DatasetError, match=says):
            action()
    assert labels(workspace, project_id) == before and last_change(workspace, project_id) is None


def test_every_change_is_described_and_taken_back_in_turn(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=3, bees=2)
    first, second, *_ = [one.id for one in list_images(workspace, project_id)]
    states, says = [], []
    for action in (
        lambda: create_class(workspace, project_id, "wasps"),
        lambda: assign_class(workspace, project_id, [first, second], "wasps"),
        lambda: set_excluded(workspace, project_id, [first], True),
        lambda: rename_class(workspace, project_id, "wasps", "hornets"),
        lambda: merge_classes(workspace, project_id, ["bees", "hornets"], "insects"),
        lambda: assign_class(workspace, project_id, [first], None),
        lambda: delete_class(workspace, project_id, "insects"),
    ):
        states.append((counts(workspace, project_id), labels(workspace, project_id)))
        action()
        says.append(last_change(workspace, project_id))
    assert says == [
        "create class 'wasps'",
        "move 2 pictures to 'wasps'",
        "exclude 1 picture",
        "rename class 'wasps' to 'hornets'",
        "merge 'bees', 'hornets' into 'insects'",
        "move 1 picture out of their class",
        "delete class 'insects'",
    ]
    while states:
        assert undo_last(workspace, project_id) == says.pop()
        assert (counts(workspace, project_id), labels(workspace, project_id)) == states.pop()
    assert undo_last(workspace, project_id) is None


def test_what_changes_nothing_is_not_remembered(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=2)
    ids = [one.id for one in list_images(workspace, project_id)]
    assert assign_class(workspace, project_id, ids, "ants") == 0
    assert set_excluded(workspace, project_id, [*ids, 10**9], False) == 0
    rename_class(workspace, project_id, "ants", "ants")
    merge_classes(workspace, project_id, ["ants"], "ants")
    assert last_change(workspace, project_id) is None


def test_pictures_of_another_project_are_never_touched(workspace: Workspace) -> None:
    mine, theirs = project_with(workspace, ants=1), project_with(workspace, ants=2)
    ids = [one.id for one in list_images(workspace, theirs)]
    before = labels(workspace, theirs)
    assert set_excluded(workspace, mine, ids, True) == 0
    assert assign_class(workspace, mine, ids, None) == 0
    assert labels(workspace, theirs) == before and last_change(workspace, theirs) is None


def test_undo_in_one_window_leaves_what_the_other_added(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=2)
    delete_class(workspace, project_id, "ants")
    add(workspace, project_id, files(ants=3))  # the other window brings the name back
    undo_last(workspace, project_id)
    assert counts(workspace, project_id) == {"ants": 5}


def test_a_created_class_that_was_filled_meanwhile_survives_the_undo(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id
    create_class(workspace, project_id, "ants")
    add(workspace, project_id, files(ants=1))
    undo_last(workspace, project_id)
    assert counts(workspace, project_id) == {"ants": 1}


def test_an_undo_that_would_need_a_taken_name_says_so(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=1)
    rename_class(workspace, project_id, "ants", "bees")
    add(workspace, project_id, files(ants=1))
    with pytest.raises(DatasetError, match="new class 'ants' now"):
        undo_last(workspace, project_id)
    assert counts(workspace, project_id) == {"ants": 1, "bees": 1}


def test_only_the_latest_changes_are_remembered(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=1)
    (image,) = [one.id for one in list_images(workspace, project_id)]
    for number in range(KEPT_CHANGES + 5):
        set_excluded(workspace, project_id, [image], number % 2 == 0)
    undone = 0
    while undo_last(workspace, project_id):
        undone += 1
    assert undone == KEPT_CHANGES


def test_two_people_label_at_once_and_nothing_is_lost(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=30, bees=1, wasps=1)
    ids = [one.id for one in list_images(workspace, project_id, class_name="ants")]

    def label(name: str, some: list[int]) -> int:
        return sum(assign_class(workspace, project_id, [one], name) for one in some)

    with ThreadPoolExecutor(2) as people:
        first = people.submit(label, "bees", ids[:20])
        second = people.submit(label, "wasps", ids[:9:-1])
        moved = first.result() + second.result()
    now = {one.id: one.class_name for one in list_images(workspace, project_id)}
    assert {now[one] for one in ids[:10]} == {"bees"}
    assert {now[one] for one in ids[20:]} == {"wasps"}
    assert {now[one] for one in ids[10:20]} <= {"bees", "wasps"}, "whoever came last"
    assert moved == 40
    while undo_last(workspace, project_id):
        pass
    assert counts(workspace, project_id) == {"ants": 30, "bees": 1, "wasps": 1}


def test_an_assignment_that_is_cut_off_changes_nothing(workspace: Workspace, monkeypatch) -> None:
    project_id = project_with(workspace, ants=4, bees=1)
    before = labels(workspace, project_id)
    whole = classes.update_images

    def cut_off(opened, project_id, image_ids, **values):
        whole(opened, project_id, list(image_ids)[:2], **values)
        raise KeyboardInterrupt

    monkeypatch.setattr(classes, "update_images", cut_off)
    with pytest.raises(KeyboardInterrupt):
        assign_class(workspace, project_id, [one for one, *_ in before], "bees")
    assert labels(workspace, project_id) == before
    assert last_change(workspace, project_id) is None


class AnyChangesUndone(RuleBasedStateMachine):
    """Whatever is done in whatever order, undo walks back through exactly the same states."""

    names = st.sampled_from(["ants", "bees", "wasps", "Wasps"])

    @initialize()
    def start(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.workspace = open_workspace(Path(self.folder.name))
        self.project_id = project_with(self.workspace, ants=3, bees=2)
        self.ids = [one.id for one in list_images(self.workspace, self.project_id)]
        self.history: list[tuple] = []

    def state(self) -> tuple:
        return counts(self.workspace, self.project_id), labels(self.workspace, self.project_id)

    def act(self, action, *arguments) -> None:
        before = self.state()
        try:
            action(self.workspace, self.project_id, *arguments)
        except DatasetError:
            assert self.state() == before
        if self.state() != before:
            self.history.append(before)

    @rule(name=names)
    def create(self, name: str) -> None:
        self.act(create_class, name)

    @rule(old=names, new=names)
    def rename(self, old: str, new: str) -> None:
        self.act(rename_class, old, new)

    @rule(some=st.lists(names, min_size=1, max_size=3), into=names)
    def merge(self, some: list[str], into: str) -> None:
        self.act(merge_classes, some, into)

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.act(delete_class, name)

    @rule(some=st.sets(st.integers(0, 4)), name=st.none() | names)
    def assign(self, some: set[int], name: str | None) -> None:
        self.act(assign_class, [self.ids[n] for n in some], name)

    @rule(some=st.sets(st.integers(0, 4)), excluded=st.booleans())
    def exclude(self, some: set[int], excluded: bool) -> None:
        self.act(set_excluded, [self.ids[n] for n in some], excluded)

    @precondition(lambda self: self.history)
    @rule()
    def undo(self) -> None:
        assert undo_last(self.workspace, self.project_id)
        assert self.state() == self.history.pop()

    @invariant()
    def no_picture_is_lost(self) -> None:
        if hasattr(self, "ids"):
            assert count_images(self.workspace, self.project_id) == 5

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestAnyChangesUndone = AnyChangesUndone.TestCase
TestAnyChangesUndone.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
