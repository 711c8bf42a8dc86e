"""A folder of new pictures with its answers: kept, corrected, sorted."""

import io
import zipfile

from tl_core.runs.results import classified
from tl_core.runs.results.answers import Answer, Prediction, save_sure_from, sure_from
from tl_core.runs.results.live import PlaceChange


def said(name: str, healthy: float = 0.9) -> Answer:
    return Answer(name, Prediction(("healthy", "rust"), (healthy, 1 - healthy), 0.5))


def kept_folder(run_dir):
    classified.begin(run_dir, 4)
    classified.keep(run_dir, 0, said("a/one.png"), b"one", b"small")
    classified.keep(run_dir, 1, said("b/one.png"), b"two", b"small")
    classified.keep(run_dir, 2, said("three.png", 0.2), b"three", b"small")
    classified.keep(run_dir, 3, Answer("notes.txt", None, "no picture"), b"", b"")
    return classified.read_classified(run_dir)


def test_answers_are_read_as_they_were_kept(tmp_path):
    found = kept_folder(tmp_path)
    assert found.total == 4
    assert [one.answer for one in found.pictures] == [
        said("a/one.png"), said("b/one.png"), said("three.png", 0.2),
        Answer("notes.txt", None, "no picture"),
    ]  # fmt: skip
    assert [one.class_name for one in found.pictures] == ["healthy", "healthy", "rust", None]
    classified.keep_place(tmp_path, PlaceChange(n=3, distance=1.5))
    assert classified.read_classified(tmp_path).place == PlaceChange(n=3, distance=1.5)


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    kept_folder(tmp_path)
    with (tmp_path / classified.FOLDER / "answers.jsonl").open("ab") as lines:
        lines.write(b'{"number": 4, "na')
    assert len(classified.read_classified(tmp_path).pictures) == 4


def test_a_correction_counts_and_is_put_back_once(tmp_path):
    kept_folder(tmp_path)
    classified.check(tmp_path, {0: "rust", 2: "rust"})
    found = classified.read_classified(tmp_path)
    assert [one.class_name for one in found.pictures[:3]] == ["rust", "healthy", "rust"]
    files = classified.checked_files(tmp_path, found)
    assert [(file.name, file.class_name, file.read()) for file in files] == [
        ("a/one.png", "rust", b"one"), ("three.png", "rust", b"three"),
    ]  # fmt: skip
    classified.mark_added(tmp_path, [0, 2])
    assert classified.checked_files(tmp_path, classified.read_classified(tmp_path)) == []


def test_the_zip_has_a_folder_per_class_and_no_path_of_a_stranger(tmp_path):
    kept_folder(tmp_path)
    classified.keep(tmp_path, 4, said("../../evil.png"), b"evil", b"small")
    classified.check(tmp_path, {2: "../a/b: c."})
    content = classified.sorted_zip(tmp_path, classified.read_classified(tmp_path))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {
        "healthy/one.png": b"one",
        "healthy/1 one.png": b"two",
        ".._a_b_ c/three.png": b"three",
        "healthy/evil.png": b"evil",
    }


def test_a_new_folder_replaces_the_one_before(tmp_path):
    kept_folder(tmp_path)
    classified.begin(tmp_path, 1)
    assert classified.read_classified(tmp_path).pictures == ()
    classified.forget(tmp_path)
    assert classified.read_classified(tmp_path) is None


def test_the_threshold_is_kept_with_the_project(tmp_path):
    assert sure_from(tmp_path) == 0.5
    save_sure_from(tmp_path, 0.8)
    assert sure_from(tmp_path) == 0.8
    (tmp_path / "threshold.json").write_text("{")
    assert sure_from(tmp_path) == 0.5
