"""Signs of life of a run, and whether somebody asked it to stop."""

import threading

from sqlalchemy.exc import SQLAlchemyError

from tl_core import runs
from tl_core.errors import RunError, WorkspaceError
from tl_core.workspace.storage import Workspace

BEAT_SECONDS = 0.25


class Pulse:
    """A thread that keeps the run's heartbeat going, also through a step that takes long.

    `stopping` is set when somebody asked the run to stop, `gone` when the run was deleted or
    taken over; both are only looked at between events.
    """

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self.stopping = threading.Event()
        self.gone = threading.Event()
        self._workspace = workspace
        self._run_id = run_id
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def interrupted(self) -> bool:
        return self.stopping.is_set() or self.gone.is_set()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                if runs.heartbeat(self._workspace, self._run_id):
                    self.stopping.set()
            except RunError:
                self.gone.set()
                return
            except (WorkspaceError, SQLAlchemyError):
                continue  # the database is busy or the disk full; the run itself may go on
