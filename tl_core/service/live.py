"""The live models of the compute process: there while somebody looks at their projects.

One thread compares what the database says with what a model knows and fits anew, in milliseconds.
Another looks at pictures, finds copies and prepares, in steps of low priority between which it
steps aside for questions and trainings. Whoever asks is answered from memory.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import torch

from tl_core import runs
from tl_core.errors import TLCoreError, WorkspaceError
from tl_core.runs.processes import cores
from tl_core.runs.results.answers import Answer
from tl_core.runs.results.health import Health
from tl_core.runs.results.live import LabelCurve, LiveAnswer, LiveState, PlaceChange
from tl_core.service.live_model import Known
from tl_core.service.live_project import LiveProject
from tl_core.service.on_demand import growth, health_of, next_labels, place_change
from tl_core.workspace import open_workspace

PATIENCE_SECONDS = 0.1  # for a fit, before whoever asks is told that it is still to come
TURN_SECONDS = 5.0  # of a project, before another one that somebody looks at has its turn
LOOK_SECONDS = 1.0  # how often to see whether a training is at work
MOST_PICTURES = 6000  # in the models that stay in memory
KEEP_SECONDS = 60.0  # after the last question, a model stays there in any case
NICE = 10


class LiveModels:
    """Every live model of this process, and the threads that keep them up to date."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._projects: dict[tuple[str, str], LiveProject] = {}
        self._answering = 0
        self._started = False

    def state(self, root: str, project_id: str) -> LiveState:
        """Return how things stand, and see to it that they move on.

        Raises:
            WorkspaceError: If the project is gone.
        """
        project = self._project(root, project_id)
        with self._turn:
            wanted = project.ask()
            self._turn.notify_all()
            seen = self._turn.wait_for(lambda: project.checked >= wanted, PATIENCE_SECONDS)
        return project.state(up_to_date=seen)

    def answers(
        self, root: str, project_id: str, digests: Sequence[str] | None
    ) -> dict[str, LiveAnswer]:
        return self._project(root, project_id).answers(digests)

    def order(self, root: str, project_id: str, by: str) -> tuple[str, ...]:
        return self._project(root, project_id).order(by)

    def predict(
        self, root: str, project_id: str, pictures: Sequence[tuple[str, bytes]]
    ) -> list[Answer]:
        return self._project(root, project_id).predict(pictures)

    def known(self, root: str, project_id: str) -> Known | None:
        return self._project(root, project_id).known

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While a question is answered that takes computing, nothing is done in the background."""
        with self._turn:
            self._answering += 1
        try:
            yield
        finally:
            with self._turn:
                self._answering -= 1
                self._turn.notify_all()

    def _project(self, root: str, project_id: str) -> LiveProject:
        with self._turn:
            if not self._started:
                self._started = True
                for work in (self._check, self._work):
                    threading.Thread(target=work, daemon=True, name=f"live{work.__name__}").start()
            key = (root, project_id)
            if key not in self._projects:
                self._projects[key] = LiveProject(open_workspace(Path(root)), project_id)
            return self._projects[key]

    def _check(self) -> None:
        """See what has changed in the projects that were asked about, and fit anew."""
        while True:
            with self._turn:
                self._turn.wait_for(lambda: any(one.unchecked for one in self._projects.values()))
                project = next(one for one in self._projects.values() if one.unchecked)
                wanted = project.asked
            try:
                project.check()
            except TLCoreError as error:
                project.fail(error)
            except Exception:
                print(traceback.format_exc(), flush=True)
                project.fail(None)
            with self._turn:
                project.checked = wanted
                self._forget()
                self._turn.notify_all()

    def _forget(self) -> None:
        """Keep the models that were asked about last; features stay on disk."""
        pictures, now = 0, time.monotonic()
        for project in sorted(self._projects.values(), key=lambda one: -one.asked_at):
            pictures += project.size
            if pictures > MOST_PICTURES and now - project.asked_at > KEEP_SECONDS:
                project.release()
        for key in [key for key, one in self._projects.items() if one.gone]:
            del self._projects[key]

    def _work(self) -> None:
        """Do what there is to do for one project after the other."""
        _give_way()
        torch.set_num_threads(cores())
        while True:
            with self._turn:
                self._turn.wait_for(self._next)
                project = self._next()
            self._make_way(project)
            steps = project.work()
            try:
                self._go_on(project, steps)
            except TLCoreError as error:
                project.fail(error)
            except Exception:
                print(traceback.format_exc(), flush=True)
                project.fail(None)
            finally:
                steps.close()  # keeps what was computed
                project.tidy()

    def _go_on(self, project: LiveProject, steps: Iterator[None]) -> None:
        """Go through steps until they end, or until it is somebody else's turn."""
        began = looked = time.monotonic()
        for _step in steps:
            with self._turn:
                self._turn.wait_for(lambda: not self._answering)
            now = time.monotonic()
            if now - looked > LOOK_SECONDS:
                looked = now
                if project.gone or self._training(project):
                    return
            if now - began > TURN_SECONDS and self._next() is not project:
                return

    def _next(self) -> LiveProject | None:
        """Return the project to work on: of those that have work, the last one asked about."""
        waiting = [one for one in self._projects.values() if one.has_work]
        return max(waiting, key=lambda one: one.asked_at, default=None)

    def _make_way(self, project: LiveProject) -> None:
        """Wait until no training is at work on this machine."""
        while not project.gone and self._training(project):
            time.sleep(LOOK_SECONDS)

    @staticmethod
    def _training(project: LiveProject) -> bool:
        with suppress(WorkspaceError):
            return runs.count_runs(project.workspace, ("train",), runs.ACTIVE_STATES) > 0
        return False


def _give_way() -> None:
    """Let this thread, and those that it starts, work only when nobody waits."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own for us to set
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


@cache
def models() -> LiveModels:
    """Return the live models of this process."""
    return LiveModels()


def live_state(root: str, project_id: str) -> LiveState:
    """Return what the live model of a project knows now, and see to it that it moves on."""
    return models().state(root, project_id)


def live_answers(
    root: str, project_id: str, digests: Sequence[str] | None = None
) -> dict[str, LiveAnswer]:
    """Return what it says of these of the project's pictures, or of all, as far as it has."""
    return models().answers(root, project_id, digests)


def live_order(root: str, project_id: str, by: str) -> tuple[str, ...]:
    """Return digests of pictures, the "least sure" first, or those that it "disagrees" with."""
    return models().order(root, project_id, by)


def live_predict(root: str, project_id: str, pictures: Sequence[tuple[str, bytes]]) -> list[Answer]:
    """Return its answer for each (name, content) that need not be in the project."""
    return models().predict(root, project_id, pictures)


def live_place(
    root: str, project_id: str, pictures: Sequence[tuple[str, bytes]] | None = None
) -> PlaceChange | None:
    """Return how far pictures from elsewhere, or those without a class, are from the learnt."""
    known = models().known(root, project_id)
    return place_change(known, pictures) if known and known.model else None


def live_sweep(root: str, project_id: str, count: int, _asked: int = 0) -> tuple[str, ...]:
    """Return digests of pictures to label next; `_asked` tells one question from the next."""
    known = models().known(root, project_id)
    return next_labels(known, count) if known else ()


def live_growth(root: str, project_id: str, _asked: str = "") -> LabelCurve | None:
    """Return what labels have brought so far and may bring; None while that is not known."""
    known = models().known(root, project_id)
    return growth(known) if known else None


def find_health(root: str, project_id: str, _asked: int = 0) -> Health:
    """Return what is wrong with the pictures of now; `_asked` tells one question from the next."""
    return health_of(root, project_id, models().known(root, project_id))


QUESTIONS = (
    live_state,
    live_answers,
    live_order,
    live_predict,
    live_place,
    live_sweep,
    live_growth,
    find_health,
)
