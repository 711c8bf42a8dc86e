"""What becomes of the names that people and their folders give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tl_core.workspace.names import printable


@pytest.mark.parametrize(
    ("given_name", "stored"),
    [
        ("  two\n words\t", "two words"),
        ("cafe\u0301", "caf\u00e9"),
        ("ورقة شجر", "ورقة شجر"),
        ("👩‍🔬 lab", "👩‍🔬 lab"),
        ("<b>'q\"</b>", "<b>'q\"</b>"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("nul\x00byte\ud800", "nulbyte"),
        ("\u200b \u200e", ""),
    ],
)
def test_names_are_stored_in_one_printable_line(given_name: str, stored: str) -> None:
    assert printable(given_name) == stored


@given(st.text(st.characters()))
def test_cleaning_twice_changes_nothing_and_the_result_can_be_stored(text: str) -> None:
    once = printable(text)
    assert printable(once) == once
    once.encode("utf-8")
