"""Stands in for the compute process in the tests of pages; it accepts what the real one does."""

from inspect import signature

from tl_core.approaches.approach import approaches
from tl_core.runs.catalogue import LayerBlock
from tl_core.runs.results.live import LiveState
from tl_core.service import compute

SIZES = {"stem": 900, "stage 1": 5_000, "stage 2": 90_000, "stage 3": 900_000}
GROUPS = [LayerBlock(name, i, size) for i, (name, size) in enumerate(SIZES.items())]
GROUPS.append(LayerBlock("classifier", len(GROUPS), 2_562))
FACTS = {name: approach.facts for name, approach in approaches().items()}
MADE_UP = {
    "list_approaches": FACTS,
    "layer_groups": GROUPS,
    "estimate_seconds": {
        "features": 3.0, "probe": 1.0, "fine_tune": 0.0, "total": 12.0,
        "device": "cpu", "cores": 2,
    },
    "backbone_speeds": {"tf_efficientnet_lite0": 41.3},
    "preview_augmentation": [b"RIFF-1", b"RIFF-2", b"RIFF-3"],
    "group_activations": [b"RIFF"] * len(SIZES),
    "explain": None,
    "live_state": LiveState(version="0", seen=0, total=0, missing="classes"),
    "live_answers": {},
    "live_order": (),
    "live_predict": [],
    "live_place": None,
}  # fmt: skip


class ComputeStandIn:
    """Takes the place of `compute_client.call`.

    Attributes:
        answers: What each function answers, or a function that answers in its place.
        asked: The questions so far, each (function, *arguments), without those of the header.
    """

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple] = []

    def __call__(self, function: str, *args: object, timeout: float = 0.0, **kwargs: object):
        signature(compute.OFFERED[function]).bind(*args, **kwargs)
        if function != "live_state":
            self.asked.append((function, *args))
        answer = self.answers[function]
        return answer(*args, **kwargs) if callable(answer) else answer

    def always(self, answer: object) -> None:
        """Give the same answer to whatever is asked."""
        self.answers = dict.fromkeys(compute.OFFERED, answer)
