"""What has been exported of a run, and whether it gives the app's answers.

The files lie in the run's folder and count only
as long as the model that they were made from is unchanged.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tl_core.workspace.storage import write_atomic

LIMIT = 1e-3  # largest difference of any probability that counts as "the same"
UNLIKE_LIMIT = 1e-2  # the same of scores of being unlike, which matter around 1

WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
SCRIPT = "predict.py"
CARD = "MODEL_CARD.md"
PARITY = "parity.json"


@dataclass(frozen=True)
class Parity:
    """How closely the exported file repeats the app's answers.

    Args:
        n: Pictures compared so far.
        total: Pictures to compare.
        max_difference: Largest absolute difference of any class's probability.
        unlike_difference: Of the score of being unlike the training pictures.
    """

    n: int
    total: int
    max_difference: float
    unlike_difference: float = 0.0

    @property
    def complete(self) -> bool:
        return self.n >= self.total

    @property
    def same(self) -> bool:
        """Whether every compared picture gave the app's answer, with at least one compared."""
        equal = self.max_difference <= LIMIT and self.unlike_difference <= UNLIKE_LIMIT
        return self.n > 0 and equal


def read_parity(run_dir: Path) -> Parity | None:
    """Return the state of the comparison; None while there is no ONNX file of this model."""
    try:
        data = json.loads((run_dir / PARITY).read_text(encoding="utf-8"))
        if data.pop("model") != _stamp(run_dir) or not (run_dir / ONNX).is_file():
            return None
        return Parity(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_parity(run_dir: Path, parity: Parity) -> None:
    text = json.dumps({**asdict(parity), "model": _stamp(run_dir)})
    write_atomic(run_dir / PARITY, text.encode())


def _stamp(run_dir: Path) -> str:
    facts = (run_dir / WEIGHTS).stat()
    return f"{facts.st_size}-{facts.st_mtime_ns}"
