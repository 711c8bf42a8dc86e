"""What a comparison has found, in words."""

import pytest
from results import a_verdict

from pages.shared.transfer.words import _signed, verdict_text


@pytest.mark.parametrize(
    ("points", "text"), [(-0.3, "-0.3"), (0.2, "+0.2"), (-0.5, "-0.5"), (0.7, "+1"), (-12.4, "-12")]
)
def test_no_bound_reads_minus_nothing(points, text):
    assert _signed(points) == text


def test_a_gain_of_one_point_is_singular():
    assert "1 point more" in verdict_text(a_verdict("helped", 1.2))
