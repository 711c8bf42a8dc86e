"""What stands in the way of a good model, as it reads on the Images page."""

import pytest

from pages.shared.images.health import TEXT, sentence
from tl_core.images import HealthFinding
from tl_core.images.health import PictureName

PAIRS = tuple(
    (PictureName(name=f"a/{n}.png", class_name="a"), PictureName(name=f"b/{n}.png", class_name="b"))
    for n in range(5)
)


@pytest.mark.parametrize("kind", TEXT)
def test_every_kind_has_a_sentence(kind):
    said = sentence(HealthFinding(kind=kind, classes=("x", "y"), counts=(9, 3), pairs=PAIRS))
    assert said.endswith(".") and "{" not in said


def test_names_that_look_like_a_template_are_shown_as_they_are():
    assert "'{0}'" in sentence(HealthFinding(kind="few", classes=("{0}",)))


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        (HealthFinding(kind="imbalance", classes=("ants", "bees"), counts=(2500, 3)),
         "'ants' has 2,500 pictures, 'bees' has 3."),
        (HealthFinding(kind="too few", classes=tuple("abcdefg")),
         "in 'a', 'b', 'c', 'd', 'e' and 2 more: training cannot start"),
        (HealthFinding(kind="separated copies", pairs=PAIRS[:1]), "the same thing: 'a/0.png' "
            "and 'b/0.png'."),
        (HealthFinding(kind="conflicting labels", pairs=PAIRS),
         "'a/2.png' (a) and 'b/2.png' (b) and 2 more. Check"),
        (HealthFinding(kind="unlabelled", counts=(1,)), "1 picture without a class is not used."),
        (HealthFinding(kind="unlabelled", counts=(2,)), "2 pictures without a class are not used."),
    ],
)  # fmt: skip
def test_the_sentence_names_what_was_found(finding, says):
    assert says in sentence(finding)
