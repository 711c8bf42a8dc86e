"""Counts as people say them, and numbers that stay with their per cent sign."""

from pages.shared.text import counted, html_text, plain


def test_one_of_a_thing_is_singular():
    assert [counted(1, "group"), counted(2, "class"), counted(1, "class")] == [
        *("1 group", "2 classes", "1 class")
    ]
    assert counted(1200, "picture") == "1,200 pictures"


def test_no_line_ends_between_a_number_and_its_per_cent_sign():
    for shown in (plain, html_text):
        assert " %" not in shown("at least 90 %") and "\xa0" in shown("at least 90 %")
