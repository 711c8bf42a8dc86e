"""Images: every way in, what is left out, classes, and who may name a folder of the server."""

import io
import zipfile
from threading import Event

from pictures import coloured, coloured_files, picture
from projects import project_with_pictures
from sessions import NASTY, messages, open_app, open_dialog, press, shown, texts, wait_for_imports

from pages.shared.images.arrivals import start_adding
from pages.shared.images.changes import act
from tl_core.images import (
    SourceFile,
    add_images,
    count_images,
    create_class,
    list_classes,
    list_images,
    list_skipped,
)
from tl_core.runs.events import result_of
from tl_core.workspace import create_project, open_workspace

PAGE = "pages/2_images.py"
RED, BLUE = coloured((200, 0, 0)), coloured((0, 0, 200))


def names(project) -> list[str]:
    return [entry.name for entry in list_classes(open_workspace(), project.id)]


def test_a_folder_becomes_classes_and_what_is_no_picture_is_named(workspace):
    project = create_project(workspace, "Leaves")
    app = open_app(PAGE, project)
    uploads = [
        ("top/cats/a.png", RED, "image/png"),
        ("top/dogs/b.png", BLUE, "image/png"),
        ("top/dogs/notes.txt", b"hello", "text/plain"),
    ]
    app.file_uploader[0].set_value(uploads).run()
    assert not app.exception
    wait_for_imports(project.id)
    app.run()
    assert names(project) == ["cats", "dogs"]
    assert [entry.name for entry in list_skipped(workspace, project.id)] == ["top/dogs/notes.txt"]
    assert "2 pictures added" in messages(app)
    assert "1 file skipped" in messages(app)
    assert not app.file_uploader[0].value


def test_a_zip_with_a_train_level_keeps_its_split(workspace):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("set/train/cats/a.png", RED)
        archive.writestr("set/val/cats/b.png", BLUE)
    project = create_project(workspace, "Leaves")
    app = open_app(PAGE, project)
    app.file_uploader[1].set_value(("set.zip", packed.getvalue(), "application/zip")).run()
    assert not app.exception
    wait_for_imports(project.id)
    assert count_images(workspace, project.id, class_name="cats") == 2


def test_a_damaged_zip_is_answered_with_a_sentence(workspace):
    project = create_project(workspace, "Leaves")
    app = open_app(PAGE, project)
    app.file_uploader[1].set_value(("set.zip", b"no zip", "application/zip")).run()
    assert not app.exception
    assert "is not a ZIP file" in messages(app)


def test_an_import_can_be_stopped_and_says_what_was_not_read(workspace):
    project, go_on = project_with_pictures(), Event()

    def slow() -> bytes:
        go_on.wait(30)
        return picture()

    offered = [SourceFile(f"slow/{number}.png", slow, "slow") for number in range(200)]
    start_adding(workspace, project.id, offered)
    app = open_app(PAGE, project)
    stop = next(button for button in app.button if button.key.startswith("stop-add-"))
    stop.click().run()
    go_on.set()
    wait_for_imports(project.id)
    app.run()
    assert "Stopped" in messages(app) and "files not read" in messages(app)


def test_the_panel_stays_open_between_two_webcam_pictures(workspace):
    def open_panels(app):
        return [panel.label for panel in app.expander if panel.proto.expanded]

    app = open_app(PAGE, project_with_pictures())
    assert open_panels(app) == []
    app.segmented_control(key="adding-way").set_value("Webcam").run()
    assert open_panels(app) == ["Add pictures"]


def test_loose_files_go_into_the_class_that_is_named(workspace):
    project = create_project(workspace, "Leaves")
    create_class(workspace, project.id, NASTY)
    app = open_app(PAGE, project)
    app.segmented_control(key="adding-way").set_value("Single files").run()
    assert not app.file_uploader
    app.selectbox(key="adding-class").set_value(NASTY).run()
    app.file_uploader[0].set_value([("a.png", RED, "image/png")]).run()
    wait_for_imports(project.id)
    assert not app.exception
    assert count_images(workspace, project.id, class_name=NASTY) == 1


def test_names_with_markup_are_shown_as_text(workspace):
    project = project_with_pictures(name=NASTY, class_names=(NASTY, "other"))
    result_of(add_images(workspace, project.id, coloured_files((NASTY,), 1)))
    app = open_app(PAGE, project)
    assert not app.exception
    text = "".join(entry.proto.body for entry in app.get("html"))
    assert "<b>bold" not in text


def test_moving_pictures_and_excluding_them_changes_the_project(workspace):
    project = project_with_pictures()
    first = list_images(workspace, project.id, class_name="healthy")[0]
    act(project.id, "class:rust", [str(first.id)])
    assert count_images(workspace, project.id, class_name="rust") == 4
    act(project.id, "exclude", [str(first.id)])
    assert count_images(workspace, project.id, excluded=True) == 1
    app = open_app(PAGE, project)
    app.button(key="undo").click().run()
    app.button(key="undo").click().run()
    assert not app.exception
    assert count_images(workspace, project.id, class_name="rust") == 3
    assert count_images(workspace, project.id, excluded=True) == 0


def test_the_gallery_shows_all_pictures_when_the_chosen_class_is_gone():
    app = open_app(PAGE, project_with_pictures())
    app.session_state["images-filter"] = "class:gone"
    app.run()
    assert not app.exception
    assert len(shown(app)["tiles"]) == 6
    app.session_state["images-filter"] = "class:rust"
    app.run()
    assert len(shown(app)["tiles"]) == 3


def test_the_gallery_is_paged():
    project = project_with_pictures(each=40)
    app = open_app(PAGE, project)
    assert shown(app)["page"] == {"first": 1, "last": 72, "total": 80}
    app.session_state["images-page"] = 5
    app.run()
    assert shown(app)["page"] == {"first": 73, "last": 80, "total": 80}


def test_a_class_is_renamed_merged_and_deleted(workspace):
    project = project_with_pictures()
    app = open_dialog("images.class_dialogs", "rename", project.id, "rust")
    app.text_input[0].set_value("brown")
    press(app, "Rename")
    assert names(project) == ["brown", "healthy"]
    app = open_dialog("images.class_dialogs", "merge", project.id, "brown", ["healthy"])
    app.selectbox(key="merge-into").set_value("healthy").run()
    press(app, "Merge")
    assert names(project) == ["healthy"]
    app = open_dialog("images.class_dialogs", "delete", project.id, "healthy", 6)
    press(app, "Keep it")
    assert names(project) == ["healthy"]
    press(app, "Delete the class")
    assert names(project) == []
    assert count_images(workspace, project.id, class_name=None) == 6


def test_the_buttons_of_a_class_show_only_with_that_class():
    project = project_with_pictures()
    app = open_app(PAGE, project)
    keys = {"rename-class", "merge-class", "delete-class"}
    assert not keys & {button.key for button in app.button}
    app.session_state["images-filter"] = "class:rust"
    app.run()
    assert keys <= {button.key for button in app.button}


def test_the_next_step_waits_for_two_classes(workspace):
    one = project_with_pictures(class_names=("only",))
    assert open_app(PAGE, one).button(key="next-step").disabled
    two = project_with_pictures()
    assert not open_app(PAGE, two).button(key="next-step").disabled


def test_a_folder_by_path_is_offered_only_if_the_server_was_told_so(workspace):
    app = open_app(PAGE, create_project(workspace, "Leaves"))
    assert "Folder by path" not in app.segmented_control(key="adding-way").options


def test_a_folder_by_path_is_imported_and_none_beside_it(workspace, tmp_path, monkeypatch):
    for name, content in {"cats/a.png": RED, "dogs/b.png": BLUE}.items():
        path = tmp_path / "all" / "set" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    monkeypatch.setenv("TL_SERVER_FOLDER", str(tmp_path / "all"))
    project = create_project(workspace, "Leaves")
    app = open_app(PAGE, project)
    app.segmented_control(key="adding-way").set_value("Folder by path").run()
    for outside in ("/etc", "..", "../../etc", str(tmp_path)):
        app.text_input[0].set_value(outside)
        press(app, "Add this folder")
        assert "is not below" in messages(app)
    app.text_input[0].set_value("set")
    press(app, "Add this folder")
    assert not app.exception
    wait_for_imports(project.id)
    assert names(project) == ["cats", "dogs"]


def test_a_class_counts_and_shows_the_pictures_that_take_part(workspace):
    project = project_with_pictures(each=3)
    first = list_images(workspace, project.id, class_name="rust")[0]
    act(project.id, "exclude", [str(first.id)])
    app = open_app(PAGE, project)
    counts = {one["label"]: one["count"] for one in shown(app)["filters"]}
    assert counts == {"All pictures": 6, "healthy": 3, "rust": 2, "Excluded": 1}
    app.session_state["images-filter"] = "class:rust"
    assert shown(app.run())["page"]["total"] == 2


def test_labels_come_from_a_file_once_alike_spellings_are_settled(workspace):
    project = project_with_pictures(each=2)
    app = open_app(PAGE, project)
    first, *others = [image.name for image in list_images(workspace, project.id)]
    lines = [f"{first};Rust", f"{others[-1]};new one", "nowhere.png;rust"]
    table = "file;label\n" + "\n".join(lines)
    app.file_uploader[-1].set_value(("labels.csv", table.encode(), "text/csv")).run()
    assert "2 pictures have a label in the file; 2 are not in it." in texts(app)
    assert "1 line of the file could not be used." in messages(app)
    use = next(button for button in app.button if button.key == "use-labels")
    assert use.disabled
    app.radio[-1].set_value("They are one class").run()
    press(app, "Use these labels (2 pictures change)")
    assert names(project) == ["healthy", "new one", "rust"]
    found = {one.name: one.class_name for one in list_images(workspace, project.id)}
    assert found[first] == "rust" and found[others[-1]] == "new one"
