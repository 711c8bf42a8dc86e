"""Self-training: what a classifier says of pictures without labels is learnt from as well.

Source: Lee (2013), "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tl_core.approaches.probing.probe import Basis, LinearProbe, ProbeFit
from tl_core.evaluation.calibration import fit_temperature
from tl_core.evaluation.folds import make_folds
from tl_core.features.device import suited_threads

ROUNDS = 3  # of answering and learning from the answers
FOLDS = 5  # to measure on

Features = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class SelfTrained:
    """A classifier fitted on labels and on its own answers, and what is known of it.

    Its answers out of group, `fit.out_of_group`, come from classifiers that never saw the labels of
    a fifth of the pictures: these were among those without labels then. `plain` are the logits,
    (N, K), of classifiers fitted on the same labels alone. Answers that were learnt from are
    agreed with too surely, so the temperature comes from the answers out of group.
    """

    fit: ProbeFit
    plain: np.ndarray


def self_train(
    labelled: Features,
    labels: np.ndarray,
    unlabelled: Features,
    num_classes: int,
    *,
    groups: np.ndarray,
    balanced: bool = True,
) -> SelfTrained:
    """Fit on labels, then on the answers for pictures without labels as well, and measure.

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
    settings = {"num_classes": num_classes, "balanced": balanced}
    with suited_threads(size + more):
        basis = Basis(both, np.append(groups, groups.max() + 1 + np.arange(more)))

    def fitted(known: np.ndarray) -> tuple[LinearProbe, ProbeFit]:
        """Fit on the labels of these rows, int64; then on what is said of all others as well."""
        given = {name: block[known] for name, block in labelled.items()}
        first = probe = Basis(given, groups[known]).fit(labels[known], **settings).probe
        answers = None
        for _ in range(ROUNDS):
            before, answers = answers, probe.logits(raw).argmax(axis=1)
            answers[known] = labels[known]
            if before is not None and (before == answers).all():
                break
            fit = basis.fit(answers, **settings)
            probe = fit.probe
        return first, fit

    with suited_threads(size + more):
        _, whole = fitted(np.arange(size))
        alone = np.zeros((size, num_classes), np.float32)
        out_of_group, tested = whole.out_of_group[:size].copy(), []
        for others, mine in make_folds(labels, groups, folds=FOLDS, seed=0):
            first, fit = fitted(others)
            alone[mine], out_of_group[mine] = first.logits(raw[mine]), fit.out_of_group[mine]
            tested.append(mine)
    measured = np.sort(np.concatenate(tested)) if tested else np.array([], np.int64)
    sure = fit_temperature(out_of_group[measured], labels[measured], unsure=1.0) if tested else 1.0
    probe = replace(whole.probe, weight=whole.probe.weight / sure, bias=whole.probe.bias / sure)
    fit = replace(
        whole,
        probe=probe,
        out_of_group=out_of_group / sure,
        measured=measured,
        groups=len(np.unique(groups[measured])),
    )
    return SelfTrained(fit, alone)
