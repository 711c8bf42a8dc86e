"""The fastest way this machine has to run a frozen network, checked before it is used.

An engine turns uint8 crops into features. Candidates are timed once per machine and backbone
on the person's own pictures; one that strays from plain float32 is not used. It knows nothing
of files of pictures, caches or labels.
"""

import json
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core import openvino_engine
from tl_core.folding import folded_reader
from tl_core.openvino_engine import OpenVinoReader
from tl_core.storage import write_atomic
from tl_core.transforms import Preprocessing, normalise

LEAST_COSINE, LEAST_MEDIAN_COSINE = 0.995, 0.999
# (library, precision, pictures per batch)
TORCH_CANDIDATES = (("torch", "float32", 4), ("torch", "bfloat16", 8))
OPENVINO_CANDIDATES = (("openvino", "float32", 4), ("openvino", "bfloat16", 4))
GPU_CANDIDATES = (("torch", "float32", 32), ("torch", "float16", 64))
CONVERTING_PAYS = 600  # pictures; converting costs a few seconds, once per backbone and machine


@dataclass(frozen=True)
class EngineChoice:
    """What runs a frozen network here, and how closely it agrees with plain float32.

    `cosine_least` and `cosine_median` compare its features with float32 ones, picture by picture.
    """

    precision: str
    batch_size: int
    device: str
    pictures_per_second: float
    cosine_least: float = 1.0
    cosine_median: float = 1.0
    library: str = "torch"


class Engine:
    """A frozen backbone, ready to turn uint8 crops (N, 3, S, S) into features (N, D), float32.

    `parallel` threads should call it side by side: on a CPU one per thread that torch may use, on
    a GPU two, so that one reads pictures while the other computes.
    """

    def __init__(
        self,
        backbone: nn.Module,
        preprocessing: Preprocessing,
        choice: EngineChoice,
        *,
        converted: Path | None = None,
    ) -> None:
        self.choice = choice
        self.parallel = torch.get_num_threads() if choice.device == "cpu" else 2
        self._preprocessing = preprocessing
        self._run: Callable[[Tensor], np.ndarray]
        if choice.library == "openvino":
            self._run = OpenVinoReader(
                backbone,
                converted,
                side=preprocessing.input_size,
                precision=choice.precision,
                threads=self.parallel,
            )
        else:
            self._run = _TorchReader(backbone, choice)

    def __call__(self, crops: Tensor) -> np.ndarray:
        return self._run(normalise(crops, self._preprocessing))


class _TorchReader:
    """Normalised images (n, 3, S, S) -> features (n, D), float32, by torch."""

    def __init__(self, backbone: nn.Module, choice: EngineChoice) -> None:
        self._device = choice.device
        self._dtype = getattr(torch, choice.precision)
        self._reader = folded_reader(backbone).to(
            device=choice.device, dtype=self._dtype, memory_format=torch.channels_last
        )

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> np.ndarray:
        images = images.to(
            device=self._device, dtype=self._dtype, memory_format=torch.channels_last
        )
        return self._reader(images).cpu().numpy()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let every Python thread compute alone: batches side by side waste less than split ones."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device() -> str:
    """Return where networks run here: "cuda", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def fastest_engine(
    backbone: nn.Module,
    preprocessing: Preprocessing,
    sample: Tensor,
    *,
    name: str,
    memory: Path,
    pictures: int = 0,
) -> Engine:
    """Return the fastest engine whose features agree with plain float32.

    Args:
        backbone: timm model without classifier.
        preprocessing: What the backbone expects.
        sample: uint8 crops of real pictures, shape (N, 3, S, S), N at least 1; timed and compared.
        name: What the choice is remembered under: the weights' name.
        memory: JSON file that keeps choices for this machine; missing or damaged is fine.
            Converted networks are kept in a folder beside it.
        pictures: How many there are to look at. From `CONVERTING_PAYS` on the network is converted
            for OpenVINO if it was not before.
    """
    converted = None
    if device() == "cpu" and openvino_engine.is_installed():
        converted = openvino_engine.network_file(memory.with_suffix(""), name)
        if not converted.exists() and pictures < CONVERTING_PAYS:
            converted = None
    key = _key(name, converted)
    known = _remembered(memory)
    if key in known:
        with suppress(*_NO_ENGINE):
            choice = EngineChoice(**known[key])
            return Engine(backbone, preprocessing, choice, converted=converted)
    best = _measured_best(backbone, preprocessing, sample, converted)
    _remember(memory, key, asdict(best.choice))
    return best


_NO_ENGINE = (RuntimeError, TypeError, ImportError)  # no kernel for that precision, say


def _measured_best(
    backbone: nn.Module, preprocessing: Preprocessing, sample: Tensor, converted: Path | None
) -> Engine:
    candidates = TORCH_CANDIDATES if device() == "cpu" else GPU_CANDIDATES
    if converted is not None:
        candidates += OPENVINO_CANDIDATES
    best, exact = None, None
    for library, precision, batch_size in candidates:
        choice = EngineChoice(precision, batch_size, device(), 0.0, library=library)
        try:
            engine = Engine(backbone, preprocessing, choice, converted=converted)
            features, speed = _timed(engine, sample)
        except _NO_ENGINE:
            if exact is None:
                raise
            continue
        exact = features if exact is None else exact
        cosines = _cosines(exact, features)
        engine.choice = replace(
            choice,
            pictures_per_second=round(speed, 1),
            cosine_least=round(float(cosines.min()), 5),
            cosine_median=round(float(np.median(cosines)), 5),
        )
        agrees = cosines.min() >= LEAST_COSINE and np.median(cosines) >= LEAST_MEDIAN_COSINE
        if agrees and (best is None or speed > best.choice.pictures_per_second):
            best = engine
    return best


def _key(name: str, converted: Path | None) -> str:
    facts = [
        name,
        f"torch {torch.__version__}",
        "with OpenVINO" if converted else "torch alone",
        f"{torch.get_num_threads()} threads",
        device(),
        platform.node(),
        platform.processor() or platform.machine(),
    ]
    return " | ".join(facts)


def _timed(engine: Engine, sample: Tensor) -> tuple[np.ndarray, float]:
    """Return features (N, D) and pictures per second, run the way `features` runs them."""
    parts = sample.split(engine.choice.batch_size)
    with one_thread_each(), ThreadPoolExecutor(engine.parallel) as pool:
        list(pool.map(engine, [part[:1] for part in parts[: engine.parallel]]))  # these allocate
        start = time.perf_counter()
        results = list(pool.map(engine, parts))
        seconds = time.perf_counter() - start
    return np.concatenate(results), len(sample) / seconds


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.maximum(norms, 1e-12)


def _remembered(memory: Path) -> dict[str, dict]:
    try:
        return json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}


def _remember(memory: Path, key: str, choice: dict) -> None:
    known = {**_remembered(memory), key: choice}
    write_atomic(memory, json.dumps(known, indent=1).encode())
