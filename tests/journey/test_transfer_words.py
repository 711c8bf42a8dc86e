"""What a comparison has found, in words."""

import pytest
from results import a_verdict

from pages.shared.transfer.words import _signed, layers_text, verdict_text
from tl_core.runs.results.assessment import LayerCurve, LayerPoint


@pytest.mark.parametrize(
    ("points", "text"), [(-0.3, "-0.3"), (0.2, "+0.2"), (-0.5, "-0.5"), (0.7, "+1"), (-12.4, "-12")]
)
def test_no_bound_reads_minus_nothing(points, text):
    assert _signed(points) == text


def test_a_gain_of_one_point_is_singular():
    assert "1 point more" in verdict_text(a_verdict("helped", 1.2))


@pytest.mark.parametrize(
    ("frozen", "said", "unsaid"),
    [
        (None, "No clear difference between the layer groups (60 to 92 %)", "worth a try"),
        (3, "The last layer group (91 %) is as good as any", "worth a try"),
        (2, "Freezing up to stage 1 and training the rest is worth a try", "whole backbone"),
    ],
)
def test_layers_are_advised_on_only_as_far_as_they_differ(frozen, said, unsaid):
    points = tuple(
        LayerPoint(group_index=i, group_name=name, accuracy=accuracy, interval=(0.5, 1))
        for i, (name, accuracy) in enumerate((("stem", 0.6), ("stage 1", 0.92), ("stage 2", 0.91)))
    )
    text = layers_text(LayerCurve(points=points, suggested_frozen=frozen))
    assert said in text and unsaid not in text
