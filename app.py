"""Start of the app: the frame that all pages share, and the way to the page that was asked for."""

from pathlib import Path

import streamlit as st

from pages.shared import layout, state
from pages.shared.elements import errors_shown
from pages.shared.home.recovery import damaged_list
from pages.shared.journey import PAGES
from tl_core.errors import DatabaseDamaged

layout.allow_many_files()
layout.page_frame(Path(__file__).parent / "assets")
state.mark_started()
page = st.navigation(
    [
        st.Page(file, title=title, url_path=address or None, default=not address)
        for file, (title, address) in PAGES.items()
    ],
    position="hidden",
)
if wanted := state.wanted_page():
    st.switch_page(wanted[0], query_params=wanted[1])
state.turn_to(page.url_path)
with errors_shown():
    try:
        page.run()
    except DatabaseDamaged as error:
        damaged_list(error)
layout.spare_modules()
