"""The warm process that answers pages' short questions: what it offers, and its loop.

Every function takes and returns plain or light values: what goes back to the server must not
make it import torch. Networks are loaded once and shared between calls; none is ever trained.
What takes long to import waits until it is asked for: the live model comes first.
"""

import os
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from PIL import Image

from tl_core import backbones
from tl_core.approaches.approach import approaches
from tl_core.backbones import layer_groups as groups_of_layers
from tl_core.errors import DatasetError, PredictionError, TLCoreError
from tl_core.images import (
    get_images,
    image_path,
    image_set,
    list_classes,
    locked_test_state,
    open_locked_test,
)
from tl_core.runs import get_run
from tl_core.runs.approach import ApproachFacts
from tl_core.runs.catalogue import Backbone, LayerBlock
from tl_core.runs.child import ONLY_LANE, values_from_parent, values_to_parent
from tl_core.runs.compute_client import FROM_MEMORY, LANES
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.results.answers import Answer, mark_tried
from tl_core.runs.results.locked import LockedResult, began_before, write_locked_result
from tl_core.runs.results.onnx_check import Parity
from tl_core.service import estimates, illustrations
from tl_core.service.live import QUESTIONS, models
from tl_core.service.on_demand import (
    find_few_shot,
    find_map,
    find_piles,
    measure_new,
)
from tl_core.workspace import open_workspace


def layer_groups(root: str, project_id: str, backbone: Backbone) -> list[LayerBlock]:
    """Return the backbone's layer groups, and a classifier for the project's classes."""
    classes = max(2, len(list_classes(open_workspace(Path(root)), project_id)))
    network = illustrations.untrained(backbone)
    return [
        LayerBlock(group.name, group.index, group.parameters)
        for group in groups_of_layers.layer_groups(network, num_classes=classes)
    ]


def list_approaches() -> dict[str, ApproachFacts]:
    """Return the facts of every way to transfer, by name."""
    return {name: approach.facts for name, approach in approaches().items()}


def estimate_seconds(root: str, project_id: str, config: TrainingConfig) -> dict:
    """See `estimates.estimate_seconds`."""
    return estimates.estimate_seconds(open_workspace(Path(root)), project_id, config)


def backbone_speeds(
    root: str, project_id: str, chosen: Backbone, others: Sequence[Backbone]
) -> dict[str, float]:
    """Return pictures per second here by name: of the chosen one, and of others if known."""
    workspace = open_workspace(Path(root))
    found = {
        one.name: estimates.pictures_per_second(workspace, project_id, one, measure=one == chosen)
        for one in (chosen, *others)
    }
    return {name: speed for name, speed in found.items() if speed}


def predict(
    root: str, project_id: str, run_id: str, pictures: Sequence[tuple[str, bytes]]
) -> list[Answer]:
    """Return an answer for each (name, content): a prediction, or why there is none.

    Without pictures it only loads the model and wakes it, so that the first ones are answered at
    once.
    """
    from tl_core.export import predictor

    run_dir = _run_dir(root, project_id, run_id)
    if not pictures:
        predictor.answer_pictures(run_dir, [("", illustrations.webp(Image.new("RGB", (320, 240))))])
        return []
    answers = predictor.answer_pictures(run_dir, pictures)
    if any(entry.prediction for entry in answers):
        mark_tried(run_dir)
    return answers


def search_backbones(query: str, limit: int = 30) -> list[Backbone]:
    """See `backbones.search_backbones`."""
    return backbones.search_backbones(query, limit)


def check_weights_file(path: str, architecture: str) -> Backbone:
    """See `backbones.check_weights_file`; the file lies in a project's `weights` folder."""
    file = Path(path)
    return backbones.check_weights_file(file, architecture, project_dir=file.parents[1])


def export_in_place(root: str, project_id: str, run_id: str, total: int) -> Parity:
    """See `export.export_in_place`."""
    from tl_core.export import bundle

    return bundle.export_in_place(_run_dir(root, project_id, run_id), total)


def check_more(root: str, project_id: str, run_id: str, digests: Sequence[str]) -> Parity:
    """See `export.check_more`; the pictures are named by their digests."""
    from tl_core.export import bundle

    workspace = open_workspace(Path(root))
    paths = [
        image_path(workspace, project_id, record)
        for record in get_images(workspace, project_id, digests)
    ]
    return bundle.check_more(_run_dir(root, project_id, run_id), paths)


def measure_locked(root: str, project_id: str, run_id: str) -> LockedResult:
    """Measure a run on the locked test part, count the opening, and keep the result with the run.

    Raises:
        DatasetError: If there is no locked part or nothing is left in it.
        PredictionError: If the run began before the part was locked, so that it may have learnt
            from these pictures.
    """
    from tl_core.export.predictor import Predictor

    workspace = open_workspace(Path(root))
    state = locked_test_state(workspace, project_id)
    if state is not None and began_before(get_run(workspace, run_id), state):
        raise PredictionError(
            "This run started before the test set was locked, so it may have learned from these "
            "pictures. Train again, then open the locked test set for the new run."
        )
    images = image_set(workspace, project_id)
    if state is None or not images.locked:
        raise DatasetError("There is no locked test set. Hold one out on the Images page first.")
    run_dir = workspace.run_dir(project_id, run_id)
    model = Predictor.load(run_dir)
    rows = model.probabilities([image.path for image in images.locked])
    said = [model.class_names[index] for index in rows.argmax(axis=1)]
    true = [images.class_names[image.label] for image in images.locked]
    result = LockedResult(
        correct=sum(a == b for a, b in zip(said, true, strict=True)),
        n=len(true),
        opened=open_locked_test(workspace, project_id),
    )
    write_locked_result(run_dir, result)
    return result


OFFERED: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        layer_groups,
        list_approaches,
        estimate_seconds,
        backbone_speeds,
        predict,
        search_backbones,
        check_weights_file,
        export_in_place,
        check_more,
        measure_locked,
        find_map,
        find_piles,
        measure_new,
        find_few_shot,
        *illustrations.QUESTIONS,
        *QUESTIONS,
    )
}


def _run_dir(root: str, project_id: str, run_id: str) -> Path:
    return open_workspace(Path(root)).run_dir(project_id, run_id)


def answer(question: tuple[str, tuple, dict]) -> tuple[str, Any]:
    """Return ("answer", value), ("trouble", TLCoreError) or ("mistake", traceback)."""
    name, args, kwargs = question
    if name not in OFFERED:
        return "mistake", f"there is no function {name!r}; on offer are {', '.join(OFFERED)}"
    try:
        if LANES.get(name) == FROM_MEMORY:
            return "answer", OFFERED[name](*args, **kwargs)
        with models().answering():
            return "answer", OFFERED[name](*args, **kwargs)
    except TLCoreError as error:
        return "trouble", error
    except Exception:
        print(traceback.format_exc(), flush=True)
        return "mistake", traceback.format_exc()


def main() -> None:
    """Answer questions until the server is gone, each lane's by a thread of its own."""
    send = values_to_parent()
    waiting = {lane: SimpleQueue() for lane in (ONLY_LANE, *LANES.values())}

    def answers(lane: str) -> None:
        while True:
            number, question = waiting[lane].get()
            send((number, *answer(question)), lane)

    for lane in waiting:
        Thread(target=answers, args=(lane,), daemon=True, name=f"answers {lane}").start()
    send("ready")
    for lane, *numbered in values_from_parent():
        waiting[lane].put(numbered)
    os._exit(0)  # whatever the threads are at


if __name__ == "__main__":
    main()
