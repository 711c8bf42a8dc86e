"""What visitors take of the server: memory for uploads, open files; and what they take away."""

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.testing.v1 import AppTest

from pages.shared import layout


def page_with_uploaders() -> None:
    """Stand in for a page that takes what is uploaded; beside it, an uploader that holds."""
    import streamlit as st

    from pages.shared import state

    state.turn_to(st.text_input("Page", "one"))
    taken = st.file_uploader("Taken", key=state.fresh_key("taken"))
    st.file_uploader("Held", accept_multiple_files=True, key="held")
    if taken:
        state.renew("taken")
        st.rerun()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names of the files that the server keeps in its memory."""
    names: set[str] = set()
    add, remove = MemoryUploadedFileManager.add_file, MemoryUploadedFileManager.remove_file

    def added(self: MemoryUploadedFileManager, session_id: str, file: UploadedFileRec) -> None:
        names.add(file.name)
        add(self, session_id, file)

    def removed(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        names.difference_update(one.name for one in self.get_files(session_id, [file_id]))
        remove(self, session_id, file_id)

    def all_removed(self: MemoryUploadedFileManager, _session_id: str) -> None:
        names.clear()

    monkeypatch.setattr(MemoryUploadedFileManager, "add_file", added)
    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", removed)
    monkeypatch.setattr(MemoryUploadedFileManager, "remove_session_files", all_removed)
    return names


def test_uploads_are_let_go_when_they_were_taken_and_when_the_page_is_left(kept: set[str]) -> None:
    app = AppTest.from_function(page_with_uploaders).run()
    app.file_uploader(key="held").set_value([("held.png", b"1", "image/png")]).run()
    assert kept == {"held.png"}
    app.file_uploader(key="taken-0").set_value(("taken.png", b"2", "image/png")).run()
    assert not app.exception
    assert kept == {"held.png"}
    app.text_input[0].set_value("two").run()
    assert kept == set()


def test_tables_that_can_be_downloaded_hold_no_formulas() -> None:
    def script() -> None:
        from pages.shared.elements import data_table

        data_table([{"File": "=1+1", "Share": 99.0}, {"File": "a", "Share": None}], key="t")

    (table,) = AppTest.from_function(script).run().dataframe
    assert table.value["File"].tolist() == ["'=1+1", "a"]
    assert table.value["Share"].tolist()[0] == 99.0


def test_the_limit_of_open_files_is_raised() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        layout.allow_many_files.clear()
        layout.allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 1000
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
