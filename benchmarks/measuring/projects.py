"""Projects to measure on: made from files, trained by the command line, read from the cache.

A machine that has been measured before is a folder (see `known_machine`): a workspace made from
it knows the engines and converted networks, and nothing of the pictures.
"""

import atexit
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tl_core.images import SourceFile, add_images
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.draft import save_backbone
from tl_core.runs.events import result_of
from tl_core.runs.processes import cores, environment
from tl_core.workspace import create_project, open_workspace
from tl_core.workspace.storage import Workspace

SMALL, LARGE = (640, 480), (4000, 3000)  # pixels of a drawn picture
ANTS = "ants_and_bees"


def project_with(workspace: Workspace, name: str, files: Iterable[SourceFile]) -> str:
    project = create_project(workspace, name)
    save_backbone(workspace, project.id, find(BUNDLED))
    result_of(add_images(workspace, project.id, files))
    return project.id


def same_pictures(count: int, *, size: tuple[int, int], classes: int = 2) -> Iterator[SourceFile]:
    """Give distinct JPEGs: the same soft picture with another comment in its header.

    Decoding costs what a photograph of that size costs; making them costs nothing.
    """
    content = [_soft(label, size) for label in range(classes)]
    for number in range(count):
        label = number % classes
        comment = f"picture {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        data = content[label][:2] + segment + content[label][2:]
        yield SourceFile(f"{number}.jpg", lambda data=data: data, f"class {label}")


def different_pictures(
    count: int, *, size: tuple[int, int] = SMALL, classes: int = 2
) -> Iterator[SourceFile]:
    """Give soft pictures of which no two look alike; each class has a tint of its own."""
    with ThreadPoolExecutor() as pool:
        contents = pool.map(lambda number: _soft(number, size, number % classes), range(count))
        for number, data in enumerate(contents):
            yield SourceFile(f"{number}.jpg", lambda data=data: data, f"class {number % classes}")


def _soft(seed: int, size: tuple[int, int], tint: int = 0) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    coarse[..., tint % 3] //= 2
    out = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def train(
    train_dir: Path, workspace: Path, *, test_dir: Path | None = None, strategy="probe", seed=0
) -> dict:
    """Train as the command line does, in a process of its own; return its report.

    `report["seconds"]["total"]` is the work from the start of the training to its report.
    """
    report = workspace / "report.json"
    command = ["tl_core", "train", str(train_dir), "--strategy", strategy, "--seed", str(seed)]
    command += ["--workspace", str(workspace), "--report", str(report)]
    if test_dir:
        command += ["--test", str(test_dir)]
    _python(command)
    return json.loads(report.read_text(encoding="utf-8"))


def asked(module: str, *arguments: object, **options: object) -> dict:
    """Run a yardstick in a process of its own; return the JSON that it prints."""
    named = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    output = _python([f"benchmarks.yardsticks.{module}", *map(str, arguments), *named])
    return json.loads(output.splitlines()[-1])


def _python(command: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(threads=cores(), offline=True),
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


@cache
def known_machine(data: Path) -> Path:
    """Measure the machine, once, as the app does while a person looks at the Layers page."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    place = open_workspace(folder)
    files = [
        SourceFile(path.name, path.read_bytes, path.parent.name)
        for kind in sorted((data / ANTS / "train").iterdir())
        for path in sorted(kind.glob("[!.]*"))[:8]
    ]
    project = project_with(place, "machine", files)
    asked("estimated", folder, project, "probe")
    return folder


def workspace_on(machine: Path, folder: Path) -> Path:
    """Return a new, empty workspace on a machine that has been measured before."""
    folder.mkdir(parents=True)
    remember(machine, folder)
    return folder


def remember(workspace: Path, machine: Path) -> None:
    """Carry over what a workspace has found out about this machine."""
    known, place = (Workspace(root).machine_dir for root in (workspace, machine))
    if known.exists():
        shutil.copytree(known, place, dirs_exist_ok=True)


def features_of(
    workspace: Workspace, project_id: str, images: Iterable, *, two_scales: bool = False
) -> Any:
    """Return the bundled network's `FeatureTable` of these pictures."""
    from tl_core.backbones import create_backbone
    from tl_core.backbones.scales import with_two_scales
    from tl_core.features.extraction import extract_features

    bundled = find(BUNDLED)
    network = create_backbone(bundled)
    return result_of(
        extract_features(
            with_two_scales(network) if two_scales else network,
            bundled,
            list(images),
            workspace=workspace,
            project_id=project_id,
        )
    )


def has_pictures(data: Path, *names: str, say: Callable[[str], None] = print) -> bool:
    """Whether the sets are there; say which one is not."""
    for name in names:
        if not (data / name).is_dir():
            say(f"no pictures in {data / name}; give the folder with --data")
            return False
    return True
