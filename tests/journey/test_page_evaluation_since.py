"""What has changed since a training, and how its model does on new pictures."""

from compute_stand_in import ComputeStandIn
from pictures import coloured
from projects import add, project_with_pictures
from results import finished_run
from sessions import open_app, press, shown, texts

from tl_core.images import SourceFile, assign_class, list_images, set_excluded
from tl_core.runs.results.trained_on import NewPictures, write_trained_on
from tl_core.workspace.storage import Workspace

EVALUATION, IMAGES = "pages/5_evaluation.py", "pages/2_images.py"


def test_new_pictures_are_named_shown_and_tried(workspace: Workspace, compute: ComputeStandIn):
    project = project_with_pictures(each=10)
    run, _ = finished_run(project)
    assert "Trained with" not in texts(open_app(EVALUATION, project)), "of an earlier version"
    write_trained_on(workspace, project.id, workspace.run_dir(project.id, run.id))
    assert "Trained with 20 labels. Nothing has changed since." in texts(
        open_app(EVALUATION, project)
    )
    assert "new" not in {one["id"] for one in shown(open_app(IMAGES, project))["filters"]}

    first, second = list_images(workspace, project.id, class_name="rust", limit=2)
    assign_class(workspace, project.id, [first.id], "healthy")
    set_excluded(workspace, project.id, [second.id], True)
    offered = [
        SourceFile(f"new {n}.png", lambda n=n: coloured((n, 99, 0)), label)
        for n, label in enumerate(("rust", "rust", None))
    ]
    add(workspace, project.id, offered)
    compute.answers["measure_new"] = NewPictures(n=3, unlike=3, labelled=2, correct=1)
    app = open_app(EVALUATION, project)
    assert (
        "Since then: 3 pictures added, 2 pictures labelled, 1 picture relabelled, "
        "1 picture taken out." in texts(app)
    )
    press(app, "Try this model on 3 new pictures")
    assert not app.exception
    assert "1 of 2: 50 %" in texts(app) and "pictures have changed" in texts(app)
    filters = {one["id"]: one for one in shown(open_app(IMAGES, project))["filters"]}
    assert filters["new"]["count"] == 3
