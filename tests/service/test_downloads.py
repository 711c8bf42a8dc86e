import urllib.error
from pathlib import Path

import pytest
from pictures import picture

from tl_core import runs
from tl_core.errors import StorageFull, WeightsUnavailable
from tl_core.images import list_classes
from tl_core.images.samples import SAMPLES, sample_set
from tl_core.runs.catalogue import CATALOGUE, backbone_to_json
from tl_core.runs.events import Progress
from tl_core.service import download_process, downloads, execution
from tl_core.workspace import create_project

KINDS = ("download-weights", "download-sample")
DOWNLOADED = [sample.key for sample in SAMPLES if sample.source == "download"]


@pytest.fixture
def project(workspace):
    return create_project(workspace, "Land").id


def execute(workspace, project, kind, config):
    run = runs.start_run(workspace, project, kind=kind, config=config)
    events = list(execution.execute(workspace, runs.claim_next(workspace, KINDS)))
    return runs.get_run(workspace, run.id), events


def write_eurosat(folder, **classes):
    """Write what torchvision leaves behind after a download."""
    for name, count in classes.items():
        (folder / "eurosat" / "2750" / name).mkdir(parents=True)
        for number in range(count):
            (folder / "eurosat" / "2750" / name / f"{number:02}.jpg").write_bytes(picture())


def test_pictures_are_chosen_evenly_and_at_most_so_many_per_class(tmp_path):
    write_eurosat(tmp_path, Forest=9, River=2)
    sent = []
    download_process.download_sample(sent.append, "eurosat", str(tmp_path), "3")
    ((kind, pictures),) = sent
    assert kind == "done"
    chosen = [(path.rpartition("/")[2], name) for path, name in pictures]
    assert chosen == [
        ("00.jpg", "Forest"),
        ("03.jpg", "Forest"),
        ("06.jpg", "Forest"),
        ("00.jpg", "River"),
        ("01.jpg", "River"),
    ]


@pytest.mark.parametrize(
    "error, kind",
    [
        (urllib.error.URLError("no route"), "unreachable"),
        (TimeoutError("silence"), "unreachable"),
        (OSError(28, "No space left on device"), "full"),
        (RuntimeError("File not found or corrupted."), "damaged"),
    ],
)
def test_what_went_wrong_is_told_by_its_kind(tmp_path, monkeypatch, error, kind):
    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr("torchvision.datasets.EuroSAT", fail)
    sent = []
    download_process.download_sample(sent.append, "eurosat", str(tmp_path), "3")
    assert [one[0] for one in sent] == [kind]


@pytest.mark.parametrize("key", DOWNLOADED)
def test_every_sample_to_download_has_its_reader(key, tmp_path, monkeypatch):
    for name in ("OxfordIIITPet", "Flowers102", "EuroSAT", "DTD"):
        monkeypatch.setattr(f"torchvision.datasets.{name}", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(download_process._pictures(key, tmp_path))


def test_a_sample_is_added_to_the_project_and_its_archive_removed(
    workspace, project, tmp_path, monkeypatch
):
    write_eurosat(tmp_path, Forest=3, River=2)

    def followed(arguments, *, arrived, total, **_rest):
        (Path(arguments[2]) / "EuroSAT.zip").write_bytes(b"large")
        yield Progress("download", arrived(), total)
        files = sorted((tmp_path / "eurosat").rglob("*.jpg"))
        return [(str(path), path.parent.name) for path in files]

    monkeypatch.setattr(downloads, "_followed", followed)
    run, events = execute(workspace, project, "download-sample", {"sample": "eurosat"})
    assert run.state == "done"
    counts = {entry.name: entry.images for entry in list_classes(workspace, project)}
    assert counts == {"Forest": 3, "River": 2}
    assert not list((workspace.root / "downloads").iterdir())
    assert Progress("download", len(b"large"), sample_set("eurosat").download_bytes) in events


def test_without_a_network_a_sample_fails_with_one_sentence(workspace, project, monkeypatch):
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    run, _ = execute(workspace, project, "download-sample", {"sample": "eurosat"})
    assert run.state == "failed"
    assert "does not respond" in run.message and "needs no download" in run.message


def test_a_full_disk_is_told(workspace, project, monkeypatch):
    def followed(_arguments, *, trouble, **_rest):
        raise trouble("full", "")
        yield

    monkeypatch.setattr(downloads, "_followed", followed)
    with pytest.raises(StorageFull, match="Free some space"):
        list(downloads.download_sample(workspace, project, "dtd"))


def test_an_unknown_sample_is_a_sentence(workspace, project):
    run, _ = execute(workspace, project, "download-sample", {"sample": "unicorns"})
    assert run.state == "failed" and "unicorns" in run.message


def weights_config():
    return {"backbone": backbone_to_json(CATALOGUE[1])}


def test_weights_are_downloaded_with_progress(workspace, project, monkeypatch):
    def download(backbone):
        yield Progress("download", 5, 10)
        yield Progress("download", 10, 10)

    monkeypatch.setattr(downloads, "download_weights", download)
    run, events = execute(workspace, project, "download-weights", weights_config())
    assert run.state == "done"
    assert events[-1] == Progress("download", 10, 10)


def test_weights_that_cannot_be_had_fail_with_their_sentence(workspace, project, monkeypatch):
    def download(backbone):
        yield Progress("download", 0, 10)
        raise WeightsUnavailable("The hub does not respond.")

    monkeypatch.setattr(downloads, "download_weights", download)
    run, _ = execute(workspace, project, "download-weights", weights_config())
    assert (run.state, run.message) == ("failed", "The hub does not respond.")


def test_a_stopped_download_ends_at_once(workspace, project, monkeypatch):
    closed = []

    def download(backbone):
        try:
            while True:
                yield Progress("download", 1, 10)
        finally:
            closed.append(True)

    monkeypatch.setattr(downloads, "download_weights", download)
    run = runs.start_run(workspace, project, kind="download-weights", config=weights_config())
    for _event in execution.execute(workspace, runs.claim_next(workspace, KINDS)):
        runs.request_stop(workspace, run.id)
    assert runs.get_run(workspace, run.id).state == "stopped"
    assert closed
