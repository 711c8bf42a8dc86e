"""What a network does with one picture, as pictures for a page: views, heat, activations."""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from tl_core.backbones import create_backbone
from tl_core.backbones.group_outputs import GroupOutputs
from tl_core.backbones.network import TransferNetwork, load_network
from tl_core.backbones.preprocessing import Preprocessing, prepare, preprocessing_for
from tl_core.errors import DatasetError
from tl_core.features.decoding import augmented_file
from tl_core.images import get_images, image_path, read_picture, read_untrusted
from tl_core.runs.catalogue import Backbone
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

DRAWN = 4  # views for each that is shown
TILE = 64  # pixels of one channel's map


def preview_augmentation(
    root: str, project_id: str, digest: str, names: Sequence[str], backbone: Backbone, n: int
) -> list[bytes]:
    """Return one of the project's pictures and `n` random views of it, WebP.

    Of a few views those are shown that differ most from the picture: a flip that was not drawn
    shows nothing.
    """
    path = _picture(open_workspace(Path(root)), project_id, digest)
    preprocessing = preprocessing_for(untrained(backbone))

    def view(names: Sequence[str], number: int) -> Tensor:
        return augmented_file(
            path, tuple(names), preprocessing, seed=0, epoch=number, digest=digest
        )

    plain = view((), 0)
    views = [view(names, number) for number in range(DRAWN * n)]
    views.sort(key=lambda one: -float((one.float() - plain.float()).abs().mean()))
    shown = [plain, *views[:n]]
    return [webp(Image.fromarray(one.permute(1, 2, 0).numpy())) for one in shown]


def group_activations(root: str, project_id: str, digest: str, backbone: Backbone) -> list[bytes]:
    """Return what each layer group of the pretrained backbone makes of a picture, WebP, grey.

    Of each group the four channels that vary most over the picture, side by side: a bright place
    is one that a channel answers to.

    Raises:
        WeightsUnavailable: If the weights are not on this machine.
    """
    workspace = open_workspace(Path(root))
    image = read_picture(_picture(workspace, project_id, digest))
    outputs, preprocessing = _pretrained(backbone, workspace.project_dir(project_id))
    with torch.inference_mode():
        maps = outputs.maps(prepare(image, preprocessing)[None])
    return [webp(_four_channels(one[0])) for one in maps]


def _four_channels(maps: Tensor) -> Image.Image:
    """Return the four most varied of (C, h, w) maps in a square, each from black to white."""
    spread = maps.flatten(1).std(dim=1, correction=0)
    some = maps[spread.topk(min(4, len(maps))).indices]
    low, high = some.amin(dim=(1, 2), keepdim=True), some.amax(dim=(1, 2), keepdim=True)
    grey = ((some - low) / (high - low + 1e-6) * 255).byte()
    tiles = [
        Image.fromarray(one.numpy()).resize((TILE, TILE), Image.Resampling.NEAREST) for one in grey
    ]
    square = Image.new("L", (2 * TILE, 2 * TILE))
    for number, tile in enumerate(tiles):
        square.paste(tile, (number % 2 * TILE, number // 2 * TILE))
    return square


def explain(
    root: str, project_id: str, run_id: str, picture: str | bytes, class_index: int | None = None
) -> bytes:
    """Return a picture with heat where it spoke for a class, WebP.

    Args:
        root: Folder of the workspace.
        project_id: The project.
        run_id: A run with a model.
        picture: The digest of one of the project's pictures, or a stranger's file's content.
        class_index: None explains the class that the model predicts.
    """
    from tl_core.evaluation.explanation import heat_overlay
    from tl_core.export.predictor import model_file

    workspace = open_workspace(Path(root))
    if isinstance(picture, bytes):
        image = read_untrusted(picture)
    else:
        image = read_picture(_picture(workspace, project_id, picture))
    file = model_file(workspace.run_dir(project_id, run_id))
    network, preprocessing = _network(file, file.stat().st_mtime_ns)
    if class_index is None:
        with torch.inference_mode():
            class_index = int(network(prepare(image, preprocessing)[None]).argmax())
    return webp(heat_overlay(network, image, preprocessing, class_index))


QUESTIONS = (preview_augmentation, group_activations, explain)


def _picture(workspace: Workspace, project_id: str, digest: str) -> Path:
    records = get_images(workspace, project_id, [digest])
    if not records:
        raise DatasetError("This picture is no longer in the project. Choose another one.")
    return image_path(workspace, project_id, records[0])


@lru_cache(maxsize=4)
def untrained(backbone: Backbone) -> Any:
    """Return the architecture with random weights: enough for its shape and preprocessing."""
    return create_backbone(backbone, pretrained=False)


@lru_cache(maxsize=2)
def _pretrained(backbone: Backbone, project_dir: Path) -> tuple[GroupOutputs, Preprocessing]:
    network = create_backbone(backbone, project_dir=project_dir)
    return GroupOutputs(network), preprocessing_for(network)


@lru_cache(maxsize=2)
def _network(file: Path, _changed: int) -> tuple[TransferNetwork, Preprocessing]:
    network, metadata = load_network(file)
    return network, Preprocessing.from_json(metadata["preprocessing"])


def webp(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "WEBP", quality=85)
    return content.getvalue()
