"""Home: what a person sees first, one click to sample images, and the list of projects."""

from projects import project_with_pictures
from results import begun_run
from sessions import (
    APP,
    NASTY,
    messages,
    open_app,
    open_dialog,
    press,
    primary,
    texts,
    wait_for_imports,
)
from streamlit.testing.v1 import AppTest

from tl_core.images import count_images, list_classes
from tl_core.images.samples import SAMPLES, sample_of
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.draft import chosen_backbone, save_backbone
from tl_core.workspace import create_project, list_projects, open_project, open_workspace


def test_home_says_what_this_is_and_has_one_primary_button():
    app = open_app()
    assert not app.exception
    assert "image classifier on your own pictures" in app.title[0].value
    assert primary(app) == ["Try it with sample pictures"]


def test_one_click_makes_a_project_of_sample_images(workspace):
    app = open_app()
    app.button(key="try-sample").click().run()
    assert not app.exception
    (project,) = list_projects(workspace)
    assert chosen_backbone(open_project(workspace, project.id)) == CATALOGUE[0]
    wait_for_imports(project.id)
    assert count_images(workspace, project.id) >= 50
    assert len(list_classes(workspace, project.id)) >= 2
    assert app.title[0].value == "Your model"


def test_a_second_click_on_the_sample_button_opens_the_same_project(workspace):
    app = open_app()
    app.button(key="try-sample").click().run()
    (project,) = list_projects(workspace)
    app.switch_page("pages/home.py").run()
    app.button(key="try-sample").click().run()
    assert len(list_projects(workspace)) == 1
    assert app.query_params["project"] in (project.id, [project.id])
    assert app.title[0].value == "Your model"


def test_two_people_who_try_the_sample_get_a_project_each(workspace):
    apps = [open_app(), open_app()]
    for app in apps:
        app.button(key="try-sample").click().run()
    named = {project.name: project.id for project in list_projects(workspace)}
    assert set(named) == {SAMPLES[0].title, f"{SAMPLES[0].title} 2"}
    assert [sample_of(name) for name in named] == 2 * [SAMPLES[0]]
    opened = [app.query_params["project"] for app in apps]
    assert opened[0] != opened[1]
    for project_id in named.values():
        wait_for_imports(project_id)
        assert count_images(workspace, project_id) == SAMPLES[0].images


def test_trouble_that_no_page_expects_is_a_sentence_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TL_WORKSPACE", str(tmp_path / "file" / "workspace"))
    app = AppTest.from_file(APP, default_timeout=60).run()
    assert not app.exception
    assert "cannot be created" in messages(app)


def test_a_new_project_gets_its_name_and_the_bundled_backbone(workspace):
    app = open_dialog("home.project_dialogs", "new")
    app.text_input[0].set_value(NASTY)
    press(app, "Create project")
    (project,) = list_projects(workspace)
    assert project.name == NASTY
    assert chosen_backbone(open_project(workspace, project.id)) == CATALOGUE[0]


def test_a_project_without_a_name_is_refused_with_a_sentence(workspace):
    app = press(open_dialog("home.project_dialogs", "new"), "Create project")
    assert list_projects(workspace) == []
    assert "needs a name" in messages(app)


def test_a_project_can_be_renamed(workspace):
    project_with_pictures()
    app = open_dialog("home.project_dialogs", "rename", list_projects(workspace)[0])
    app.text_input[0].set_value("Trees")
    press(app, "Rename")
    assert list_projects(workspace)[0].name == "Trees"


def test_a_project_is_deleted_only_after_a_question(workspace):
    project = project_with_pictures()
    home = open_app()
    home.button(key=f"delete-{project.id}").click().run()
    assert "cannot be undone" in home.markdown[-1].value
    app = open_dialog("home.project_dialogs", "delete", list_projects(workspace)[0])
    press(app, "Keep it")
    assert len(list_projects(workspace)) == 1
    press(app, "Delete it")
    assert list_projects(workspace) == []
    assert not workspace.project_dir(project.id).exists()


def test_names_with_markup_are_shown_as_text():
    project_with_pictures(name=NASTY)
    app = open_app()
    shown = "".join(entry.proto.body for entry in app.get("html"))
    assert "<b>bold</b>" not in shown
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown


def test_opening_a_project_goes_to_its_model_with_the_project_in_the_address():
    project = project_with_pictures()
    app = open_app()
    app.button(key=f"open-{project.id}").click().run()
    assert app.title[0].value == "Your model"
    assert app.query_params["project"] in (project.id, [project.id])


def test_opening_a_project_without_pictures_goes_to_where_they_are_added(workspace):
    project = create_project(workspace, "Leaves")
    app = open_app()
    app.button(key=f"open-{project.id}").click().run()
    assert app.title[0].value == "Add your pictures"


def test_a_project_says_that_it_is_training():
    project = project_with_pictures()
    save_backbone(open_workspace(), project.id, CATALOGUE[0])
    project = open_project(open_workspace(), project.id)
    assert "Training is under way" not in texts(open_app())
    begun_run(project)
    assert "Training is under way" in texts(open_app())
