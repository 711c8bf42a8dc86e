"""Did the pretrained model help? The paired difference over the same pictures and folds."""

from scipy.special import ndtri

from tl_core.evaluation.out_of_fold import OutOfFold
from tl_core.runs.results.assessment import Verdict
from tl_core.runs.results.intervals import FOLDS_TELL, Z_95, paired_gain

NETWORKS = ("random", "small")  # baselines that the pretrained model must beat


def difference(
    a: OutOfFold, b: OutOfFold, *, best_of: int = 1
) -> tuple[float, tuple[float, float]]:
    """Return the difference of accuracy, a minus b, and its 95 % interval, fractions.

    Both answered the same pictures in the same folds, so only those that one of them gets right and
    the other wrong tell them apart. Groups of pictures stand together: where they are won or lost
    as a whole, the interval is as much wider.

    Args:
        a: Answers of the first method.
        b: Answers of the second.
        best_of: Of how many the second did best. It is a little better by chance then, so the
            upper bound is further away (Bonferroni).
    """
    gain, error = paired_gain(b.correct, a.correct, a.groups)
    low = gain - FOLDS_TELL * Z_95 * error
    high = gain - FOLDS_TELL * float(ndtri(0.025 / best_of)) * error
    return a.accuracy - b.accuracy, (max(-1.0, low), min(1.0, high))


def verdict_of(transferred: OutOfFold, others: dict[str, OutOfFold]) -> Verdict | None:
    """Return the verdict against the best baseline without pretraining; None without any.

    Args:
        transferred: Answers with the pretrained model.
        others: Baselines by their `Measured.name`, in the same folds.

    Source: Wang et al. (2019), "Characterizing and Avoiding Negative Transfer",
    arXiv:1811.09751, for the difference with and without the source.
    """
    if not others:
        return None
    against = max(others, key=lambda name: others[name].accuracy)
    mean, (low, high) = difference(transferred, others[against], best_of=len(others))
    return Verdict(
        answer="helped" if low > 0 else "hurt" if high < 0 else "no clear difference",
        points=100 * mean,
        interval_points=(100 * low, 100 * high),
        against=against,
        n=len(transferred.labels),
    )
