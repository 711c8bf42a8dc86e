"""A finished run as files to use elsewhere: weights, ONNX with its preprocessing, script, card.

The ONNX file is compared with the app's own answers, picture by picture.
"""

import importlib.metadata
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from tl_core.backbones.network import FORMAT, TransferNetwork, load_network
from tl_core.backbones.preprocessing import Preprocessing
from tl_core.errors import ExportError
from tl_core.export.model_card import model_card
from tl_core.export.onnx_preprocessing import OUTPUT, preprocessing_model
from tl_core.export.predictor import (
    PROBABILITIES,
    UNLIKE,
    Predictor,
    heads_of,
    model_file,
    probabilities_of,
    sizes_of,
)
from tl_core.runs.results.onnx_check import (
    CARD,
    ONNX,
    SCRIPT,
    WEIGHTS,
    Parity,
    read_parity,
    write_parity,
)
from tl_core.workspace.storage import storage_errors, write_atomic

ONE_FILE_BYTES = 2 * 10**9  # an ONNX file cannot be larger; protobuf's own limit is 2**31
_STANDALONE = Path(__file__).with_name("standalone_predict.py")


def export_run(run_dir: Path, out_dir: Path, paths: Sequence[Path] = ()) -> Parity:
    """Write all files of a finished run and compare the ONNX file on these pictures.

    Raises:
        PredictionError: If the run has no finished model.
        ExportError: If the model cannot be written as ONNX.
        StorageFull: If the disk is full.
    """
    with storage_errors("exporting the model"):
        out_dir.mkdir(parents=True, exist_ok=True)
        weights_file(run_dir, out_dir / WEIGHTS)
        onnx_model(run_dir, out_dir / ONNX)
        _write_texts(run_dir, out_dir)
    return compare_answers(run_dir, out_dir / ONNX, paths)


def export_in_place(run_dir: Path, total: int) -> Parity:
    """Put the ONNX file, the script and the model card into the run's folder, once per model.

    Args:
        run_dir: Folder of a finished run.
        total: How many pictures are to be compared with `check_more` afterwards.
    """
    model_file(run_dir)
    known = read_parity(run_dir)
    if known is not None and known.total == total and (run_dir / SCRIPT).is_file():
        return known
    with storage_errors("exporting the model"):
        if known is None:
            onnx_model(run_dir, run_dir / ONNX)
        _write_texts(run_dir, run_dir)
        fresh = Parity(n=0, total=total, max_difference=0.0)
        write_parity(run_dir, fresh)
    return fresh


def check_more(run_dir: Path, paths: Sequence[Path]) -> Parity:
    """Compare some more pictures, the next ones after those counted in the run's folder."""
    known = read_parity(run_dir)
    if known is None:
        raise ExportError("The ONNX file is gone or belongs to an older model. Export it again.")
    found = compare_answers(run_dir, run_dir / ONNX, paths)
    total = replace(
        known,
        n=known.n + found.n,
        max_difference=max(known.max_difference, found.max_difference),
        unlike_difference=max(known.unlike_difference, found.unlike_difference),
    )
    write_parity(run_dir, total)
    return total


def _write_texts(run_dir: Path, out_dir: Path) -> None:
    shutil.copyfile(_STANDALONE, out_dir / SCRIPT)
    write_atomic(out_dir / CARD, model_card(run_dir).encode())


def weights_file(run_dir: Path, out: Path) -> Path:
    """Write the weights with class names and preprocessing in the file's metadata."""
    write_atomic(out, model_file(run_dir).read_bytes())
    return out


def compare_answers(run_dir: Path, onnx_file: Path, paths: Sequence[Path]) -> Parity:
    """Compare the file's answers with the app's; both decode the pictures in full."""
    ours, theirs = (_numbers(Predictor.load(path), paths) for path in (run_dir, onnx_file))
    if not len(paths):
        return Parity(n=0, total=0, max_difference=0.0)
    *probabilities, unlike = np.abs(ours - theirs).max(axis=0).tolist()
    return Parity(len(paths), len(paths), max(probabilities), unlike)


def _numbers(predictor: Predictor, paths: Sequence[Path]) -> np.ndarray:
    """Return probabilities and, last, the score of being unlike, (N, K + 1); -1 without one."""
    found = predictor.predict(paths)
    return np.array(
        [
            (
                *one.probabilities,
                *(value for answer in one.answers[1:] for value in answer.probabilities),
                -1.0 if one.unlike_score is None else one.unlike_score,
            )
            for one in found
        ]
    )


def onnx_model(run_dir: Path, out: Path) -> Path:
    """Write an ONNX file that takes a picture and gives probabilities.

    Input ``image``: uint8, shape (height, width, 3), upright RGB of any size. Outputs
    ``probabilities``: float32, shape (K,), of all questions side by side, and ``unlike_score``:
    float32, shape (), if the model has one (see `Prediction`). The metadata holds ``class_names``,
    ``heads`` of a model that answers several questions, and more.

    Raises:
        PredictionError: If the run has no finished model.
        ExportError: If this network has no ONNX form, or is larger than one file may be.
    """
    network, metadata = load_network(model_file(run_dir))
    preprocessing = Preprocessing.from_json(metadata["preprocessing"])
    size = sum(value.nbytes for value in network.state_dict().values())
    if size > ONE_FILE_BYTES:
        raise ExportError(
            f"The model has {size / 1e9:.1f} GB; an ONNX file holds at most 2 GB. Use the "
            "safetensors file, or train with a smaller backbone."
        )
    sizes = sizes_of(heads_of(metadata))
    body = _network_model(network, preprocessing.input_size, sizes)
    opset = next(entry.version for entry in body.opset_import if entry.domain in ("", "ai.onnx"))
    head = preprocessing_model(preprocessing, opset=opset)
    head.ir_version = body.ir_version
    whole = onnx.compose.merge_models(head, body, io_map=[(OUTPUT, OUTPUT)])
    whole.producer_name = "guided transfer learning"
    whole.doc_string = (
        "uint8 upright RGB picture (height, width, 3) -> class probabilities, and a score above 1 "
        "for pictures unlike those that the model learnt from"
    )
    onnx.helper.set_model_props(whole, _properties(metadata))
    onnx.checker.check_model(whole)
    write_atomic(out, whole.SerializeToString())
    return out


class _Answers(nn.Module):
    def __init__(self, network: TransferNetwork, sizes: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.sizes = sizes

    def forward(self, normalised: Tensor) -> tuple[Tensor, ...]:
        logits, unlike = self.network.answer(normalised)  # (1, K), (1,)
        probabilities = probabilities_of(logits[0], self.sizes)  # (K,)
        return (probabilities,) if unlike is None else (probabilities, unlike[0])


@torch.no_grad()
def _network_model(network: TransferNetwork, side: int, sizes: Sequence[int]) -> onnx.ModelProto:
    example = torch.zeros(1, 3, side, side)
    try:
        program = torch.onnx.export(
            _Answers(network, sizes).float().eval(),
            (example,),
            input_names=[OUTPUT],
            output_names=[PROBABILITIES, UNLIKE][: 1 if network.unlike is None else 2],
            dynamo=True,
            optimize=False,  # it drops additions of 1e-8, which small deviations stand on
            verbose=False,
        )
    except Exception as error:  # torch's exporter fails with many types, by the operator
        raise ExportError(
            "PyTorch cannot export this backbone as ONNX. Use the safetensors file, or train "
            "with another backbone."
        ) from error
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # the exporter notes where on this machine the code lies
        node.doc_string = ""
    del model.graph.value_info[:]
    return model


def _properties(metadata: dict) -> dict[str, str]:
    backbone = metadata["backbone"]
    versions = {name: importlib.metadata.version(name) for name in ("torch", "timm", "onnx")}
    return {
        "format": FORMAT,
        "class_names": json.dumps(metadata["class_names"], ensure_ascii=False),
        "heads": json.dumps(metadata.get("heads", []), ensure_ascii=False),
        "preprocessing": json.dumps(metadata["preprocessing"]),
        "backbone": backbone["name"],
        "licence": f"weights of the backbone: {backbone['licence']}",
        "versions": json.dumps(versions),
    }
