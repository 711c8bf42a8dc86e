"""Folders, uploads and ZIP files: class, split, and what is left out with its reason."""

import io
import os
import stat
import zipfile
from pathlib import Path

import hostile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture

from tl_core.errors import ArchiveError, DatasetError, ImageFileError
from tl_core.images import (
    Skipped,
    SourceFile,
    folder_files,
    uploaded_files,
    zip_files,
)
from tl_core.images.files import sources
from tl_core.images.files.sources import source_file


def offered(name: str) -> SourceFile | Skipped:
    return source_file(name, lambda: b"")


def reasons(found: list[SourceFile | Skipped]) -> dict[str, str]:
    return {one.name: one.reason for one in found if isinstance(one, Skipped)}


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], **options: object) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for member, data in members:
            archive.writestr(member, data)
    out.seek(0)
    return out


@pytest.mark.parametrize(
    ("name", "class_name", "split"),
    [
        ("ants/1.jpg", "ants", None),
        ("data/ants/1.jpg", "ants", None),
        ("data/train/ants/1.jpg", "ants", "train"),
        ("data\\Val\\ants\\1.jpg", "ants", "validation"),
        ("valid/ants/1.jpg", "ants", "validation"),
        ("test/ants/1.JPG", "ants", "test"),
        ("vehicles/train/1.jpg", "train", None),
        ("1.jpg", None, None),
        ("a 'b' \"c\"/<b>.png", "a 'b' \"c\"", None),
        ("قطة/photo.no 7", "قطة", None),
        ("x/noextension", "x", None),
    ],
)
def test_the_path_says_class_and_split(
    name: str, class_name: str | None, split: str | None
) -> None:
    found = offered(name)
    assert isinstance(found, SourceFile)
    assert (found.name, found.class_name, found.split) == (name, class_name, split)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        *((name, "system file") for name in ("__MACOSX/ants/._1.jpg", "ants/.DS_Store")),
        *((name, "system file") for name in ("ants/Thumbs.db", "desktop.ini", ".git/x.jpg")),
        *((name, "outside") for name in ("../../etc/passwd.jpg", "/etc/x.jpg", "C:\\x.jpg")),
        *((name, "outside") for name in ("..\\x.jpg", "", "\\\\server\\x.jpg")),
        ("ants/labels.csv", "not a picture (a .csv file)"),
        ("ants/more.zip", "unpack it first"),
    ],
)
def test_what_is_left_out_has_a_reason(name: str, says: str) -> None:
    found = offered(name)
    assert isinstance(found, Skipped) and says in found.reason


@given(st.text())
def test_any_name_gets_an_answer(name: str) -> None:
    found = offered(name)
    assert found.name == name
    if isinstance(found, SourceFile):
        assert found.class_name not in ("", "..", "/", "__MACOSX")


def test_uploads_can_be_put_into_one_class() -> None:
    found = list(uploaded_files([("a/1.jpg", b"1"), ("x.txt", b"")], class_name="bees"))
    assert [one.class_name for one in found[:1]] == ["bees"]
    assert found[0].read() == b"1" and isinstance(found[1], Skipped)
    plain = list(uploaded_files([("a/1.jpg", b"1"), ("b/2.jpg", b"2")]))
    assert [(one.class_name, one.read()) for one in plain] == [("a", b"1"), ("b", b"2")]


def test_a_folder_is_walked_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.png", "a/.DS_Store", "__MACOSX/a/1.png", "top.png", "a/n.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    found = list(folder_files(tmp_path))
    files = [(one.name, one.read()) for one in found if isinstance(one, SourceFile)]
    assert files == [(name, name.encode()) for name in ("a/1.png", "b/2.png", "top.png")]
    assert set(reasons(found)) == {"a/.DS_Store", "__MACOSX", "a/n.txt"}


def test_a_path_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="gone' is not a folder"):
        folder_files(tmp_path / "gone")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_links_and_pipes_in_a_folder_do_not_trap_the_walk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    found = reasons(list(folder_files(tmp_path)))
    assert set(found) == {"a/loop", "a/gone.png", "a/pipe.png"}
    assert "not followed" in found["a/loop"] and "ordinary" in found["a/pipe.png"]


def test_files_over_the_limit_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "film.png").open("wb") as out:
        out.truncate(300 * 2**20)  # sparse
    assert "larger than 256 MB" in reasons(list(folder_files(tmp_path)))["film.png"]


def test_a_zip_of_class_folders_is_offered_with_its_splits(tmp_path: Path) -> None:
    data = zipped(("set/train/ants/1.png", b"1"), ("set/test/bees/2.png", b"2"))
    (tmp_path / "set.zip").write_bytes(data.getvalue())
    for source in (data, tmp_path / "set.zip"):
        found = list(zip_files(source))  # read only after the walk is over
        assert [(one.class_name, one.split, one.read()) for one in found] == [
            ("ants", "train", b"1"),
            ("bees", "test", b"2"),
        ]


@pytest.mark.parametrize("content", [zipped().getvalue(), zipped(("ants/", b"")).getvalue()])
def test_an_empty_zip_says_what_belongs_into_it(content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"empty. Put one folder per class"):
        zip_files(io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [b"", b"not a zip at all", zipped(("a", b"b")).getvalue()[:20]],
    ids=["empty", "text", "cut off"],
)
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveError, match="not a ZIP file, or it is damaged"):
        zip_files(io.BytesIO(content))


def test_the_name_of_the_zip_is_in_the_sentence(tmp_path: Path) -> None:
    (tmp_path / "my leaves.zip").write_bytes(b"")
    with pytest.raises(ArchiveError, match=r"'my leaves.zip'"):
        zip_files(tmp_path / "my leaves.zip")
    with pytest.raises(ArchiveError, match="no file"):
        zip_files(tmp_path / "gone.zip")


def encrypted(content: bytes, *, only_first: bool = False) -> io.BytesIO:
    """Set the flag that marks members as encrypted, in both of a ZIP's tables."""
    data = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset] |= 1
            place = -1 if only_first else data.find(signature, place + 1)
    return io.BytesIO(bytes(data))


def test_a_zip_with_a_password_says_what_to_do() -> None:
    content = zipped(("ants/1.png", b"1"), ("ants/2.png", b"2")).getvalue()
    with pytest.raises(ArchiveError, match=r"password. Unpack it"):
        zip_files(encrypted(content))
    first, second = zip_files(encrypted(content, only_first=True))
    assert isinstance(first, Skipped) and "password" in first.reason
    assert second.read() == b"2"


def test_a_zip_bomb_is_refused_and_names_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HARMLESS_UNPACKED_BYTES", 2**20)
    with pytest.raises(ArchiveError, match=r"would unpack to .* It was not opened"):
        zip_files(zipped(("ants/1.bmp", bytes(2**22))))
    monkeypatch.setattr(sources, "MAX_ZIP_FILES", 2)
    with pytest.raises(ArchiveError, match="holds 3 files"):
        zip_files(zipped(*((f"a/{n}.png", b"") for n in range(3))))


def of_crafted(name: str) -> tuple[dict[str, int], dict[str, str]]:
    """Return sizes of what can be read of a crafted archive, and reasons for the rest, by name."""
    sizes, found = {}, list(zip_files(io.BytesIO(hostile.CRAFTED[name]())))
    refused = reasons(found)
    for one in found:
        if isinstance(one, SourceFile):
            try:
                sizes[one.name] = len(one.read())
            except ImageFileError as error:
                refused[one.name] = str(error)
    return sizes, refused


@pytest.mark.parametrize(
    ("name", "refused", "says"),
    [
        ("an entry without a name", {"(entry 2 of the ZIP)"}, "it has no name"),
        ("overlapping entries", {f"a/{n:05}.bmp" for n in range(1999)}, "overlaps another"),
        ("false packed sizes", {"a/0.bmp"}, "overlaps another"),
        ("false unpacked sizes", {"a/0.bmp"}, "damaged inside"),
        ("packed by bzip2", {"a/0.bmp"}, "by the method Deflate"),
        ("packed by LZMA", {"a/0.bmp"}, "by the method Deflate"),
        ("ways out", {"../../out.jpg", "/etc/out.jpg"}, "outside"),
    ],
)
def test_an_entry_that_lies_is_named_and_the_rest_is_read(
    name: str, refused: set[str], says: str
) -> None:
    sizes, told = of_crafted(name)
    assert "good/1.jpg" in sizes and refused <= set(told)
    assert all(says in told[one] for one in refused)


def test_a_table_of_too_many_entries_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    content = zipped(*((f"a/{n}.png", b"") for n in range(12)))
    monkeypatch.setattr(sources, "MAX_ZIP_FILES", 10)
    monkeypatch.setattr(zipfile, "ZipInfo", None)  # none is made
    with pytest.raises(ArchiveError, match="holds 12 files; at most 10"):
        zip_files(content)


def test_a_member_over_the_limit_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 100)
    large, small = zip_files(zipped(("a/1.png", bytes(101)), ("a/2.png", bytes(100))))
    assert "larger than" in large.reason and len(small.read()) == 100


def test_a_member_that_lies_about_its_size_is_not_unpacked_further() -> None:
    content = zipped(("a/1.png", bytes(5000))).getvalue()
    lied = content.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (found,) = zip_files(io.BytesIO(lied))
    with pytest.raises(ImageFileError, match="damaged inside the ZIP"):
        found.read()


def test_a_damaged_member_is_named_and_the_rest_goes_on() -> None:
    content = bytearray(zipped(("a/1.png", picture()), ("a/2.png", b"2")).getvalue())
    content[45] ^= 0xFF  # inside the first member's data
    first, second = zip_files(io.BytesIO(bytes(content)))
    with pytest.raises(ImageFileError, match="damaged inside the ZIP"):
        first.read()
    assert second.read() == b"2"


def test_paths_out_of_a_zip_and_links_in_it_are_left_alone() -> None:
    link = zipfile.ZipInfo("ants/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = [
        *(("../../evil.png", b""), ("/etc/evil.png", b""), (link, b"/etc/passwd")),
        *(("ants/inner.zip", zipped(("a/1.png", b"")).getvalue()), ("ants/1.png", b"1")),
        *(("__MACOSX/ants/._1.png", b""), ("ants/Thumbs.db", b"")),
    ]
    found = list(zip_files(zipped(*members)))
    assert [one.name for one in found if isinstance(one, SourceFile)] == ["ants/1.png"]
    why = reasons(found)
    assert "outside" in why["../../evil.png"] and "outside" in why["/etc/evil.png"]
    assert "link" in why["ants/link.png"] and "unpack it first" in why["ants/inner.zip"]
    assert why["__MACOSX/ants/._1.png"] == why["ants/Thumbs.db"] == "system file"
