"""What a network does with one picture, as pictures for a page: views, heat, activations."""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from tl_core.backbones import create_backbone
from tl_core.backbones.network import TransferNetwork, load_network
from tl_core.backbones.preprocessing import Preprocessing, prepare, preprocessing_for
from tl_core.errors import DatasetError
from tl_core.features.decoding import augmented_file
from tl_core.images import get_images, image_path, read_picture, read_untrusted
from tl_core.runs.catalogue import Backbone
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace


def preview_augmentation(
    root: str, project_id: str, digest: str, names: Sequence[str], backbone: Backbone, n: int
) -> list[bytes]:
    """Return `n` random views of one of the project's pictures, WebP."""
    path = _picture(open_workspace(Path(root)), project_id, digest)
    preprocessing = preprocessing_for(untrained(backbone))
    views = [
        augmented_file(path, tuple(names), preprocessing, seed=0, epoch=number, digest=digest)
        for number in range(n)
    ]
    return [webp(Image.fromarray(view.permute(1, 2, 0).numpy())) for view in views]


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


QUESTIONS = (preview_augmentation, explain)


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
def _network(file: Path, _changed: int) -> tuple[TransferNetwork, Preprocessing]:
    network, metadata = load_network(file)
    return network, Preprocessing.from_json(metadata["preprocessing"])


def webp(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "WEBP", quality=85)
    return content.getvalue()
