"""The one way a finished run classifies pictures, in the app and headless.

Pictures are decoded in full and computed one at a time in float32 on the processor, so that an
answer depends on nothing but the picture and the model. An exported ONNX file is used the same
way.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from torch import Tensor

from tl_core.backbones.network import TransferNetwork, load_network
from tl_core.backbones.preprocessing import Preprocessing, prepare
from tl_core.errors import ImageFileError, PredictionError
from tl_core.images import Skipped, SourceFile, read_picture, read_untrusted
from tl_core.images.files.decoding import in_parallel
from tl_core.runs.processes import cores
from tl_core.runs.results.answers import Answer, Head, Prediction, QuestionAnswer
from tl_core.runs.results.onnx_check import ONNX, WEIGHTS
from tl_core.workspace.json_values import value_of

PROBABILITIES, UNLIKE = "probabilities", "unlike_score"  # outputs of an ONNX file

Classify = Callable[[Image.Image], tuple[np.ndarray, float | None]]


class Predictor:
    """A finished model: pictures in, probabilities out.

    Args:
        class_names: K names in the order of the probabilities.
        classify: Turns one upright RGB picture into probabilities, float32 (K,), and a score of
            being unlike the pictures learnt from (see `Prediction`).
        heads: Of a model that answers several questions; K is then the number of all answers, side
            by side, and `class_names` are those of the first question.
    """

    def __init__(
        self, class_names: Sequence[str], classify: "Classify", heads: Sequence[Head] = ()
    ) -> None:
        self.class_names = tuple(class_names)
        self.heads = tuple(heads)
        self._classify = classify

    @classmethod
    def load(cls, path: Path) -> "Predictor":
        """Load a run's folder, an export's folder, a ``.safetensors`` or an ``.onnx`` file.

        Raises:
            PredictionError: If there is no finished model, or it cannot be read.
        """
        file = model_file(Path(path))
        if file.suffix.lower() == ".onnx":
            return cls(*_onnx_classifier(file))
        network, metadata = load_network(file)
        preprocessing = Preprocessing.from_json(metadata["preprocessing"])
        heads = heads_of(metadata)
        classify = _torch_classifier(network, preprocessing, sizes_of(heads))
        return cls(metadata["class_names"], classify, heads)

    def probabilities(self, pictures: Sequence[bytes | Path]) -> np.ndarray:
        """Return float32, shape (N, K), rows adding up to 1.

        Raises:
            ImageFileError: If a picture cannot be read; see `answers` to go on past those.
        """
        rows = [entry.probabilities for entry in self.predict(pictures)]
        return np.array(rows, np.float32).reshape(-1, len(self.class_names))

    def predict(self, pictures: Sequence[bytes | Path]) -> list[Prediction]:
        """Return one prediction per picture, in order; raises as `probabilities` does."""
        decoded = in_parallel(_decoded, pictures, threads=cores())
        return [self._prediction(picture) for picture in decoded]

    def answers(self, files: Iterable[SourceFile | Skipped]) -> Iterator[Answer]:
        """Yield an answer for every file, in order: a prediction, or why there is none."""
        for file, picture in in_parallel(_opened, files, threads=cores()):
            if isinstance(picture, str):
                yield Answer(file.name, None, picture)
            else:
                yield Answer(file.name, self._prediction(picture))

    def _prediction(self, picture: Image.Image) -> Prediction:
        probabilities, score = self._classify(picture)
        found, answers = tuple(map(float, probabilities)), []
        ends = np.cumsum([0, *sizes_of(self.heads)]).tolist()
        for head, start, end in zip(self.heads, ends, ends[1:], strict=False):
            answers.append(QuestionAnswer(head, found[start:end]))
        return Prediction(self.class_names, found[: len(self.class_names)], score, tuple(answers))


def heads_of(metadata: dict) -> tuple[Head, ...]:
    """Return the questions that a model's file names; none for one question."""
    return value_of(tuple[Head, ...], metadata.get("heads", []))


def sizes_of(heads: Sequence[Head]) -> list[int]:
    """Return how many answers each question has."""
    return [len(head.class_names) for head in heads]


def probabilities_of(logits: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return probabilities, (K,), that add up to 1 for each question of these sizes."""
    parts = logits.split(list(sizes)) if sizes else (logits,)
    return torch.cat([torch.softmax(part, dim=0) for part in parts])


def model_file(path: Path) -> Path:
    """Return the file with the model: `path` itself, or the one in this folder.

    Raises:
        PredictionError: If there is none.
    """
    if path.is_file() and path.suffix.lower() in (".onnx", ".safetensors"):
        return path
    for name in (WEIGHTS, ONNX):
        if (path / name).is_file():
            return path / name
    if path.is_dir():
        raise PredictionError(
            f"“{path.name}” holds no finished model. Wait until the training has ended, or "
            "choose another run."
        )
    raise PredictionError(
        f"There is no model at “{path}”. Name a run's folder, a {WEIGHTS} or a {ONNX}."
    )


def answer_pictures(model: Path, pictures: Sequence[tuple[str, bytes]]) -> list[Answer]:
    """Answer for uploaded (name, bytes); the model stays loaded for the next call."""
    file = model_file(Path(model))
    predictor = _loaded(file, file.stat().st_mtime_ns)
    sources = [SourceFile(name, lambda data=data: data) for name, data in pictures]
    return list(predictor.answers(sources))


@lru_cache(maxsize=2)
def _loaded(file: Path, _changed: int) -> Predictor:
    return Predictor.load(file)


def _decoded(picture: bytes | Path) -> Image.Image:
    """Decode a project's own file, or bytes from a stranger."""
    return read_picture(picture) if isinstance(picture, Path) else read_untrusted(picture)


def _opened(file: SourceFile | Skipped) -> tuple[SourceFile | Skipped, Image.Image | str]:
    """Return the file with its decoded picture, or with the reason why there is none."""
    if isinstance(file, Skipped):
        return file, file.reason
    try:
        return file, read_untrusted(file.read())
    except ImageFileError as error:
        return file, str(error)
    except OSError as error:
        return file, f"the file cannot be read ({error.strerror or error})"


def _torch_classifier(
    network: TransferNetwork, preprocessing: Preprocessing, sizes: Sequence[int]
) -> Classify:
    network = network.float().eval()

    @torch.inference_mode()
    def classify(picture: Image.Image) -> tuple[np.ndarray, float | None]:
        logits, unlike = network.answer(prepare(picture, preprocessing)[None])  # (1, K), (1,)
        score = None if unlike is None else float(unlike[0])
        return probabilities_of(logits[0], sizes).numpy(), score

    return classify


def _onnx_classifier(file: Path) -> tuple[list[str], Classify, tuple[Head, ...]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        texts = session.get_modelmeta().custom_metadata_map
        class_names, heads = json.loads(texts["class_names"]), json.loads(texts.get("heads", "[]"))
        names = [output.name for output in session.get_outputs()]
    except Exception as error:  # onnxruntime raises a dozen types of its own for a bad file
        raise PredictionError(
            f"“{file.name}” cannot be read as a model that this app exported. Export it again."
        ) from error

    def classify(picture: Image.Image) -> tuple[np.ndarray, float | None]:
        found = dict(zip(names, session.run(names, {"image": np.asarray(picture)}), strict=True))
        score = found.get(UNLIKE)
        return found[PROBABILITIES], None if score is None else float(score)

    return class_names, classify, heads_of({"heads": heads})
