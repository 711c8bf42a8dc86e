"""Images: groups to agree to, take apart or join; a test part locked and given back."""

import pytest
from pictures import coloured_files
from projects import project_with_pictures
from sessions import open_app, press, primary, texts

from pages.shared.images import groups
from tl_core import images
from tl_core.images import SourceFile, list_groups, locked_test_state
from tl_core.images.groups import grouping
from tl_core.runs.events import result_of

PAGE = "pages/2_images.py"
HEADER = "Copies and series"


@pytest.fixture
def project(workspace):
    made = project_with_pictures(each=8)
    digests = [one.digest for one in images.list_images(workspace, made.id)]
    pairs = [(digests[0], digests[1]), (digests[1], digests[2]), (digests[4], digests[5])]
    images.keep_copies(workspace, made.id, pairs)
    return made


def headers(app) -> list[str]:
    return [header.value for header in app.header]


def test_groups_are_shown_with_what_they_are_for(project):
    app = open_app(PAGE, project)
    assert not app.exception
    assert HEADER in headers(app)
    assert "2 groups of 5 pictures; 2 not checked yet" in texts(app)
    assert primary(app) == ["Next: choose layers"]


def test_agreeing_splitting_and_joining_are_kept(workspace, project):
    app = press(open_app(PAGE, project), "Confirm the group")
    assert not app.exception
    assert [group.accepted for group in list_groups(workspace, project.id)] == [False, True]
    app = press(open_app(PAGE, project), "Merge them")
    (joined,) = list_groups(workspace, project.id)
    assert len(joined.images) == 5
    groups._take_out(project.id, joined.name, [str(joined.images[0].id)])
    assert len(list_groups(workspace, project.id)[0].images) == 4
    app = press(open_app(PAGE, project), "Split the group")
    assert list_groups(workspace, project.id) == []
    assert HEADER not in headers(app)


def test_a_project_too_large_for_the_search_is_told_so(workspace, monkeypatch):
    made = project_with_pictures(each=4)
    assert HEADER not in headers(open_app(PAGE, made))
    monkeypatch.setattr(grouping, "MOST_SEARCHED", 7)
    app = open_app(PAGE, made)
    assert HEADER in headers(app)
    assert "searched for in up to 7 pictures" in texts(app)


def test_file_names_are_proposed_and_only_joined_on_a_yes(workspace):
    made = project_with_pictures(each=4)
    renamed = [
        SourceFile(f"{one.class_name}/<b>leaf{i // 2}</b>_{(i % 2) * 90 + 90}deg.png", one.read,
                   one.class_name)
        for i, one in enumerate(coloured_files(("new", "other"), 6))
    ]  # fmt: skip
    result_of(images.add_images(workspace, made.id, renamed))
    assert "File names" not in texts(open_app(PAGE, made))
    digests = [one.digest for one in images.list_images(workspace, made.id) if "leaf" in one.name]
    images.confirm_names(workspace, made.id, {"endings": [digests]})
    app = open_app(PAGE, made)
    assert not app.exception
    assert "File names and the pictures suggest that" in texts(app)
    assert "Independent groups left to measure with" in texts(app)
    labels = [one.label for one in app.button]
    assert labels.index("No, they are different") < labels.index("Keep them together")
    assert "<b>leaf" not in texts(app)
    assert list_groups(workspace, made.id) == []
    app = press(app, "Keep them together")
    assert not app.exception
    assert list_groups(workspace, made.id)


def test_a_test_part_is_locked_and_given_back(workspace):
    made = project_with_pictures(each=10)
    app = open_app(PAGE, made)
    app.button(key="lock-draw").click().run()
    assert not app.exception
    assert locked_test_state(workspace, made.id).images == 4
    assert any("4 pictures, never opened" in one.label for one in app.expander)
    app.button(key="lock-release").click().run()
    assert locked_test_state(workspace, made.id) is None
