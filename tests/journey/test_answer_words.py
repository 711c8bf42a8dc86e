"""What a model says of one picture: the winner, what is not sure, one colour per class."""

import re

import pytest
from projects import project_with_pictures
from sessions import NASTY

from pages.shared.answers import TOP, answer_html
from pages.shared.class_colours import PALETTE, class_colours
from tl_core.images import create_class, delete_class


def shown(names, values, **said) -> str:
    html = answer_html(names, values, dict.fromkeys(names, "#123456"), **said)
    return html.replace("\xa0", " ")


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def test_the_most_probable_class_is_large_and_first():
    html = shown(list("abcdefg"), [0.05, 0.6, 0.1, 0.05, 0.1, 0.05, 0.05])
    assert words(html).startswith("Most probably b 60 %")
    assert html.count("tl-track") == TOP


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9, "90 %"),
        (0.9949, "99 %"),
        (0.999, "over 99 %"),
        (1.0, "over 99 %"),
        (0.001, "under 1 %"),
    ],
)
def test_a_probability_never_claims_certainty(value, text):
    said = words(shown(["a", "b"], [value, 1 - value]))
    assert text in said
    assert "100 %" not in said and " 0 %" not in said


def test_below_the_threshold_the_answer_is_not_sure():
    said = words(shown(["a", "b"], [0.7, 0.3], sure_from=0.8))
    assert said.startswith("Not sure Most probably a , 70 %; you asked for 80 %.")
    assert "Not sure" not in words(shown(["a", "b"], [0.7, 0.3], sure_from=0.7))


def test_a_picture_unlike_the_others_gets_no_answer_to_rely_on():
    said = words(shown(["a", "b"], [0.99, 0.01], unlike=True))
    assert said.startswith("Unlike your pictures") and "do not rely on it" in said


def test_names_are_shown_literally():
    assert "<b>bold" not in shown([NASTY, "b"], [0.7, 0.3])


def test_a_class_has_its_colour_by_its_place_and_keeps_it_beside_classes_that_are_gone(workspace):
    project = project_with_pictures(class_names=("healthy", "rust"))
    colours = class_colours(project.id)
    assert list(colours) == ["healthy", "rust"]
    assert len(set(colours.values())) == 2
    create_class(workspace, project.id, "scab")
    assert class_colours(project.id, ("rust", "gone"))["rust"] == colours["rust"]
    delete_class(workspace, project.id, "scab")
    assert class_colours(project.id, ("gone",))["gone"] not in colours.values()


def test_a_ninth_class_begins_the_colours_again():
    project = project_with_pictures()
    colours = list(class_colours(project.id, [f"c{i}" for i in range(7)]).values())
    assert len(set(colours[: len(PALETTE)])) == len(PALETTE)
    assert colours[8] == colours[0]
