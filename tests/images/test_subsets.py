"""Parts of pictures: offered from what is there, read from a text, and who belongs to them."""

import pytest
from projects import stripes_project

from tl_core import images
from tl_core.images import subset_facts
from tl_core.images.subsets import (
    Subset,
    SubsetFacts,
    offered_subsets,
    parse_subset,
    parse_typed_subset,
)

PICTURES = [
    *(SubsetFacts(f"indoors/ant/cam1_{n:04}.jpg", "ant", "train") for n in range(6)),
    *(SubsetFacts(f"indoors/bee/cam2_{n:04}.jpg", "bee", "test") for n in range(5)),
    *(SubsetFacts(f"field/ant/DSC{n}.jpg", "ant", "train") for n in range(7)),
    *(SubsetFacts(f"bee/{n}.jpg", "bee", None) for n in range(3)),
]


def test_every_kind_of_part_that_is_large_enough_is_offered_once():
    offered = dict(offered_subsets(PICTURES))
    assert offered == {
        Subset("split", "train"): 13,
        Subset("split", "test"): 5,
        Subset("folder", "indoors"): 11,
        Subset("folder", "field"): 7,
        Subset("folder", "field/ant"): 7,
        Subset("folder", "indoors/ant"): 6,
        Subset("folder", "indoors/bee"): 5,
        Subset("names", "DSC*"): 7,
        Subset("names", "cam1_*"): 6,
        Subset("names", "cam2_*"): 5,
        Subset("class", "ant"): 13,
        Subset("class", "bee"): 8,
    }


def test_the_count_that_is_offered_is_that_of_those_who_belong():
    offered = offered_subsets(PICTURES)
    assert {part.kind for part, _ in offered} == {"split", "folder", "names", "class"}
    for part, count in offered:
        assert sum(part.holds(one) for one in PICTURES) == count, part


def test_a_part_that_holds_everything_cannot_be_compared():
    assert offered_subsets([SubsetFacts(f"all/{n}.jpg", "one", "train") for n in range(9)]) == []


def test_brackets_in_names_are_no_pattern():
    pictures = [SubsetFacts(f"[a]/{n}.jpg", "x", None) for n in range(5)]
    pictures += [SubsetFacts(f"front[1]/{n}.jpg", "y", None) for n in range(6)]
    offered = dict(offered_subsets(pictures))
    assert offered[Subset("folder", "[a]")] == 5 and offered[Subset("folder", "front[1]")] == 6
    for part, count in offered.items():
        assert sum(part.holds(one) for one in pictures) == count, part


@pytest.mark.parametrize(
    ("text", "part", "title"),
    [
        ("class:ants", Subset("class", "ants"), "Class “ants”"),
        ("folder:a/b:c", Subset("folder", "a/b:c"), "Folder “a/b:c”"),
        ("split:validation", Subset("split", "validation"), "Validation pictures"),
        ("cam1_*", Subset("names", "cam1_*"), "Files “cam1_*”"),
        ("other:x", Subset("names", "other:x"), "Files “other:x”"),
    ],
)
def test_a_text_is_read_as_a_part(text, part, title):
    assert parse_subset(text) == part
    assert parse_subset(str(part)) == part
    assert part.title == title


@pytest.mark.parametrize(
    ("text", "value", "count"),
    [("cam1", "*cam1*", 6), (" DSC ", "*DSC*", 7), ("cam?_*", "cam?_*", 11), ("x", "*x*", 0)],
)
def test_what_is_typed_without_a_star_is_looked_for_anywhere(text, value, count):
    part = parse_typed_subset(text)
    assert part == Subset("names", value)
    assert sum(part.holds(one) for one in PICTURES) == count
    assert parse_typed_subset("class:ant") == Subset("class", "ant")


def test_patterns_match_names_with_folders_or_without_in_any_case():
    assert parse_subset("CAM1_*").holds(PICTURES[0])
    assert parse_subset("indoors/*").holds(PICTURES[0])
    assert not parse_subset("cam1_*").holds(PICTURES[8])


def test_facts_are_those_of_the_pictures_that_take_part(tmp_path):
    workspace, project = stripes_project(tmp_path, each=6)
    picture = images.list_images(workspace, project)[0]
    images.set_excluded(workspace, project, [picture.id], True)
    images.draw_locked_test(workspace, project, fraction=0.3)
    whole = images.image_set(workspace, project)
    told = {(one.name, one.class_name, one.split) for one in subset_facts(workspace, project)}
    assert told == {(one.name, whole.class_names[one.label], one.split) for one in whole.images}
    assert len(told) < 11
