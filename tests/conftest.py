"""What every test may count on: its own workspace, no network, processors shared politely."""

import os

# Before torch is imported anywhere: idle threads sleep instead of spinning.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["TL_MACHINE_CACHE"] = "machine"  # in each test's workspace, not in the user's folder
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import pytest
from hypothesis import settings

# Nothing is asserted about speed: the first example may load what the others use.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def own_workspace(tmp_path, monkeypatch):
    """Let whatever asks for the default workspace find an empty one."""
    monkeypatch.setenv("TL_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def workspace(own_workspace):
    """The test's own workspace, still empty."""
    from tl_core.workspace import open_workspace

    return open_workspace()


@pytest.fixture(scope="session")
def machine_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("machine")


@pytest.fixture(scope="module")
def known_machine(machine_dir):
    """Let all workspaces share what was measured of this machine, and the converted networks."""
    from tl_core.workspace import Workspace

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "machine_dir", property(lambda _: machine_dir))
        yield
