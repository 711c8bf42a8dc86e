"""Stands in for `tl_core.approaches.training` in worker processes that tests start.

It learns nothing, but has the same functions and files: `steps` epochs of `STEP_SECONDS` each, a
checkpoint after every one, from which it goes on.
"""

import sys
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tl_core.errors import DatasetError, RunError
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import EpochResult, Event, Note, PhaseStarted
from tl_core.runs.results.report import Evaluation, Report, write_report

STEP_SECONDS = 0.05
NOTHING_LEARNT, TROUBLE, MISTAKE, FULL_DISK, LONG_STEP = 90_001, 90_002, 90_003, 90_004, 90_005


@dataclass
class Training:
    run_dir: Path
    config: TrainingConfig
    epoch: int = 0
    seen: list[int] = field(default_factory=list)

    @property
    def checkpoint(self) -> Path:
        return self.run_dir / "checkpoint.safetensors"

    def events(self) -> Iterator[Event]:
        yield PhaseStarted("fine_tune")
        if self.config.seed == MISTAKE:
            raise KeyError("who wrote this?")
        if self.config.seed == FULL_DISK:
            raise RuntimeError("Error while serializing: I/O error: No space left on device")
        if self.config.seed == LONG_STEP:
            time.sleep(2.5)
        while self.epoch < (self.config.steps or 1):
            time.sleep(STEP_SECONDS)
            self.epoch += 1
            if self.config.seed != NOTHING_LEARNT:
                self.checkpoint.write_text(str(self.epoch))
            yield EpochResult(
                "fine_tune",
                self.epoch,
                self.config.steps or 1,
                0.5,
                0.5,
                0.5,
                0.5,
                1e-3,
                STEP_SECONDS,
            )

    def finish(self) -> Iterator[Event]:
        if self.config.seed == NOTHING_LEARNT:
            raise RunError("Stopped before anything was learnt.")
        yield PhaseStarted("evaluate")
        evaluation = Evaluation(
            class_names=("a", "b"),
            digests=("0" * 64, "1" * 64),
            labels=np.array([0, 1]),
            probabilities=np.array([[0.9, 0.1], [0.8, 0.2]], np.float32),
            measured_on="test pictures",
        )
        report = Report(
            config=self.config,
            strategy_used="fine-tune",
            features="last",
            evaluation=evaluation,
            seconds={"total": 1.0},
        )
        write_report(self.run_dir, report)
        yield Note(f"evaluated after epoch {self.epoch}")


def prepare_training(workspace, project_id, run_dir, config) -> Training:
    if config.seed == TROUBLE:
        raise DatasetError("Class 'cat' has 1 picture; add more or remove the class.")
    job = Training(run_dir, config)
    if job.checkpoint.exists():
        job.epoch = int(job.checkpoint.read_text())
    return job


def remember(*_training: object) -> None: ...


def approach_named(_name: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(pretrained=True, needs=("labels",))


def stand_in() -> None:
    """Make what trains, and torch itself, cheap ones in this process."""
    for name in ("approaches.training", "approaches.approach", "service.estimates"):
        sys.modules[f"tl_core.{name}"] = sys.modules[__name__]
    torch = types.ModuleType("torch")
    torch.set_num_threads = lambda count: None
    sys.modules["torch"] = torch
