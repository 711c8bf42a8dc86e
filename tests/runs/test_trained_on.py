"""Which labels a training learnt from, and how its model does on what is new since."""

import pytest
from pictures import write_stripes
from projects import add, stripes_project
from trained import own_weights, run_to_end, training_of

from tl_core.images import assign_class, folder_files, list_images, set_excluded
from tl_core.runs.results.trained_on import changes_since, pictures_then
from tl_core.service.on_demand import measure_new

pytestmark = pytest.mark.usefixtures("known_machine")


def test_a_training_notes_its_labels_and_its_model_is_tried_on_new_pictures(tmp_path):
    workspace, project_id = place = stripes_project(tmp_path)
    training = training_of(*place, backbone=own_weights(*place), strategy="recommended")
    run_to_end(training)
    run_dir = workspace.run_dir(project_id, "run")
    assert len(pictures_then(run_dir)) == 16
    since = changes_since(*place, "run")
    assert (since.labels, since.added, since.labelled) == (16, (), {})
    assert measure_new(str(workspace.root), project_id, "run").n == 0

    moved, out = list_images(*place, class_name="class 0", limit=2)
    assign_class(*place, [moved.id], "class 1")
    set_excluded(*place, [out.id], True)
    add(*place, folder_files(write_stripes(tmp_path / "more", each=12)))
    (without, *_rest) = list_images(*place, class_name="class 1", offset=10)
    assign_class(*place, [without.id], None)
    since = changes_since(*place, "run")
    assert len(since.added) == 8 and len(since.labelled) == 7
    assert (since.relabelled, since.gone) == (1, 1)
    found = measure_new(str(workspace.root), project_id, "run")
    assert (found.n, found.labelled) == (8, 7)
    assert found.correct >= 5 and found.unlike is not None
    assert changes_since(*place, "another") is None
