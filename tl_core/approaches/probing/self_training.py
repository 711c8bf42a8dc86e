"""Self-training: what a classifier says of pictures without labels is learnt from as well.

Source: Lee (2013), "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method".
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tl_core.approaches.probing.probe import Basis, ProbeFit
from tl_core.evaluation.folds import make_folds
from tl_core.features.device import suited_threads

ROUNDS = 3  # of answering and learning from the answers
FOLDS = 5  # to measure on

Features = Mapping[str, np.ndarray]


def self_train(
    labelled: Features,
    labels: np.ndarray,
    unlabelled: Features,
    num_classes: int,
    *,
    groups: np.ndarray,
    balanced: bool = True,
) -> ProbeFit:
    """Return a classifier fitted on labels and on its own answers.

    Its answers out of group come from classifiers that never saw the labels of a fifth of the
    pictures: these are among those without labels then.

    Args:
        labelled: Raw features by block, each float32 (N, D of the block).
        labels: int64 (N,).
        unlabelled: The same of pictures without labels, (M, D of the block).
        num_classes: K.
        groups: Of the labelled pictures, int64 (N,).
        balanced: Whether every class counts equally.
    """
    size, more = len(labels), len(next(iter(unlabelled.values())))
    both = {name: np.concatenate([labelled[name], unlabelled[name]]) for name in labelled}
    raw = np.concatenate(list(both.values()), axis=1)
    with suited_threads(size + more):
        basis = Basis(both, np.append(groups, groups.max() + 1 + np.arange(more)))

    def fitted(known: np.ndarray) -> ProbeFit:
        """Fit on the labels of these rows, int64, and on what is said of all others."""
        given = {name: block[known] for name, block in labelled.items()}
        settings = {"num_classes": num_classes, "balanced": balanced}
        probe = Basis(given, groups[known]).fit(labels[known], **settings).probe
        answers = None
        for _ in range(ROUNDS):
            before, answers = answers, probe.logits(raw).argmax(axis=1)
            answers[known] = labels[known]
            if before is not None and (before == answers).all():
                break
            fit = basis.fit(answers, **settings)
            probe = fit.probe
        return fit

    with suited_threads(size + more):
        whole = fitted(np.arange(size))
        out_of_group, tested = whole.out_of_group[:size].copy(), []
        for others, mine in make_folds(labels, groups, folds=FOLDS, seed=0):
            out_of_group[mine] = fitted(others).out_of_group[mine]
            tested.append(mine)
    measured = np.sort(np.concatenate(tested)) if tested else np.array([], np.int64)
    return replace(
        whole,
        out_of_group=out_of_group,
        measured=measured,
        groups=len(np.unique(groups[measured])),
    )
