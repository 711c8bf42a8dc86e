"""A classifier of one place made to fit another, of which there are pictures without labels.

"standardised": features of each place are measured from its own mean, by its own deviation.
"groups": in addition the target's pictures gather around the mean direction of each class,
beginning with what the unadapted classifier says, and are learnt from with the source's (the idea
of Liang et al. 2020, "SHOT", arXiv:2002.08546, on kept features). Leaving it as it is, is always a
candidate, and taken where a classifier cannot tell the places apart.

Measured on the 12 ordered pairs of styles of PACS (half of the target unlabelled, the other half
answered): "groups" +22.4 points, worst pair +8.6; "standardised" +5.0, worst -12.4. With the
target's classes as unequal as 6 to 1: +16.3, worst +2.0, and -0.5, worst -16. Self-training with
confidence gained 11.0, worst -2.9 (unequal 4.3, -18); with answers balanced by optimal transport
21.0, +7.6 (unequal 9.5, -10), so that was left out. The risk without labels told "groups" from the
others nearly always, as it would: those answers are its own. Where the places are the same (seven
sets, divided at random) "groups" gained 0.4 on average and lost 5 at worst, hence the distance.
Batch normalisation re-estimated at each place (Li et al. 2016, "AdaBN", arXiv:1603.04779) changed
6.4, worst -2.9, alone, and 26.3, worst +8.6, with "groups"; the risk chose 25.3, worst +8.6, of
both kinds. It is left out: every picture goes through the whole network twice more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tl_core.approaches.probing.probe import Basis, LinearProbe, ProbeFit
from tl_core.evaluation.calibration import softmax
from tl_core.features.device import suited_threads
from tl_core.runs.results.adaptation import UNADAPTED

STANDARDISED, GROUPS = "standardised", "groups"
SHARE_ROUNDS = 100  # of estimating how frequent classes are
ALIKE = 1.0  # proxy A-distance below which there is nothing to adapt to
LEAST_TO_CHOOSE = 5  # labelled ones of them, to choose by
ROUNDS = 5  # of gathering around means
Features = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """A classifier of raw features for the place of use.

    `risk` is what its answers leave open there, without labels: 1 less their mutual information
    with the pictures, as a share of the most there can be (Bridle et al. 1991); `moved` how many
    answers differ from the unadapted; `correct` of how many labelled ones are right, if any.
    """

    probe: LinearProbe
    risk: float
    moved: int
    correct: int | None = None


@dataclass(frozen=True)
class Adaptation:
    """The candidates by name, the `chosen` one, and how far apart the places are, in [0, 2].

    `at_source` is the unadapted fit, which knows its answers out of group there.
    """

    candidates: Mapping[str, Candidate]
    chosen: str
    distance: float
    at_source: ProbeFit


def adapt(
    source: Features,
    labels: np.ndarray,
    target: Features,
    num_classes: int,
    *,
    groups: np.ndarray | None = None,
    balanced: bool = True,
    known: np.ndarray | None = None,
    learn_known: bool = False,
) -> Adaptation:
    """Fit the candidates and choose one.

    Args:
        source: Raw features by block, each float32 (N, D of the block).
        labels: int64 (N,).
        target: Those of the place of use, (M, D of the block).
        num_classes: K.
        groups: Of the source's pictures, int64 (N,).
        balanced: Whether every class counts equally.
        known: Labels of the target's pictures, int64 (M,), -1 where there is none. From
            `LEAST_TO_CHOOSE` on they choose; otherwise the risk does.
        learn_known: Whether these labels are learnt from as well.
    """
    size = len(labels)
    groups = np.arange(size) if groups is None else groups
    known = np.full(len(next(iter(target.values()))), -1) if known is None else known

    def fitted(features: Features, labels: np.ndarray, groups: np.ndarray) -> ProbeFit:
        with suited_threads(len(labels)):
            return Basis(features, groups).fit(labels, num_classes, balanced=balanced)

    raw = np.concatenate(list(target.values()), axis=1)
    unadapted = fitted(source, labels, groups)
    first = softmax(unadapted.probe.logits(raw))
    ours, theirs = _scaling(source), _scaling(target)
    here, there = _scaled(source, ours), _scaled(target, theirs)
    gathered = gather(there["last"], first)
    if learn_known:
        gathered = np.where(known >= 0, known, gathered)
    both = {name: np.concatenate([here[name], there[name]]) for name in here}
    alone = groups.max() + 1 + np.arange(len(gathered))
    probes = {
        UNADAPTED: unadapted.probe,
        STANDARDISED: _of_raw(fitted(here, labels, groups).probe, theirs),
        GROUPS: _of_raw(
            fitted(both, np.append(labels, gathered), np.append(groups, alone)).probe, theirs
        ),
    }
    candidates = {}
    for name, probe in probes.items():
        said = softmax(probe.logits(raw))
        right = said.argmax(axis=1) == known
        candidates[name] = Candidate(
            probe,
            _risk(said),
            int((said.argmax(axis=1) != first.argmax(axis=1)).sum()),
            int(right.sum()) if (known >= 0).any() else None,
        )
    distance = _distance(source["last"], target["last"])
    if (known >= 0).sum() >= LEAST_TO_CHOOSE:
        chosen = max(
            candidates, key=lambda name: (candidates[name].correct, -candidates[name].risk)
        )
    elif distance < ALIKE:
        chosen = UNADAPTED
    else:
        chosen = min(candidates, key=lambda name: candidates[name].risk)
    return Adaptation(candidates, chosen, distance, unadapted)


def gather(last: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return classes, int64 (M,), of pictures gathered around the mean direction of each class.

    Args:
        last: Standardised features of the last layer, (M, D).
        said: Probabilities to begin with, (M, K).
    """
    unit = last / np.maximum(np.linalg.norm(last, axis=1, keepdims=True), 1e-9)
    shares, found = said, said.argmax(axis=1)
    for _ in range(ROUNDS):
        means = shares.T @ unit  # (K, D)
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        before, found = found, (unit @ means.T).argmax(axis=1)
        shares = np.eye(said.shape[1])[found]
        if (before == found).all():
            break
    return found


def class_shares(said: np.ndarray, assumed: np.ndarray) -> np.ndarray:
    """Return how frequent classes are, (K,), among pictures, by expectation maximisation.

    Only as good as the answers: measured on PACS from one style to another with classes as unequal
    as 6 to 1, it was off by .16 in total variation on adapted answers (counting them, .15; taking
    the training's shares, .21), but by .56 on unadapted ones.

    Args:
        said: Probabilities, (M, K).
        assumed: The shares that the classifier takes for granted, (K,).

    Source: Saerens, Latinne & Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a
    Priori Probabilities".
    """
    shares = assumed
    for _ in range(SHARE_ROUNDS):
        weighted = said * (shares / np.maximum(assumed, 1e-12))
        shares = (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def _scaling(features: Features) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = {}
    for name, block in features.items():
        deviation = block.std(axis=0)
        varying = deviation[deviation > 1e-6]
        typical = np.median(varying) if len(varying) else 2.0
        found[name] = block.mean(axis=0), (deviation + typical / 2) * np.sqrt(block.shape[1])
    return found


def _scaled(features: Features, scaling: Mapping) -> dict[str, np.ndarray]:
    return {
        name: ((block - scaling[name][0]) / scaling[name][1]).astype(np.float32)
        for name, block in features.items()
    }


def _of_raw(probe: LinearProbe, scaling: Mapping) -> LinearProbe:
    """Return a classifier of standardised features as one of raw ones."""
    mean, scale = (np.concatenate([scaling[n][part] for n in scaling]) for part in (0, 1))
    return replace(
        probe,
        mean=(mean + scale * probe.mean).astype(np.float32),
        scale=(scale * probe.scale).astype(np.float32),
    )


def _risk(said: np.ndarray) -> float:
    def entropy(shares: np.ndarray) -> np.ndarray:
        return -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=-1)

    most = np.log(said.shape[1])
    return float(1 - (entropy(said.mean(axis=0)) - entropy(said).mean()) / most)


def _distance(source: np.ndarray, target: np.ndarray) -> float:
    """Return the proxy A-distance of two places: 2 (1 - 2 error) of telling them apart."""
    place = np.repeat([0, 1], [len(source), len(target)])
    with suited_threads(len(place)):
        fitted = Basis({"last": np.concatenate([source, target])}).fit(place, 2)
    right = fitted.out_of_group.argmax(axis=1) == place
    error = np.mean([1 - right[place == one].mean() for one in (0, 1)])
    return float(np.clip(2 * (1 - 2 * error), 0, 2))
