"""Downloads against a small server on this machine that imitates the model hub."""

import dataclasses
import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save

from tl_core.backbones import create_backbone
from tl_core.errors import WeightsUnavailable
from tl_core.runs.catalogue import BUNDLED, Backbone, find, weights_state
from tl_core.runs.events import Progress
from tl_core.service.downloads import download_weights

NAME = "test_resnet.r160_in1k"
FILE = f"/timm/{NAME}/resolve/main/model.safetensors"


class Hub(ThreadingHTTPServer):
    """A model hub with one file, which can be told to misbehave."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content = content
        self.requests = []
        self.hangs_at = None  # "HEAD", "GET" or a number of bytes
        self.let_go = threading.Event()
        self.gave_up = False  # it has let somebody wait as long as it would

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if self._answer():
            hub, content = self.server, self.server.content
            cut = hub.hangs_at if isinstance(hub.hangs_at, int) else len(content)
            self.wfile.write(content[:cut])
            if cut < len(content):
                self.wfile.flush()
                hub.let_go.wait(60)

    def _answer(self) -> bool:
        hub = self.server
        hub.requests.append((self.command, self.path))
        if hub.hangs_at == self.command:
            hub.gave_up = not hub.let_go.wait(60)
            return False
        found = self.path == FILE
        self.send_response(200 if found else 404)
        if found:
            self.send_header("ETag", f'"{hashlib.sha256(hub.content).hexdigest()}"')
            self.send_header("Content-Length", str(len(hub.content)))
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        return found

    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return timm.create_model(NAME).state_dict()


@pytest.fixture
def hub(state, tmp_path, monkeypatch) -> Iterator[Hub]:
    server = Hub(save(state))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _use(server.address, tmp_path, monkeypatch)
    yield server
    server.let_go.set()
    server.shutdown()
    server.server_close()


def _use(address: str, cache: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))


def tiny(**changes: object) -> Backbone:
    entry = dataclasses.replace(find("resnet18"), name=NAME, title="Tiny", input_size=160)
    return dataclasses.replace(entry, **changes)


def test_a_download_ends_in_the_cache_and_is_offline_from_then_on(hub, state) -> None:
    progress = list(download_weights(tiny()))
    assert all(isinstance(step, Progress) and step.phase == "download" for step in progress)
    assert progress[-1].done == progress[-1].total == len(hub.content)
    assert weights_state(tiny()) == "cached"
    asked = len(hub.requests)
    network = create_backbone(tiny())
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert len(hub.requests) == asked


@pytest.mark.parametrize("where", ["HEAD", "GET", 600_000])
def test_a_hub_that_hangs_is_given_up(where, hub, tmp_path) -> None:
    hub.hangs_at = where
    with pytest.raises(WeightsUnavailable, match=r"Tiny.*does not respond.*bundled backbone"):
        list(download_weights(tiny(), patience=2.0))
    assert weights_state(tiny()) == "download"
    assert not list(tmp_path.rglob("*.incomplete"))


def test_progress_shows_the_bytes_that_have_arrived(hub) -> None:
    hub.hangs_at = 600_000
    download = download_weights(tiny(), patience=20.0)
    step = next(step for step in download if step.done)
    assert step.done <= 600_000 < step.total == len(hub.content)
    assert step.seconds_left > 0
    download.close()


def test_whoever_stops_asking_stops_the_download(hub, tmp_path) -> None:
    hub.hangs_at = 600_000
    download = download_weights(tiny(), patience=60.0)
    next(step for step in download if step.done)
    download.close()
    assert not list(tmp_path.rglob("*.incomplete"))
    hub.hangs_at = None
    assert list(download_weights(tiny()))[-1].done == len(hub.content)


def test_no_hub_at_all_is_one_sentence(tmp_path, monkeypatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        _use(f"http://127.0.0.1:{free.getsockname()[1]}", tmp_path, monkeypatch)
        with pytest.raises(WeightsUnavailable, match="does not respond") as caught:
            list(download_weights(tiny(), patience=10.0))
    assert "\n" not in str(caught.value)


def test_a_model_without_readable_weights_is_refused(hub) -> None:
    with pytest.raises(WeightsUnavailable, match="timm/other"):
        list(download_weights(tiny(hub_id="timm/other")))


def test_the_bundled_backbone_has_nothing_to_download() -> None:
    with pytest.raises(ValueError, match="bundled"):
        next(download_weights(find(BUNDLED)))


def test_the_first_step_does_not_wait_for_the_hub(hub) -> None:
    hub.hangs_at = "HEAD"
    download = download_weights(tiny(), patience=60.0)
    assert next(download).done == 0
    assert not hub.gave_up, "it came only after the hub had ended the connection"
    download.close()
