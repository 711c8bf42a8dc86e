"""Times and compares the ways to run one frozen network, on the same pictures.

The first candidate is plain float32 by torch: whatever strays from it is not used, however fast it
is. It knows a network and crops; nothing of what is remembered.
"""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from tl_core.backbones.preprocessing import Preprocessing
from tl_core.features.device import device, one_thread_each
from tl_core.features.engine import Engine, EngineChoice, Values

LEAST_COSINE, LEAST_MEDIAN_COSINE = 0.995, 0.999
LOGITS_TOLERANCE = 1e-2  # largest change of logits behind a front, relative to the largest of them
# (library, precision, pictures per batch); the first is what the others are compared with
TORCH_CANDIDATES = (("torch", "float32", 4), ("torch", "bfloat16", 8))
OPENVINO_CANDIDATES = (("openvino", "float32", 2), ("openvino", "bfloat16", 2))
GPU_CANDIDATES = (("torch", "float32", 32), ("torch", "float16", 64))
NO_ENGINE = (RuntimeError, TypeError, ImportError)  # no kernel for that precision, say
QUICK = 0.5  # seconds; a shorter measurement is repeated
LONG = 2.0  # seconds that plain float32 may take with the sample: a slow network sees less of it
CLOSE = 0.6  # of the best speed: who is nearer runs again, in turns, as the machine may be busy


@dataclass
class Race:
    """Engines for one frozen network, timed and compared on the same pictures.

    An engine of the wanted `precision` goes before any other. `behind` turns values into what has
    to agree as well; `exact` are the values of plain float32, `agreeing` engines may be chosen.
    """

    frozen: nn.Module
    preprocessing: Preprocessing
    sample: Tensor | Callable[[], Tensor]
    precision: str | None
    behind: Callable[[Values], np.ndarray] | None = None
    exact: Values | None = None
    agreeing: list[Engine] = field(default_factory=list)

    def run(self, candidates: Sequence[tuple[str, str, int]], converted: Path | None) -> Engine:
        """Let more candidates run and return the best of all so far."""
        if callable(self.sample):
            self.sample = self.sample()
        for library, precision, batch_size in candidates:
            choice = EngineChoice(precision, batch_size, device(), 0.0, library=library)
            try:
                engine = Engine(self.frozen, self.preprocessing, choice, converted=converted)
                if self.exact is None:
                    self.sample = bearable(engine, self.sample)
                values, speed = timed(engine, self.sample)
            except NO_ENGINE:
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
            if self._agrees(cosines, values):
                self.agreeing.append(engine)
        self._run_again()
        return max(self.agreeing, key=self._rank)

    def _run_again(self) -> None:
        """Time those who are close once more: a moment of other load decides nothing."""
        fastest = max(engine.choice.pictures_per_second for engine in self.agreeing)
        if len(self.sample) > QUICK * fastest:
            return
        for engine in self.agreeing:
            before = engine.choice.pictures_per_second
            if before > CLOSE * fastest:
                again = round(timed(engine, self.sample)[1], 1)
                engine.choice = replace(engine.choice, pictures_per_second=max(before, again))

    def _rank(self, engine: Engine) -> tuple[bool, float]:
        choice = engine.choice
        return self.precision in (None, choice.precision), choice.pictures_per_second

    def _agrees(self, cosines: np.ndarray, values: Values) -> bool:
        if cosines.min() < LEAST_COSINE or np.median(cosines) < LEAST_MEDIAN_COSINE:
            return False
        if self.behind is None or values is self.exact:
            return True
        wanted, got = self.behind(self.exact), self.behind(values)
        largest = 1 + np.abs(wanted).max()
        return bool(np.abs(got - wanted).max() <= LOGITS_TOLERANCE * largest)


def bearable(engine: Engine, sample: Tensor) -> Tensor:
    """Return as much of the sample as takes `LONG`, but two pictures per core at least."""
    with one_thread_each():
        engine(sample[:1])
        start = time.perf_counter()
        engine(sample[:1])
        seconds = (time.perf_counter() - start) / engine.parallel
    return sample[: max(2 * engine.parallel, int(LONG / max(seconds, 1e-6)))]


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
