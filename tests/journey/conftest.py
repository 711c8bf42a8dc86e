"""What answers the pages' short questions while they are tested."""

import pytest
from compute_stand_in import MADE_UP, ComputeStandIn

from tl_core.runs import compute_client, workers
from tl_core.service import compute as compute_process


@pytest.fixture(autouse=True)
def compute(monkeypatch) -> ComputeStandIn:
    """Give the stand-in that answers at once with what is made up; no process is started."""
    stand_in = ComputeStandIn(MADE_UP)
    monkeypatch.setattr(compute_client, "call", stand_in)
    monkeypatch.setattr(compute_client, "warm", lambda: None)
    monkeypatch.setattr(workers, "ensure_workers", lambda workspace: None)
    monkeypatch.setattr(workers, "start_ahead", lambda workspace: None)
    return stand_in


@pytest.fixture
def compute_here(compute) -> ComputeStandIn:
    """Let the real functions answer, in this process."""
    compute.answers = dict(compute_process.OFFERED)
    return compute


@pytest.fixture
def engine_here(compute) -> ComputeStandIn:
    """Let the real functions answer, but for the live model, whose threads would outlive a test."""
    made_up = {name: value for name, value in MADE_UP.items() if name.startswith("live_")}
    compute.answers = dict(compute_process.OFFERED) | made_up
    return compute
