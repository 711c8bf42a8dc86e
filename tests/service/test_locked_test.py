"""Opening the locked part: measured on what nothing learnt from, counted, kept with the run."""

import pytest
from projects import project_with
from trained import tiny_backbone, write_tiny_run

from tl_core import runs
from tl_core.errors import DatasetError, PredictionError
from tl_core.images import draw_locked_test, image_set, locked_test_state
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.results.locked import read_locked_result
from tl_core.service.compute import measure_locked
from tl_core.workspace import Workspace


def finished(workspace: Workspace, project_id: str) -> str:
    config = config_to_json(TrainingConfig(backbone=tiny_backbone()))
    run = runs.start_run(workspace, project_id, config=config, claimed=True)
    write_tiny_run(workspace.run_dir(project_id, run.id), class_names=("ants", "bees"))
    runs.finish_run(workspace, run.id, "done", accuracy=0.5, n_test=4)
    return run.id


def test_an_opening_is_measured_counted_and_kept(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    draw_locked_test(workspace, project_id)
    run_id = finished(workspace, project_id)
    result = measure_locked(str(workspace.root), project_id, run_id)
    assert result.n == len(image_set(workspace, project_id).locked) == 4
    assert 0 <= result.correct <= 4 and result.opened == 1
    assert read_locked_result(workspace.run_dir(project_id, run_id)) == result
    assert measure_locked(str(workspace.root), project_id, run_id).opened == 2
    assert locked_test_state(workspace, project_id).opened == 2


def test_a_run_from_before_the_lock_is_not_measured(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    run_id = finished(workspace, project_id)
    with pytest.raises(DatasetError, match="no locked test set"):
        measure_locked(str(workspace.root), project_id, run_id)
    draw_locked_test(workspace, project_id)
    with pytest.raises(PredictionError, match="Train again"):
        measure_locked(str(workspace.root), project_id, run_id)
    assert locked_test_state(workspace, project_id).opened == 0
