"""Open the locked test part: let a finished run answer its pictures, and count the opening."""

from tl_core.errors import DatasetError, PredictionError
from tl_core.export.predictor import Predictor
from tl_core.images import image_set, locked_test_state, open_locked_test
from tl_core.runs import get_run
from tl_core.runs.results.report import LockedResult, began_before, write_locked_result
from tl_core.workspace.storage import Workspace


def measure_locked(workspace: Workspace, project_id: str, run_id: str) -> LockedResult:
    """Measure a run on the locked part, count that, and keep the result with the run.

    Raises:
        DatasetError: If there is no locked part or nothing is left in it.
        PredictionError: If the run began before the part was locked, so that it may have learnt
            from these pictures.
    """
    state = locked_test_state(workspace, project_id)
    if state is not None and began_before(get_run(workspace, run_id), state):
        raise PredictionError(
            "This run began before the part was locked, so it may have learnt from these "
            "pictures. Train again, then open the locked part for the new run."
        )
    images = image_set(workspace, project_id)
    if state is None or not images.locked:
        raise DatasetError("There is no locked test part. Put one aside on the Images page first.")
    run_dir = workspace.run_dir(project_id, run_id)
    predictor = Predictor.load(run_dir)
    rows = predictor.probabilities([image.path for image in images.locked])
    said = [predictor.class_names[index] for index in rows.argmax(axis=1)]
    true = [images.class_names[image.label] for image in images.locked]
    result = LockedResult(
        correct=sum(a == b for a, b in zip(said, true, strict=True)),
        n=len(true),
        opened=open_locked_test(workspace, project_id),
    )
    write_locked_result(run_dir, result)
    return result
