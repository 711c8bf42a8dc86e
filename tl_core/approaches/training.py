"""A training from pictures to a stored model, whatever the approach.

`Training.events` fits, `Training.finish` evaluates and saves the best model so far. Stopping means
to stop asking for events and to call `finish`.
"""

import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import timm
import torch

from tl_core.approaches.approach import Approach, Fitted, Model, approach_named
from tl_core.approaches.fine_tuning import checkpoint_file
from tl_core.approaches.overlap import without_overlap
from tl_core.approaches.task import Task
from tl_core.backbones import create_backbone
from tl_core.backbones.network import save_network
from tl_core.backbones.preprocessing import preprocessing_for
from tl_core.backbones.tensor_file import has_nan
from tl_core.errors import RunError
from tl_core.runs.catalogue import backbone_to_json
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note, PhaseStarted, passed_on
from tl_core.runs.results.report import Report, read_report, write_report
from tl_core.runs.results.trained_on import write_trained_on
from tl_core.workspace.storage import Workspace

PHASES = ("features", "probe", "fine_tune", "evaluate")  # those that a report always has


def prepare_training(
    workspace: Workspace, project_id: str, run_dir: Path, config: TrainingConfig
) -> "Training":
    """Collect what a training needs and check it before anything is computed.

    Args:
        workspace: Where the project is.
        project_id: Whose pictures.
        run_dir: Where checkpoint, model and report go.
        config: The settings.

    Raises:
        RunError: If there is no such approach, or it has no such option.
        DatasetError: If the pictures and classes do not make a training set.
        WeightsUnavailable: If pretrained weights are asked for and are not on this machine.
    """
    began = time.perf_counter()
    approach = approach_named(config.strategy)
    approach.options_of(config)
    images = approach.image_set(workspace, project_id, config)
    torch.manual_seed(config.seed)  # random weights are drawn here
    backbone = approach.adapt(
        create_backbone(
            config.backbone,
            pretrained=approach.pretrained,
            project_dir=workspace.project_dir(project_id),
        )
    )
    task = Task(
        workspace=workspace,
        project_id=project_id,
        run_dir=run_dir,
        config=config,
        images=images,
        backbone=backbone,
        preprocessing=preprocessing_for(backbone),
    )
    write_trained_on(workspace, project_id, run_dir)
    earlier = read_report(run_dir)  # of the same run, before it was stopped
    return Training(task, approach, began, earlier.seconds if earlier else {})


class Training:
    """One training being carried out: what it has come to so far, what it said, how long it took.

    `model` is the last one that was fitted, None before the first.
    """

    def __init__(
        self, task: Task, approach: Approach, began: float, earlier: Mapping[str, float]
    ) -> None:
        self.task = task
        self.approach = approach
        self.model: Model | None = None
        self.notes: list[str] = []
        self.completed = False
        self._began = began
        self._earlier = earlier  # seconds by phase, before an interruption
        self._phase: str | None = None
        self._phase_began = began
        self._seconds = dict.fromkeys(PHASES, 0.0)

    def events(self) -> Iterator[Event]:
        """Fit; may be left off at any event and then finished."""
        for event in self.approach.train(self.task):
            if isinstance(event, Fitted):
                self.model = event.model
            else:
                yield self._noticed(event)
        self.completed = True

    def finish(self) -> Iterator[Event]:
        """Evaluate the last model and save it with its report.

        Raises:
            RunError: If nothing was learnt yet.
        """
        model = self.model
        if model is None:
            raise RunError(
                "Stopped before there was a model. Resume to continue: what was computed so far "
                "is kept."
            )
        yield self._noticed(PhaseStarted("evaluate"))
        evaluation = yield from passed_on(model.evaluate(), self._noticed)
        findings = model.findings(evaluation) if hasattr(model, "findings") else {}
        work = without_overlap(self.task, model, evaluation)
        evaluation, overlap = yield from passed_on(work, self._noticed)
        yield self._noticed(PhaseStarted("save"))
        network = model.network()
        if has_nan(network.state_dict().values()) or np.isnan(evaluation.probabilities).any():
            raise RunError(
                "The model's weights or answers are not numbers, so nothing was saved. Lower the "
                "learning rates, or choose another backbone: the weights of this one may be "
                "damaged."
            )
        network.unlike = model.unlike()
        save_network(self.task.run_dir / "model.safetensors", network, self._metadata())
        fitted = getattr(model, "fitted", None)  # of a linear probe
        report = Report(
            config=self.task.config,
            strategy_used=model.strategy_used,
            features=network.features_read,
            trial_gain=model.trial_gain,
            trial_kept=model.trial_kept,
            evaluation=evaluation,
            seconds=self._all_seconds(),
            engine=vars(model.engine) if model.engine else {},
            versions={
                "python": platform.python_version(),
                "torch": torch.__version__,
                "timm": timm.__version__,
            },
            notes=tuple(self.notes),
            findings={**overlap, **findings},
            optimism=fitted.optimism if fitted else None,
            candidates=tuple((*key, score) for key, score in fitted.scores.items())
            if fitted
            else (),
        )
        write_report(self.task.run_dir, report)
        if self.completed:  # a stopped run may be resumed
            checkpoint_file(self.task).unlink(missing_ok=True)

    def _noticed(self, event: Event) -> Event:
        """Keep notes, and the seconds of the phase that ends here."""
        if isinstance(event, Note):
            self.notes.append(event.text)
        elif isinstance(event, PhaseStarted):
            now = time.perf_counter()
            if self._phase:
                before = self._seconds.get(self._phase, 0.0)
                self._seconds[self._phase] = before + now - self._phase_began
            self._phase, self._phase_began = event.phase, now
        return event

    def _metadata(self) -> dict:
        return {
            "class_names": list(self.task.images.class_names),
            "backbone": backbone_to_json(self.task.config.backbone),
            "preprocessing": self.task.preprocessing.to_json(),
            **getattr(self.model, "metadata", {}),
        }

    def _all_seconds(self) -> dict[str, float]:
        """Return the seconds of every phase; what came before an interruption counts as well."""
        seconds = {phase: self._seconds[phase] for phase in PHASES}
        seconds["fine_tune"] += self._seconds.get("trial", 0.0)
        seconds["total"] = time.perf_counter() - self._began
        seconds = {name: value + self._earlier.get(name, 0.0) for name, value in seconds.items()}
        unseen = self.model.learning_seconds - seconds["fine_tune"]
        if unseen > 0:  # of a process that was killed before it reported
            seconds["fine_tune"] += unseen
            seconds["total"] += unseen
        return {name: round(value, 3) for name, value in seconds.items()}
