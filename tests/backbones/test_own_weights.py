"""Own weights files: taken when they fit, refused with the reason when not, never run."""

import os
import pickle
from argparse import Namespace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import timm
import torch
from safetensors.torch import save_file

from tl_core.backbones import check_weights_file, create_backbone
from tl_core.errors import BackboneError, WeightsUnavailable
from tl_core.runs.catalogue import weights_state

ARCHITECTURE = "test_resnet"


class Malicious:
    def __reduce__(self):
        return os.mkdir, (str(Path(self.folder, "ran")),)


@pytest.fixture
def network() -> torch.nn.Module:
    return timm.create_model(ARCHITECTURE, num_classes=7)


def _save_wrapped(network: torch.nn.Module, path: Path) -> None:
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3, "args": Namespace(lr=0.1)}, path)


SAVERS = {
    "a.safetensors": lambda network, path: save_file(network.state_dict(), path),
    "b.pth": lambda network, path: torch.save(network.state_dict(), path),
    "old.pt": lambda network, path: torch.save(
        network.state_dict(), path, _use_new_zipfile_serialization=False
    ),
    "wrapped.tar": _save_wrapped,
}


@pytest.mark.parametrize("name", SAVERS)
def test_fitting_weights_become_the_backbone(name, network, tmp_path) -> None:
    SAVERS[name](network, tmp_path / name)
    backbone = check_weights_file(tmp_path / name, ARCHITECTURE, project_dir=tmp_path)
    assert backbone.source == "file"
    assert weights_state(backbone, tmp_path) == "file"
    assert backbone.weights_file.startswith("weights/")
    loaded = create_backbone(backbone, project_dir=tmp_path).state_dict()
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in loaded.items())
    assert len(loaded) == len(network.state_dict()) - 2  # without the classifier


def test_weights_of_another_architecture_name_what_does_not_fit(network, tmp_path) -> None:
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(BackboneError, match=r"a\.safetensors does not fit test_vit.*cls_token"):
        check_weights_file(tmp_path / "a.safetensors", "test_vit", project_dir=tmp_path)


def test_another_shape_is_named_with_both_shapes(network, tmp_path) -> None:
    state = {**network.state_dict(), "conv1.0.weight": torch.zeros(5, 3, 3, 3)}
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(BackboneError, match=r"conv1\.0\.weight \(5x3x3x3 instead of"):
        check_weights_file(tmp_path / "a.safetensors", ARCHITECTURE, project_dir=tmp_path)


@pytest.mark.parametrize("protocol", [0, 2, 4, "torch", "network"])
def test_a_pickle_with_code_is_refused_and_not_run(protocol, network, tmp_path) -> None:
    thing = Malicious()
    thing.folder = str(tmp_path)
    path = tmp_path / "weights.pt"
    if protocol == "torch":
        torch.save({"state_dict": thing}, path)
    elif protocol == "network":
        torch.save(network, path)
    else:
        path.write_bytes(pickle.dumps(thing, protocol=protocol))
    with pytest.raises(BackboneError, match=r"weights\.pt contains more than tensors.*not opened"):
        check_weights_file(path, ARCHITECTURE, project_dir=tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\n123", b"PK\x03\x04 cut off", b"\0" * 100]
)
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_files_of_another_kind_are_refused(content, name, tmp_path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BackboneError, match=f"{name} cannot be read as weights"):
        check_weights_file(tmp_path / name, ARCHITECTURE, project_dir=tmp_path)


def test_a_file_without_tensors_is_refused(tmp_path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pt")
    with pytest.raises(BackboneError, match=r"list\.pt holds no named tensors"):
        check_weights_file(tmp_path / "list.pt", ARCHITECTURE, project_dir=tmp_path)


def test_an_unknown_architecture_is_named(tmp_path) -> None:
    with pytest.raises(BackboneError, match="resnet5000"):
        check_weights_file(tmp_path / "a.pt", "resnet5000", project_dir=tmp_path)


def test_a_stored_file_that_changed_is_refused(network, tmp_path) -> None:
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    backbone = check_weights_file(tmp_path / "a.safetensors", ARCHITECTURE, project_dir=tmp_path)
    stored = tmp_path / backbone.weights_file
    save_file(timm.create_model(ARCHITECTURE, num_classes=0).state_dict(), stored)
    with pytest.raises(WeightsUnavailable, match="missing or has changed"):
        create_backbone(backbone, project_dir=tmp_path)


def repacked(path: Path) -> None:
    """Pack the entries of a file of `torch.save`, which never does that itself."""
    with ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_a_file_that_states_more_numbers_than_it_holds_is_refused(network, tmp_path) -> None:
    path, shapes = tmp_path / "a.pth", network.state_dict()
    whole = torch.zeros(max(value.numel() for value in shapes.values()))
    for state in (
        {key: torch.zeros(()).expand(value.shape) for key, value in shapes.items()},
        {key: whole[: value.numel()].view(value.shape) for key, value in shapes.items()},
    ):
        torch.save(state, path)
        with pytest.raises(BackboneError, match="cannot be read as weights"):
            check_weights_file(path, ARCHITECTURE, project_dir=tmp_path)
    torch.save({key: torch.zeros(value.shape) for key, value in shapes.items()}, path)
    repacked(path)
    with pytest.raises(BackboneError, match="cannot be read as weights"):
        check_weights_file(path, ARCHITECTURE, project_dir=tmp_path)
    assert not (tmp_path / "weights").exists()


def test_checking_against_a_giant_takes_no_memory(network, tmp_path) -> None:
    resource = pytest.importorskip("resource")
    path, giant = tmp_path / "a.safetensors", "vit_giant_patch14_224"
    save_file(network.state_dict(), path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BackboneError, match=f"does not fit {giant}"):
        check_weights_file(path, giant, project_dir=tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes
