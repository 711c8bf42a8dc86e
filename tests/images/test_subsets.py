"""Parts of pictures: offered from what is there, read from a text, and who belongs to them."""

import pytest
from projects import stripes_project

from tl_core import images
from tl_core.images import part_facts
from tl_core.images.subsets import Facts, Part, offered_parts, part_of, typed_part

PICTURES = [
    *(Facts(f"indoors/ant/cam1_{n:04}.jpg", "ant", "train") for n in range(6)),
    *(Facts(f"indoors/bee/cam2_{n:04}.jpg", "bee", "test") for n in range(5)),
    *(Facts(f"field/ant/DSC{n}.jpg", "ant", "train") for n in range(7)),
    *(Facts(f"bee/{n}.jpg", "bee", None) for n in range(3)),
]


def test_every_kind_of_part_that_is_large_enough_is_offered_once():
    offered = dict(offered_parts(PICTURES))
    assert offered == {
        Part("split", "train"): 13,
        Part("split", "test"): 5,
        Part("folder", "indoors"): 11,
        Part("folder", "field"): 7,
        Part("folder", "field/ant"): 7,
        Part("folder", "indoors/ant"): 6,
        Part("folder", "indoors/bee"): 5,
        Part("names", "DSC*"): 7,
        Part("names", "cam1_*"): 6,
        Part("names", "cam2_*"): 5,
        Part("class", "ant"): 13,
        Part("class", "bee"): 8,
    }


def test_the_count_that_is_offered_is_that_of_those_who_belong():
    for part, count in offered_parts(PICTURES):
        assert sum(part.holds(one) for one in PICTURES) == count, part


def test_a_part_that_holds_everything_cannot_be_compared():
    assert offered_parts([Facts(f"all/{n}.jpg", "one", "train") for n in range(9)]) == []


def test_brackets_in_names_are_no_pattern():
    pictures = [Facts(f"[a]_{n}.jpg", "x", None) for n in range(5)]
    pictures += [Facts(f"front[1]_{n}.jpg", "y", None) for n in range(6)]
    for part, count in offered_parts(pictures):
        assert sum(part.holds(one) for one in pictures) == count, part


@pytest.mark.parametrize(
    ("text", "part", "title"),
    [
        ("class:ants", Part("class", "ants"), "Class “ants”"),
        ("folder:a/b:c", Part("folder", "a/b:c"), "Folder “a/b:c”"),
        ("split:validation", Part("split", "validation"), "Validation pictures"),
        ("cam1_*", Part("names", "cam1_*"), "Files “cam1_*”"),
        ("other:x", Part("names", "other:x"), "Files “other:x”"),
    ],
)
def test_a_text_is_read_as_a_part(text, part, title):
    assert part_of(text) == part
    assert part_of(str(part)) == part
    assert part.title == title


@pytest.mark.parametrize(
    ("text", "value", "count"),
    [("cam1", "*cam1*", 6), (" DSC ", "*DSC*", 7), ("cam?_*", "cam?_*", 11), ("x", "*x*", 0)],
)
def test_what_is_typed_without_a_star_is_looked_for_anywhere(text, value, count):
    part = typed_part(text)
    assert part == Part("names", value)
    assert sum(part.holds(one) for one in PICTURES) == count
    assert typed_part("class:ant") == Part("class", "ant")


def test_patterns_match_names_with_folders_or_without_in_any_case():
    assert part_of("CAM1_*").holds(PICTURES[0])
    assert part_of("indoors/*").holds(PICTURES[0])
    assert not part_of("cam1_*").holds(PICTURES[8])


def test_facts_are_those_of_the_pictures_that_take_part(tmp_path):
    workspace, project = stripes_project(tmp_path, each=6)
    picture = images.list_images(workspace, project)[0]
    images.set_excluded(workspace, project, [picture.id], True)
    images.draw_locked_test(workspace, project, fraction=0.3)
    whole = images.image_set(workspace, project)
    told = {(one.name, one.class_name, one.split) for one in part_facts(workspace, project)}
    assert told == {(one.name, whole.class_names[one.label], one.split) for one in whole.images}
    assert len(told) < 11
