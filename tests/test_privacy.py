"""Nothing that a training loads, computes or converts calls anybody outside this machine."""

import os
import subprocess
import sys
from pathlib import Path

from pictures import write_stripes

from tl_core.features import openvino
from tl_core.runs.processes import environment
from tl_core.workspace import open_workspace
from tl_core.workspace.machine_memo import networks_dir

ROOT = Path(__file__).parents[1]

# Loaded by every Python process of the training before anything else, its children included.
WATCHING = """
import os, socket

def local(host):
    host = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    return host in ("localhost", "::1", "0.0.0.0", "::") or host.startswith("127.")

def outside(what, host):
    with open(os.environ["CALLS"], "a", encoding="utf-8") as calls:
        calls.write(f"{what} {host}\\n")
    raise OSError("no calls outside")

def watched(original, what):
    def connect(self, address):
        if self.family != getattr(socket, "AF_UNIX", None) and not local(address[0]):
            outside(what, address)
        return original(self, address)
    return connect

def looked_up(original, what):
    def look_up(host, *args, **kwargs):
        return original(host, *args, **kwargs) if local(host) else outside(what, host)
    return look_up

for name in ("connect", "connect_ex"):
    setattr(socket.socket, name, watched(getattr(socket.socket, name), name))
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, looked_up(getattr(socket, name), name))
"""

# Conversion pays for any number of pictures, so that OpenVINO takes part where it is installed.
TRAINING = """
import sys
from tl_core.features import engine
from tl_core.__main__ import main
engine.CONVERTING_PAYS = 1
sys.exit(main(sys.argv[1:]))
"""

IN_AUTOMATION = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "JENKINS_URL", "TRAVIS")  # some stay silent


def calls_of(code: str, *arguments: str, folder: Path) -> list[str]:
    """Run code as the app's workers run, in a fresh home; return the calls it tried to make."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(WATCHING, encoding="utf-8")
    calls = folder / "calls"
    env = {k: v for k, v in environment(threads=2, offline=True).items() if k not in IN_AUTOMATION}
    env |= {"CALLS": str(calls), "HOME": str(folder), "USERPROFILE": str(folder)}
    env["PYTHONPATH"] = os.pathsep.join([str(folder / "site"), env["PYTHONPATH"]])
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


def test_the_watch_sees_a_call(tmp_path):
    code = """
import socket, urllib.request
for call in (
    lambda: urllib.request.urlopen("http://example.org"),
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
):
    try:
        call()
    except OSError:
        pass
"""
    calls = calls_of(code, folder=tmp_path)
    assert len(calls) == 2
    assert "example.org" in calls[0]
    assert "192.0.2.1" in calls[1]


def test_a_training_makes_no_outside_connection(tmp_path):
    pictures = write_stripes(tmp_path / "pictures", each=6)
    workspace = open_workspace(tmp_path / "workspace")
    arguments = ["train", str(pictures), "--workspace", str(workspace.root)]
    arguments += ["--strategy", "fine-tune"]
    assert calls_of(TRAINING, *arguments, folder=tmp_path) == []
    converted = list(networks_dir(workspace).glob("*.xml"))
    assert bool(converted) == openvino.is_installed(), "it took part"
