"""What a page checks before it shows anything."""

import streamlit as st

from pages.shared import state


def enter(page: str) -> None:
    """Make sure that `app.py` has run before this page does.

    Streamlit treats a folder called ``pages`` as its older kind of multipage app until some
    session has run `app.py`. The first visitor of a fresh server who comes by a deep link
    would get the page alone, without navigation. Such a visit takes a detour through `app.py`.

    Args:
        page: The page's own path, as in "pages/2_images.py".
    """
    if not state.started():
        state.want_page(page)
        st.switch_page("app.py")


def require(condition: object, sentence: str, page: str, label: str) -> None:
    """Unless the condition holds: say what is missing, link to where it is made, stop."""
    if condition:
        return
    st.info(sentence)
    st.page_link(page, label=label, icon=":material/arrow_back:", query_params=state.address())
    st.stop()
