"""Labels from other programs' files and into them: nothing is lost on the way and back."""

import json
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pictures import coloured
from projects import add

from tl_core.errors import DatasetError
from tl_core.images import SourceFile, assign_class, list_images, undo_last, zip_files
from tl_core.images.label_files import reading
from tl_core.images.label_files.arriving import with_labels
from tl_core.images.label_files.matching import alike_names, give_labels, plan_labels
from tl_core.images.label_files.reading import read_labels
from tl_core.images.label_files.writing import FORMATS, labels_file, write_class_folders
from tl_core.workspace import create_project

NAMES = ("cats/d (1).png", "dogs/d (1).png", "=sum(1).png", "bäume/eiche.png", "plain.png")
LABELS = ("cat", "dog", "=1+1", "Eiche, „alt“", None)


@pytest.fixture
def project_id(workspace) -> str:
    project = create_project(workspace, "Leaves").id
    offered = [
        SourceFile(name, lambda number=number: coloured((40 * number, 9, 200)), label)
        for number, (name, label) in enumerate(zip(NAMES, LABELS, strict=True))
    ]
    assert add(workspace, project, offered).added == len(NAMES)
    return project


def labels_of(workspace, project_id) -> dict[str, str | None]:
    return {one.name: one.class_name for one in list_images(workspace, project_id)}


def plan(workspace, project_id, text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    return plan_labels(workspace, project_id, read_labels("labels.csv", data))


def by_name(workspace, project_id, plan) -> dict[str, str]:
    names = {one.id: one.name for one in list_images(workspace, project_id)}
    return {names[row]: label for row, label in plan.labels.items()}


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_round_trip_loses_nothing(workspace, project_id, format_name):
    before = labels_of(workspace, project_id)
    written = labels_file(workspace, project_id, format_name)
    ids = [one.id for one in list_images(workspace, project_id)]
    assign_class(workspace, project_id, ids, None)
    found = plan(workspace, project_id, written)
    assert (found.unknown, found.several, found.doubled, found.missing) == ((), (), (), 0)
    assert give_labels(workspace, project_id, found.changes()) == len(found.changes()) == 4
    assert labels_of(workspace, project_id) == before
    assert labels_file(workspace, project_id, format_name) == written


def test_one_undo_takes_all_labels_of_a_file_back(workspace, project_id):
    before = labels_of(workspace, project_id)
    found = plan(workspace, project_id, "file,label\nplain.png,new\neiche.png,oak\n")
    assert found.new_classes == ("new", "oak") and found.missing == 3
    give_labels(workspace, project_id, found.labels, named="labels.csv")
    assert labels_of(workspace, project_id)["plain.png"] == "new"
    assert "labels.csv" in undo_last(workspace, project_id)
    assert labels_of(workspace, project_id) == before


@pytest.mark.parametrize(
    "data",
    [
        "Filename;Class\neiche.png;Eiche groß\n".encode("cp1252"),
        "file\tlabel\r\n/somewhere/else/bäume/eiche.png\tEiche groß\r\n".encode("utf-16"),
        "\ufefffile,label\n  .\\bäume\\eiche.png , Eiche groß \n".encode(),
        "eiche.png|Eiche groß\n".encode(),
        b'{"file_name": "eiche.png", "label": "Eiche gro\\u00df"}\n{"file_name": "plain.png"}\n',
    ],
)
def test_delimiters_encodings_and_columns_are_found_out(workspace, project_id, data):
    found = plan(workspace, project_id, data)
    assert by_name(workspace, project_id, found) == {"bäume/eiche.png": "Eiche groß"}


def test_what_does_not_fit_is_named(workspace, project_id):
    text = "file,label\nd (1).png,cat\nnowhere.png,x\nplain.png,a\nplain.png,b\neiche.png,\u202e\n"
    found = plan(workspace, project_id, text)
    assert found.several == ("d (1).png",)
    assert found.unknown == ("nowhere.png",)
    assert found.doubled == ("plain.png",)
    assert found.unusable == ("eiche.png",)
    assert not found.labels


def test_labels_that_differ_by_case_or_spaces_are_asked_about():
    assert alike_names(["rust"], ["Rust", "Rust ", "rot", "ro t", "x"]) == (
        ("ro t", "rot"),
        ("rust", "Rust", "Rust "),
    )
    assert alike_names(["a", "A"], ["b"]) == ()


def test_label_studio_and_coco_as_they_write_them(workspace, project_id):
    tasks = [
        {
            "data": {"image": "/data/upload/7/1a2b3c4d-eiche.png"},
            "annotations": [
                {"result": [{"type": "choices", "value": {"choices": ["old"]}}]},
                {"result": [{"type": "choices", "value": {"choices": ["oak"]}}]},
            ],
        },
        {"data": {"image": "/data/local-files/?d=some%20where/plain.png"}, "annotations": []},
    ]
    found = plan(workspace, project_id, json.dumps(tasks))
    assert by_name(workspace, project_id, found) == {"bäume/eiche.png": "oak"}
    assert found.missing == 3
    coco = {
        "images": [{"id": 7, "file_name": "plain.png"}, {"id": 8, "file_name": "eiche.png"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 2},
            {"id": 2, "image_id": 7, "category_id": 2},
            {"id": 3, "image_id": 8, "category_id": 1},
            {"id": 4, "image_id": 8, "category_id": 2},
        ],
        "categories": [{"id": 1, "name": "tree"}, {"id": 2, "name": "oak"}],
    }
    found = plan(workspace, project_id, json.dumps(coco))
    assert by_name(workspace, project_id, found) == {"plain.png": "oak"}
    assert found.doubled == ("eiche.png",)


def test_many_lines_are_read_and_too_many_named(monkeypatch):
    lines = "".join(f"{number}.png;a\n" for number in range(100_000))
    assert len(read_labels("labels.csv", f"file;label\n{lines}".encode()).lines) == 100_000
    monkeypatch.setattr(reading, "MOST_LINES", 1000)
    with pytest.raises(DatasetError, match="more than 1,000 lines"):
        read_labels("labels.csv", f"file;label\n{lines}".encode())


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a,b,c\n1,2,3\n", b"{", b"[1]", b'{"a": [{}]}'])
def test_a_file_of_no_use_gets_a_sentence(data):
    with pytest.raises(DatasetError, match=r"labels\.csv"):
        read_labels("labels.csv", data)


@given(some.binary(max_size=200) | some.text(max_size=200).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_no_bytes_end_in_anything_but_labels_or_a_sentence(data):
    with suppress(DatasetError):
        assert read_labels("labels.csv", data).lines


def test_a_zip_of_class_folders_comes_back_as_it_was(workspace, project_id, tmp_path):
    write_class_folders(workspace, project_id, tmp_path / "pictures.zip")
    with zipfile.ZipFile(tmp_path / "pictures.zip") as archive:
        assert "dog/d (1).png" in archive.namelist()
    again = create_project(workspace, "Again").id
    offered = with_labels(zip_files(tmp_path / "pictures.zip"))
    assert add(workspace, again, offered).added == len(NAMES)
    here = {one.digest: one.class_name for one in list_images(workspace, project_id)}
    there = {one.digest: one.class_name for one in list_images(workspace, again)}
    assert there == here


def test_an_imagefolder_with_metadata_has_its_labels(workspace, tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("set/train/metadata.csv", "file_name,label\n0.png,cat\n1.png,dog\nx.png,z")
        archive.writestr("set/train/0.png", coloured((1, 2, 3)))
        archive.writestr("set/train/1.png", coloured((9, 2, 3)))
    project = create_project(workspace, "Set").id
    last = add(workspace, project, with_labels(zip_files(path)))
    assert labels_of(workspace, project) == {"set/train/0.png": "cat", "set/train/1.png": "dog"}
    (told,) = last.skipped
    assert told.name == "set/train/metadata.csv" and "2 pictures" in told.reason
