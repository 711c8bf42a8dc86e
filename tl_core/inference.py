"""The fastest way this machine has to run a frozen network, checked before it is used.

Candidates are timed once per machine and network on the person's own pictures; one that strays
from plain float32 is not used. It knows nothing of files of pictures, caches or labels.
"""

import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core import openvino_engine
from tl_core.folding import FeatureReader
from tl_core.fronts import CutNetwork
from tl_core.frozen_engine import Engine, EngineChoice, Values, device, one_thread_each
from tl_core.storage import write_atomic
from tl_core.transforms import Preprocessing

__all__ = ["Engine", "EngineChoice", "device", "fastest_engine", "fastest_front", "one_thread_each"]

LEAST_COSINE, LEAST_MEDIAN_COSINE = 0.995, 0.999
LOGITS_TOLERANCE = 1e-2  # largest change of logits behind a front, relative to the largest of them
# (library, precision, pictures per batch); the first is what the others are compared with
TORCH_CANDIDATES = (("torch", "float32", 4), ("torch", "bfloat16", 8))
OPENVINO_CANDIDATES = (("openvino", "float32", 4), ("openvino", "bfloat16", 4))
GPU_CANDIDATES = (("torch", "float32", 32), ("torch", "float16", 64))
CONVERTING_PAYS = 600  # pictures from which on a network is converted in any case
CONVERTING_SECONDS, CONVERTING_SAVES = 1.5, 0.6  # what it costs; the share of time it saves
QUICK = 0.3  # seconds; a shorter measurement is repeated


def fastest_engine(
    backbone: nn.Module,
    preprocessing: Preprocessing,
    sample: Tensor | Callable[[], Tensor],
    *,
    name: str,
    memory: Path,
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
        memory: JSON file that keeps choices for this machine; missing or damaged is fine.
            Converted networks are kept in a folder beside it.
        pictures: How many there are to look at. Where that pays, the network is converted for
            OpenVINO if it was not before.
        precision: Wanted rather than speed, for values that are to lie beside others; still it
            must agree.
    """
    race = _Race(FeatureReader(backbone), preprocessing, sample, precision)
    return _fastest(race, name=name, memory=memory, pictures=pictures)


def fastest_front(
    halves: CutNetwork,
    preprocessing: Preprocessing,
    sample: Tensor | Callable[[], Tensor],
    *,
    name: str,
    memory: Path,
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

    race = _Race(halves.front, preprocessing, sample, precision, behind)
    return _fastest(race, name=name, memory=memory, pictures=pictures)


@dataclass
class _Race:
    """Engines for one frozen network, timed and compared on the same pictures.

    An engine of the wanted `precision` goes before any other. `behind` turns values into what has
    to agree as well; `exact` are the values of plain float32.
    """

    frozen: nn.Module
    preprocessing: Preprocessing
    sample: Tensor | Callable[[], Tensor]
    precision: str | None
    behind: Callable[[Values], np.ndarray] | None = None
    exact: Values | None = None
    best: Engine | None = None

    def run(self, candidates: Sequence[tuple[str, str, int]], converted: Path | None) -> Engine:
        """Let more candidates run and return the best of all so far."""
        if callable(self.sample):
            self.sample = self.sample()
        for library, precision, batch_size in candidates:
            choice = EngineChoice(precision, batch_size, device(), 0.0, library=library)
            try:
                engine = Engine(self.frozen, self.preprocessing, choice, converted=converted)
                values, speed = timed(engine, self.sample)
            except _NO_ENGINE:
                if self.exact is None:
                    raise
                continue
            self.exact = values if self.exact is None else self.exact
            cosines = _cosines(self.exact, values)
            engine.choice = replace(
                choice,
                pictures_per_second=round(speed, 1),
                cosine_least=round(float(cosines.min()), 5),
                cosine_median=round(float(np.median(cosines)), 5),
            )
            better = self.best is None or self._rank(engine) > self._rank(self.best)
            if better and self._agrees(cosines, values):
                self.best = engine
        return self.best

    def _rank(self, engine: Engine) -> tuple[bool, float]:
        choice = engine.choice
        return self.precision in (None, choice.precision), choice.pictures_per_second

    def _agrees(self, cosines: np.ndarray, values: Values) -> bool:
        if cosines.min() < LEAST_COSINE or np.median(cosines) < LEAST_MEDIAN_COSINE:
            return False
        if self.behind is None:
            return True
        wanted, got = self.behind(self.exact), self.behind(values)
        largest = 1 + np.abs(wanted).max()
        return bool(np.abs(got - wanted).max() <= LOGITS_TOLERANCE * largest)


_NO_ENGINE = (RuntimeError, TypeError, ImportError)  # no kernel for that precision, say


def _fastest(race: _Race, *, name: str, memory: Path, pictures: int) -> Engine:
    """Return the engine that is remembered, or hold the race and remember its winner."""
    file = None
    if device() == "cpu" and openvino_engine.is_installed():
        file = openvino_engine.network_file(memory.with_suffix(""), name)
    if file is None or not file.exists():
        key = _key(name, None, race.precision)
        best = _known(race, memory, key)
        if best is None:
            best = race.run(TORCH_CANDIDATES if device() == "cpu" else GPU_CANDIDATES, None)
            _remember(memory, key, best.choice)
        if file is None or not _converting_pays(best.choice, pictures):
            return best
    key = _key(name, file, race.precision)
    if known := _known(race, memory, key, file):
        return known
    if race.exact is None:
        race.run(TORCH_CANDIDATES, None)
    best = race.run(OPENVINO_CANDIDATES, file)
    _remember(memory, key, best.choice)
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
        f"{torch.get_num_threads()} threads",
        device(),
        platform.node(),
        platform.processor() or platform.machine(),
    ]
    return " | ".join(facts)


def timed(engine: Engine, sample: Tensor) -> tuple[Values, float]:
    """Return the values of the sample and pictures per second, run the way `features` runs them.

    Every batch was run before the clock starts: the first one of a size allocates and plans.
    """
    size = min(engine.choice.batch_size, math.ceil(len(sample) / engine.parallel))
    parts = sample.split(size)
    seconds = math.inf
    with one_thread_each(), ThreadPoolExecutor(engine.parallel) as pool:
        list(pool.map(engine, parts[: engine.parallel]))
        for _attempt in range(2):
            start = time.perf_counter()
            results = list(pool.map(engine, parts))
            seconds = min(seconds, time.perf_counter() - start)
            if seconds > QUICK:
                break
    values = tuple(np.concatenate(column) for column in zip(*results, strict=True))
    return values, len(sample) / seconds


def _cosines(exact: Values, values: Values) -> np.ndarray:
    """Return per picture the least cosine of its values, float64 (N,)."""
    rows = []
    for one, other in zip(exact, values, strict=True):
        a, b = (array.reshape(len(array), -1).astype(np.float64) for array in (one, other))
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        rows.append(np.where(norms > 1e-12, (a * b).sum(axis=1) / np.maximum(norms, 1e-12), 1.0))
    return np.min(rows, axis=0)


def _known(race: _Race, memory: Path, key: str, converted: Path | None = None) -> Engine | None:
    """Return the engine that was chosen before, if it can be had."""
    with suppress(KeyError, *_NO_ENGINE):
        choice = EngineChoice(**_remembered(memory)[key])
        return Engine(race.frozen, race.preprocessing, choice, converted=converted)
    return None


def _remembered(memory: Path) -> dict[str, dict]:
    try:
        return json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}


def _remember(memory: Path, key: str, choice: EngineChoice) -> None:
    known = {**_remembered(memory), key: asdict(choice)}
    write_atomic(memory, json.dumps(known, indent=1).encode())
