"""LIGHT: what was asked and what came of it. A run is long work that a worker process does.

catalogue       the pretrained backbones on offer
configuration   the settings of one training
approach        what pages know of a way to transfer
draft           what was chosen in a project for its next training
record          a run as a value: its states, and whether its process is still there
control         the person's side: start, look, stop, resume, delete
claims          the worker's side: claim, show signs of life, write down the end
events          what a run says while it works, and its log
processes       start Python processes of our own
child           speak with a child process
workers         a worker process for every queued run
compute_client  ask the warm compute process
results/        what runs found out
rebuilding      rows for projects of which only the folders are left

    queued -> running -> done | failed           a worker claimed it and came to an end
              running -> stopping -> stopped     somebody asked; the best state so far is kept
              running | stopping -> lost         its process is gone
    stopped | failed | lost -> queued            resumed, with its checkpoint and its log
"""

from tl_core.runs.claims import claim_next, count_runs, finish_run, heartbeat, is_mine, release_run
from tl_core.runs.control import (
    best_runs,
    delete_run,
    get_run,
    list_runs,
    request_stop,
    resume_run,
    run_traceback,
    start_run,
)
from tl_core.runs.events import append_event, read_events
from tl_core.runs.record import ACTIVE_STATES, RUN_KINDS, STATES, Run, best_run
