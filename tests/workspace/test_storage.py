"""Atomic writes and the full disk."""

import errno
import os
from pathlib import Path

import pytest

from tl_core.errors import StorageFull, WorkspaceError
from tl_core.workspace.storage import storage_errors, write_atomic


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_says_what_to_do() -> None:
    says = r"full while copying.*Free some space"
    with pytest.raises(StorageFull, match=says), storage_errors("copying"):
        full()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_is_named(code: int) -> None:
    says = r"^Making the project is not possible: '/data/x' cannot be written \(no\).*TL_WORKSPACE"
    with pytest.raises(WorkspaceError, match=says), storage_errors("making the project"):
        raise OSError(code, "no", "/data/x")


def test_other_trouble_of_the_disk_stays_what_it_is() -> None:
    with pytest.raises(OSError, match="no") as found, storage_errors():
        raise OSError(errno.EIO, "no")
    assert found.value.errno == errno.EIO


def test_an_atomic_write_that_fails_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.json"
    write_atomic(target, b"old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageFull):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["report.json"]
