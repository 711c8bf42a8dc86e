"""A part of a page that is drawn again and again."""

from streamlit.testing.v1 import AppTest


def page_with_a_part_that_has_ended():
    import streamlit as st

    from pages.shared.elements import drawn_again

    drawn_again(lambda: st.write("so far"), every=1, ended=lambda: True)
    if st.button("Next"):
        st.write("gone on")


def test_what_has_ended_while_the_page_is_drawn_does_not_lose_the_click():
    app = AppTest.from_function(page_with_a_part_that_has_ended).run()

    app.button[0].click().run()

    assert [text.value for text in app.markdown] == ["so far", "gone on"]
