"""Distance of image sets from the pretraining data, from photographs to steel."""

import tempfile
from pathlib import Path

from benchmarks.measuring.projects import has_pictures
from benchmarks.measuring.table import Measured, Table
from tl_core.assessment.distance import FAR, NEAR, norm_distance, spread_out
from tl_core.backbones import create_backbone
from tl_core.features.device import one_thread_each
from tl_core.images import image_set
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import open_workspace

SETS = {  # in the order that a person would expect
    "pacs/photo": "photographs of things",
    "ants_and_bees/train": "photographs of insects",
    "pacs/art_painting": "paintings of things",
    "trashnet6": "things on a white board",
    "pacs/cartoon": "cartoons of things",
    "plant": "leaves on plain ground",
    "sign_digits": "hands before a white wall",
    "cifar10n/train": "photographs of 32 pixels",
    "brain_mri2": "brain scans",
    "pacs/sketch": "sketches of things",
    "neu_steel6": "steel seen closely",
}
COLUMNS = ("set", "what", "distance", "said")


def measure(data: Path) -> Measured | None:
    there = {name: what for name, what in SETS.items() if (data / name).is_dir()}
    if not has_pictures(data, *there or SETS):
        return None
    network = create_backbone(find(BUNDLED))
    found = {}
    with tempfile.TemporaryDirectory() as folder, one_thread_each():
        workspace = open_workspace(Path(folder))
        for name in there:
            project, _ = project_of_folder(workspace, data / name, None)
            images = image_set(workspace, project).images
            found[name] = norm_distance(network, spread_out(images))
    rows = [
        (name, there[name], f"{found[name]:.2f}", _said(found[name]))
        for name in sorted(found, key=found.get)
    ]
    title = f"Distance from the pretraining data, {BUNDLED}, in standard deviations"
    return Measured([Table(title, COLUMNS, rows)], found)


def _said(distance: float) -> str:
    return "close" if distance < NEAR else "some way" if distance < FAR else "far"
