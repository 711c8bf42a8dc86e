"""A frozen network run by OpenVINO instead of torch, where OpenVINO is installed.

The converted network and the compiled one are kept on disk. OpenVINO's telemetry is kept out.
"""

import copy
import hashlib
import importlib.util
import json
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import timm
import torch
from torch import Tensor, nn

from tl_core.features.device import one_thread_each
from tl_core.workspace.storage import checksum, storage_errors, sync_files, write_atomic

OPENVINO_NAMES = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}  # of precisions


def is_installed() -> bool:
    return importlib.util.find_spec("openvino") is not None


def load() -> ModuleType:
    """Import OpenVINO; nothing else of the app may, because its import alone calls home.

    Without the package that does so it uses an empty stand-in of its own.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino


def preferred_precision() -> str:
    """Return what OpenVINO computes in on this processor unless told otherwise."""
    hint = load().Core().get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()
    return next((name for name, code in OPENVINO_NAMES.items() if code == hint), "float32")


def network_file(folder: Path, weights: str) -> Path:
    """Return where the converted network of these weights is kept, whether it is there or not."""
    facts = [weights, load().__version__, torch.__version__, timm.__version__]
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
    return folder / f"{name}.xml"


class OpenVinoReader:
    """Normalised images (n, 3, S, S) -> arrays (n, ...), float32; callable by several threads.

    Args:
        frozen: Network that gives a tensor or several; converted unless `kept` is there.
        kept: File of the converted network.
        side: S, in pixels.
        precision: One of `OPENVINO_NAMES`.
        threads: Processor cores to use.
    """

    def __init__(
        self, frozen: nn.Module, kept: Path, *, side: int, precision: str, threads: int
    ) -> None:
        core = load().Core()
        if not _is_whole(kept):
            self._convert(frozen, kept, side)
        settings = {
            "INFERENCE_PRECISION_HINT": OPENVINO_NAMES[precision],
            "NUM_STREAMS": str(threads),
            "INFERENCE_NUM_THREADS": str(threads),
            "CACHE_DIR": str(kept.parent / "compiled"),
        }
        # Compiling gives its thread a signal stack that is too small for Python's own handlers: in
        # the main thread the next Ctrl-C would end the process with a segmentation fault.
        with ThreadPoolExecutor(1) as elsewhere:
            model = core.read_model(kept)
            self._compiled = elsewhere.submit(core.compile_model, model, "CPU", settings).result()
        self._local = threading.local()
        # What OpenVINO knows of numpy it looks up on first use. Two threads that are the first at
        # the same time would wait for each other for ever.
        load().Tensor(np.zeros(1, np.float32)).data.copy()

    def __call__(self, images: Tensor) -> tuple[np.ndarray, ...]:
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        request = self._local.request
        rows = []
        for image in images.numpy():  # one at a time: streams run side by side
            request.infer({0: image[None]})
            outputs = range(len(self._compiled.outputs))
            rows.append([request.get_output_tensor(index).data[0].copy() for index in outputs])
        return tuple(np.stack(column) for column in zip(*rows, strict=True))

    @staticmethod
    def _convert(frozen: nn.Module, kept: Path, side: int) -> None:
        openvino = load()
        example = torch.zeros(1, 3, side, side)
        # On a busy machine two threads that share one picture wait for each other for seconds.
        with torch.no_grad(), one_thread_each(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing says what it takes for constant
            alone = copy.deepcopy(frozen).cpu().float().eval()
            try:
                traced = torch.jit.trace(alone, example, strict=False, check_trace=False)
                model = openvino.convert_model(
                    traced, example_input=example, input=[1, 3, side, side]
                )
            except Exception as error:  # OpenVINO has a dozen types of its own
                raise RuntimeError("OpenVINO cannot convert this network") from error
        with storage_errors("keeping the converted network"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_name(f".{threading.get_ident()}-{kept.name}")
            openvino.save_model(model, part, compress_to_fp16=False)
            sync_files([part.with_suffix(".bin"), part])
            part.with_suffix(".bin").replace(kept.with_suffix(".bin"))
            part.replace(kept)
            write_atomic(_seal(kept), _checksum(kept).encode())


def _seal(kept: Path) -> Path:
    return kept.with_suffix(".crc")


def _checksum(kept: Path) -> str:
    return checksum(kept.read_bytes(), kept.with_suffix(".bin").read_bytes())


def _is_whole(kept: Path) -> bool:
    try:
        return _seal(kept).read_bytes() == _checksum(kept).encode()
    except OSError:
        return False
