"""One run: its row with the state, its folder with the event log; who may work on it.

Light. A run is long work that a worker process does: a training or a download. This module
knows how runs are started, claimed, stopped, resumed and found dead; what they do is in
`worker`, what they found out in `reports`.

    queued -> running -> done | failed           a worker claimed it and came to an end
              running -> stopping -> stopped     somebody asked; the best state so far is kept
              running | stopping -> lost         its process is gone
    stopped | failed | lost -> queued            resumed, with its checkpoint and its log
"""

from tl_core.runs.claims import claim_next, count_runs, finish_run, heartbeat, is_mine, release_run
from tl_core.runs.control import (
    delete_run,
    get_run,
    list_runs,
    request_stop,
    resume_run,
    run_traceback,
    start_run,
)
from tl_core.runs.events import append_event, read_events
from tl_core.runs.record import ACTIVE_STATES, RUN_KINDS, STATES, Run

__all__ = [
    "ACTIVE_STATES",
    "RUN_KINDS",
    "STATES",
    "Run",
    "append_event",
    "claim_next",
    "count_runs",
    "delete_run",
    "finish_run",
    "get_run",
    "heartbeat",
    "is_mine",
    "list_runs",
    "read_events",
    "release_run",
    "request_stop",
    "resume_run",
    "run_traceback",
    "start_run",
]
