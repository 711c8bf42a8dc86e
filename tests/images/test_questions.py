"""Answers to further questions: by hand, from tables, undone; classes stay as they are."""

import pytest
from pictures import files
from projects import project_with

from tl_core.errors import DatasetError
from tl_core.images import (
    add_picture,
    answers_of,
    delete_question,
    give_answers,
    list_classes,
    list_images,
    list_questions,
    set_excluded,
    undo_last,
)
from tl_core.images.label_files.matching import plan_labels
from tl_core.images.label_files.reading import read_labels
from tl_core.images.label_files.writing import labels_file


@pytest.fixture
def project(workspace):
    return project_with(workspace, ants=3, bees=3)


def ids_of(workspace, project):
    return [one.id for one in list_images(workspace, project)]


def answer(workspace, project, question, given):
    return give_answers(workspace, project, {question: given}, doing="answer")


def plan(workspace, project, text):
    return plan_labels(workspace, project, read_labels("labels.csv", text.encode()))


def test_answers_are_counted_and_each_change_is_undone(workspace, project):
    ids, before = ids_of(workspace, project), list_classes(workspace, project)
    assert answer(workspace, project, "sex", dict.fromkeys(ids[:4], "male")) == 4
    assert answer(workspace, project, "sex", {ids[0]: "female", ids[1]: None, ids[2]: "male"}) == 2
    assert list_questions(workspace, project) == {"sex": {"male": 2, "female": 1}}
    set_excluded(workspace, project, ids[3:4], True)
    assert list_questions(workspace, project) == {"sex": {"male": 1, "female": 1}}
    assert len(answers_of(workspace, project, excluded=None)["sex"]) == 3
    undo_last(workspace, project)
    delete_question(workspace, project, "sex")
    assert list_questions(workspace, project) == {}
    undo_last(workspace, project)
    assert list_questions(workspace, project) == {"sex": {"male": 2, "female": 1}}
    undo_last(workspace, project)
    assert list_questions(workspace, project) == {"sex": {"male": 4}}
    undo_last(workspace, project)
    assert list_questions(workspace, project) == {}
    assert list_classes(workspace, project) == before


def test_answers_go_with_their_pictures_and_stay_in_their_project(workspace, project):
    other = project_with(workspace, ants=2)
    (mine, theirs) = ids_of(workspace, project)[0], ids_of(workspace, other)[0]
    assert answer(workspace, project, "a", {mine: "x", theirs: "x"}) == 1
    new = [one.read() for one in files(new=7)][6]
    assert add_picture(workspace, project, "new.jpg", new, "ants").added == 1
    answer(workspace, project, "a", {ids_of(workspace, project)[-1]: "y"})
    undo_last(workspace, project)
    undo_last(workspace, project)
    assert list_questions(workspace, project) == {"a": {"x": 1}}
    assert list_questions(workspace, other) == {}


@pytest.mark.parametrize(("question", "said"), [("\u202e", "x"), ("a", " "), ("a" * 301, "x")])
def test_what_cannot_be_seen_is_no_answer(workspace, project, question, said):
    with pytest.raises(DatasetError, match="characters"):
        answer(workspace, project, question, {ids_of(workspace, project)[0]: said})


def test_further_columns_of_a_table_are_questions(workspace, project):
    names = [one.name for one in list_images(workspace, project)]
    text = "file,helmet,shade,nobody\n" + "".join(
        f"{name},{['1', '0', ''][n % 3]},{['dark', ''][n % 2]},0\n" for n, name in enumerate(names)
    )
    found = plan(workspace, project, f"{text}gone.jpg,1,dark,0\n")
    assert (found.labels, found.unknown) == ({}, ("gone.jpg",))
    assert list(found.answers["helmet"].values()) == ["yes", "no"] * 2
    assert list(found.answers["shade"].values()) == ["dark"] * 3
    assert set(found.answers["nobody"].values()) == {"no"}
    assert give_answers(workspace, project, found.answers, doing="take answers") == 13
    again = plan(workspace, project, text)
    assert not any(again.new_answers(name) for name in again.answers)
    undo_last(workspace, project)
    assert list_questions(workspace, project) == {}


def test_a_blank_takes_no_answer_back_and_two_answers_are_none(workspace, project):
    (record, *_) = list_images(workspace, project)
    answer(workspace, project, "shade", {record.id: "dark"})
    found = plan(workspace, project, f"file,shade,x\n{record.name},,1\n")
    assert "shade" not in found.answers and found.answers["x"] == {record.id: "yes"}
    found = plan(workspace, project, f"file,shade\n{record.name},dark\n{record.name},light\n")
    assert (found.doubled, found.answers) == ((f"{record.name} (shade)",), {})


def test_a_table_takes_the_answers_along_and_back(workspace, project):
    ids = ids_of(workspace, project)
    given = {"=1+1": dict.fromkeys(ids[:2], "=2"), "shade": {ids[5]: "dark"}}
    give_answers(workspace, project, given, doing="answer")
    before = answers_of(workspace, project)
    written = labels_file(workspace, project, "table").decode()
    undo_last(workspace, project)
    found = plan(workspace, project, written)
    give_answers(workspace, project, found.answers, doing="take answers")
    assert answers_of(workspace, project) == before
    assert not found.changes()
