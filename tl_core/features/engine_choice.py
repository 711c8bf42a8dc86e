"""The fastest way this machine has to run a frozen network, checked before it is used.

The winner of `engine_race` is remembered, per machine and network. This knows when a conversion
pays; nothing of files of pictures, caches or labels.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.backbones.cut_network import CutNetwork
from tl_core.backbones.folding import FeatureReader
from tl_core.backbones.preprocessing import Preprocessing
from tl_core.features import openvino
from tl_core.features.device import device, machine_memo
from tl_core.features.engine import Engine, EngineChoice, Values
from tl_core.features.engine_race import (
    GPU_CANDIDATES,
    NO_ENGINE,
    OPENVINO_CANDIDATES,
    TORCH_CANDIDATES,
    Race,
)
from tl_core.workspace.machine_memo import MachineMemo, networks_dir
from tl_core.workspace.storage import Workspace

CONVERTING_PAYS = 600  # pictures from which on a network is converted in any case
CONVERTING_SECONDS, CONVERTING_SAVES = 1.5, 0.6  # what it costs; the share of time it saves


def fastest_engine(
    backbone: nn.Module,
    preprocessing: Preprocessing,
    sample: Tensor | Callable[[], Tensor],
    *,
    name: str,
    workspace: Workspace,
    pictures: int = 0,
    precision: str | None = None,
) -> Engine:
    """Return the fastest engine whose features (its only value) agree with plain float32.

    Args:
        backbone: timm model without classifier.
        preprocessing: What the backbone expects.
        sample: uint8 crops of real pictures, shape (N, 3, S, S), N at least 1, or what reads them;
            timed and compared.
        name: What the choice is remembered under: the weights' name.
        workspace: Keeps choices for this machine, and converted networks.
        pictures: How many there are to look at. Where that pays, the network is converted for
            OpenVINO if it was not before.
        precision: Wanted rather than speed, for values that are to lie beside others; still it
            must agree.
    """
    race = Race(FeatureReader(backbone), preprocessing, sample, precision)
    return _fastest(race, name=name, workspace=workspace, pictures=pictures)


def fastest_front(
    halves: CutNetwork,
    preprocessing: Preprocessing,
    sample: Tensor | Callable[[], Tensor],
    *,
    name: str,
    workspace: Workspace,
    pictures: int = 0,
    precision: str | None = None,
) -> Engine:
    """Return the fastest engine for a network's front that agrees with plain float32.

    Its values must agree, and so must the logits that the back makes of them. `name` says which
    weights and where the cut is; the other arguments are those of `fastest_engine`.
    """

    @torch.inference_mode()
    def behind(values: Values) -> np.ndarray:
        place = next(halves.back.parameters()).device
        halves.back.eval()
        return halves.back(*(torch.from_numpy(v).to(place) for v in values)).cpu().numpy()

    race = Race(halves.front, preprocessing, sample, precision, behind)
    return _fastest(race, name=name, workspace=workspace, pictures=pictures)


def _fastest(race: Race, *, name: str, workspace: Workspace, pictures: int) -> Engine:
    """Return the engine that is remembered, or hold the race and remember its winner."""
    memo, file = machine_memo(workspace), None
    if device() == "cpu" and openvino.is_installed():
        file = openvino.network_file(networks_dir(workspace), name)
    if file is None or not file.exists():
        key = _key(name, None, race.precision)
        best = _known(race, memo, key)
        if best is None:
            best = race.run(TORCH_CANDIDATES if device() == "cpu" else GPU_CANDIDATES, None)
            memo.put(key, asdict(best.choice))
        if file is None or not _converting_pays(best.choice, pictures):
            return best
    key = _key(name, file, race.precision)
    if known := _known(race, memo, key, file):
        return known
    if race.exact is None:
        race.run(TORCH_CANDIDATES, None)
    best = race.run(OPENVINO_CANDIDATES, file)
    memo.put(key, asdict(best.choice))
    return best


def _converting_pays(choice: EngineChoice, pictures: int) -> bool:
    seconds = pictures / max(choice.pictures_per_second, 1e-3)
    return pictures >= CONVERTING_PAYS or seconds * CONVERTING_SAVES > CONVERTING_SECONDS


def _key(name: str, converted: Path | None, precision: str | None) -> str:
    facts = [
        name,
        f"torch {torch.__version__}",
        "with OpenVINO" if converted else "torch alone",
        *([f"only {precision}"] if precision else []),
    ]
    return " | ".join(facts)


def _known(race: Race, memo: MachineMemo, key: str, converted: Path | None = None) -> Engine | None:
    """Return the engine that was chosen before, if it can be had."""
    with suppress(*NO_ENGINE):  # a TypeError, too, if nothing is known or something else is
        choice = EngineChoice(**memo.get(key))
        return Engine(race.frozen, race.preprocessing, choice, converted=converted)
    return None
