"""What a page checks before it shows anything."""

from urllib.parse import urlsplit

import streamlit as st

from pages.shared import state

_LOCAL = ("127.0.0.1", "localhost", "::1")


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


def served_locally() -> bool:
    """Whether this visitor sits at the computer that the app runs on.

    Only then may they name folders of it. All must hold: the server listens on localhost only,
    the browser asked for localhost (a foreign name that resolves to it is DNS rebinding), and
    no proxy passed the request on.
    """
    headers = st.context.headers
    host = urlsplit(f"//{headers.get('Host', '')}").hostname
    forwarded = any(name.lower().startswith(("x-forwarded", "forwarded")) for name in headers)
    return st.get_option("server.address") in _LOCAL and host in _LOCAL and not forwarded


def camera_allowed() -> bool:
    """Whether browsers hand out the camera to a page at this address."""
    asked = urlsplit(st.context.url or "")
    return asked.scheme != "http" or asked.hostname in _LOCAL
