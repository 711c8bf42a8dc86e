"""Nothing that the app runs calls anybody outside this machine or leaves files about.

Whole processes are watched, their children included: what Python asks for everywhere, and by
strace, where it is there, what native libraries do behind Python's back.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pictures import write_stripes

from tl_core.features import openvino
from tl_core.workspace import open_workspace
from tl_core.workspace.machine_memo import networks_dir

ROOT = Path(__file__).parents[1]

# Loaded by every Python process before anything else, its children included.
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

STRACE = shutil.which("strace")
CALLS = "connect,sendto,sendmsg,sendmmsg"
FILES = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2"
ADDRESS = re.compile(r"sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|AF_INET6, )\"([^\"]+)\"")
NAMESERVER = "53"  # also one on this machine asks others
WRITES = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|mkdir|rename|creat\(")
PATH = re.compile(r'"(/[^"]*)"')

IN_AUTOMATION = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "JENKINS_URL", "TRAVIS")  # some stay silent
ASKED_FOR = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")


@dataclass(frozen=True)
class Seen:
    """Calls that processes tried to make, and files outside of their folder that they wrote."""

    calls: list[str]
    files: set[str]


def watch(command: list[str], folder: Path) -> Seen:
    """Run a command with an empty home in `folder`; it finds what it needs by absolute paths."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(WATCHING, encoding="utf-8")
    calls, trace = folder / "calls", folder / "trace"
    for name in ("home", "temporary"):
        (folder / name).mkdir(exist_ok=True)
    env = {name: os.environ[name] for name in os.environ if name not in IN_AUTOMATION + ASKED_FOR}
    env |= dict.fromkeys(("HOME", "USERPROFILE"), str(folder / "home"))
    env |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder / "temporary"))
    env |= {"CALLS": str(calls), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "2"}
    env["PYTHONPATH"] = os.pathsep.join([str(folder / "site"), str(ROOT)])
    env["TL_WORKSPACE"] = str(folder / "workspace")
    if STRACE:
        options = ["-f", "-qq", "-s", "300", "-e", f"trace={CALLS},{FILES}", "-o", trace]
        command = [STRACE, *options, *command]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
    if not STRACE:
        return Seen(found, set())
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    return Seen(found + [line for line in lines if calls_outside(line)], written(lines, folder))


def calls_outside(line: str) -> bool:
    address = ADDRESS.search(line)
    if address is None:
        return False
    port, host = address.groups()
    return port == NAMESERVER or not (host.startswith(("127.", "0.0.0.0")) or host in ("::1", "::"))


def written(lines: list[str], folder: Path) -> set[str]:
    """Return the files outside of `folder` that these lines wrote; devices are none."""
    paths = {
        path
        for line in lines
        if WRITES.search(line) and not re.search(r"= -1 E|EXCL.*/dev/", line)
        for path in PATH.findall(line)
    }
    return {
        path
        for path in paths
        if not path.startswith(("/dev/", "/proc/", "/sys/")) and folder not in Path(path).parents
    }


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


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
    calls = watch(python(code), tmp_path).calls
    assert len(calls) == 2
    assert "example.org" in calls[0]
    assert "192.0.2.1" in calls[1]


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_the_watch_sees_what_native_libraries_do(tmp_path):
    (tmp_path / "watched").mkdir()
    code = """
import _socket, os, sys
native = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
native.connect(("192.0.2.1", 80))
for folder in (os.environ["HOME"], sys.argv[1]):
    open(f"{folder}/event store", "w").close()
"""
    seen = watch(python(code, tmp_path), tmp_path / "watched")
    assert len(seen.calls) == 1 and "192.0.2.1" in seen.calls[0]
    assert seen.files == {str(tmp_path / "event store")}


# Conversion pays for any number of pictures, so that OpenVINO takes part where it is installed.
COMMANDS = """
import sys
from pathlib import Path
from tl_core.__main__ import main
from tl_core.features import engine
from tl_core.runs.compute_client import call
engine.CONVERTING_PAYS = 1
pictures, out = map(Path, sys.argv[1:])
def run(*arguments):
    assert main([str(one) for one in arguments]) == 0, arguments
run("train", pictures, "--strategy", "fine-tune", "--report", out / "report.json")
run("assess", pictures, "--report", out / "assessment.json")
model = next(out.glob("workspace/projects/*/runs/*/model.safetensors")).parent
run("export", model, out / "exported")
run("predict", out / "exported" / "model.onnx", pictures, "--output", out / "answers.csv")
picture = next(pictures.rglob("*.png"))
ids = (model.parents[1].name, model.name)
assert call("predict", str(out / "workspace"), *ids, [(picture.name, picture.read_bytes())])
"""

# A visit as a browser makes it: the server runs the page's script for it.
VISIT = """
import subprocess, sys, urllib.request, socket, time
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = str(free.getsockname()[1])
options = ["--server.port", port, "--server.headless", "true"]
server = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", *options])
for _ in range(600):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
        break
    except OSError:
        time.sleep(0.1)

with connect(f"ws://127.0.0.1:{port}/_stcore/stream", max_size=None) as page:
    asked = BackMsg()
    asked.rerun_script.query_string = ""
    page.send(asked.SerializeToString())
    while ForwardMsg.FromString(page.recv(timeout=120)).WhichOneof("type") != "script_finished":
        pass
server.terminate()
server.wait()
"""


def test_no_command_and_no_computation_calls_anybody_or_leaves_files_about(tmp_path):
    pictures = write_stripes(tmp_path / "pictures", each=6)
    seen = watch(python(COMMANDS, pictures, tmp_path), tmp_path)
    assert seen == Seen([], set())
    converted = list(networks_dir(open_workspace(tmp_path / "workspace")).glob("*.xml"))
    assert bool(converted) == openvino.is_installed(), "it took part"
    exported = [tmp_path / "exported" / "predict.py", next(pictures.rglob("*.png"))]
    assert watch([sys.executable, *exported], tmp_path) == Seen([], set())
    assert list((tmp_path / "home").rglob("*")) == []


def test_the_server_calls_nobody_and_leaves_no_files_about(tmp_path):
    assert watch(python(VISIT), tmp_path) == Seen([], set())
    assert list((tmp_path / "home").rglob("*")) == []
