"""Stands in for the compute process in the tests of pages; it accepts what the real one does."""

from inspect import signature

from tl_core.runs import compute_client, workers
from tl_core.runs.catalogue import LayerBlock
from tl_core.service import compute

SIZES = {"stem": 900, "stage 1": 5_000, "stage 2": 90_000, "stage 3": 900_000}
GROUPS = [LayerBlock(name, i, size) for i, (name, size) in enumerate(SIZES.items())]
GROUPS.append(LayerBlock("classifier", len(GROUPS), 2_562))


def stand_in_for_compute(monkeypatch) -> list[tuple]:
    """Let pages be answered at once, starting no process; return the list of questions asked."""
    asked: list[tuple] = []
    answers = {
        "layer_groups": GROUPS,
        "estimate_seconds": {
            "features": 3.0, "probe": 1.0, "fine_tune": 0.0, "total": 12.0, "device": "this CPU",
        },
        "preview_augmentation": [b"RIFF-1", b"RIFF-2", b"RIFF-3"],
        "explain": None,
    }  # fmt: skip

    def call(function: str, *args: object, timeout: float = 0.0, **kwargs: object) -> object:
        signature(compute.OFFERED[function]).bind(*args, **kwargs)
        asked.append((function, *args))
        return answers[function]

    monkeypatch.setattr(compute_client, "call", call)
    monkeypatch.setattr(compute_client, "warm", lambda: None)
    monkeypatch.setattr(workers, "ensure_workers", lambda workspace: None)
    return asked
