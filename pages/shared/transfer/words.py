"""What a comparison has found, in words: numbers and names in, sentences out."""

from pages.shared.results import pictures_text
from pages.shared.text import percent
from tl_core.images.subsets import parse_subset
from tl_core.runs.results.assessment import (
    Assessment,
    LayerCurve,
    LearningCurve,
    Measured,
    PretrainingDistance,
    Similarity,
    Verdict,
)

TITLES = {
    "majority": "Always the most frequent class",
    "colours": "Colour histogram",
    "random": "Same network, random weights",
    "small": "Small network from scratch",
    "scratch": "Whole network from scratch",
    "transferred": "Pretrained model",
}
BUDGETS = {
    "majority": "uses no picture",
    "colours": "a histogram of 64 colours per picture, and a linear classifier",
    "random": "the same architecture with frozen random weights, and the same classifier on top "
    "as the pretrained model",
    "small": "4 convolutional layers on pictures of 64 pixels, random flips and shifts; no "
    "pretraining",
    "scratch": "the chosen architecture from random weights",
    "transferred": "frozen pretrained weights, and a linear classifier on the features of all "
    "stages",
}
RIVALS = {
    "random": "the same network with random weights",
    "small": "a small network trained from scratch",
}
STEADY_PICTURES = 200  # from here on the Fréchet distance is steady enough not to warn
SURE = 0.6
NO_MORE_GAIN, TOO_WIDE = 0.01, 0.2


def title_of(bar: Measured) -> str:
    return TITLES.get(bar.name, bar.name)


def budget_of(bar: Measured) -> str:
    """Return what a way to classify was allowed."""
    steps = f", {bar.steps} steps of {bar.batch_size} pictures" if bar.steps else ""
    return BUDGETS.get(bar.name, "") + steps


def measured_on(bar: Measured, found: Assessment) -> str:
    """Return which pictures a bar is about, as it reads after their number."""
    if bar.measured_on == "compared" and found.folds > 1:
        return f"pictures, each predicted by a model that {_learned(found.folds)}"
    return pictures_text("test" if bar.measured_on == "compared" else bar.measured_on)


def division_text(folds: int) -> str:
    """Return how pictures were divided, a sentence."""
    if folds > 1:
        return f"For each picture, every method {_learned(folds)}."
    return "Measured on one held-out part."


def _learned(folds: int) -> str:
    return f"learned from the other {folds - 1} of {folds} folds"


def verdict_text(verdict: Verdict) -> str:
    low, high = (_signed(value) for value in verdict.interval_points)
    on = f"95 % [[confidence interval]] {low} to {high}, same {verdict.n:,} pictures and folds"
    rival = RIVALS.get(verdict.against, verdict.against)
    size = f"{abs(verdict.points):.0f} point{'' if round(abs(verdict.points)) == 1 else 's'}"
    if verdict.answer == "helped":
        return f"The pretrained model helped: {size} more than {rival} ({on})."
    if verdict.answer == "hurt":
        return f"The pretrained model hurt: {size} less than {rival} ({on})."
    return (
        f"No clear difference between the pretrained model and {rival}: "
        f"{_signed(verdict.points)} points ({on}). More pictures would narrow this down."
    )


def _signed(points: float) -> str:
    """Return whole points with their sign, and what is less than one with a decimal."""
    text = f"{points:+.0f}"
    return f"{points:+.1f}" if text in ("+0", "-0") else text


def layers_text(curve: LayerCurve) -> str:
    """Return where in the network the knowledge for these pictures sits."""
    points, frozen = curve.points, curve.suggested_frozen
    accuracies = [point.accuracy for point in points]
    most, last = percent(max(accuracies)), percent(accuracies[-1])
    if frozen is None:
        return (
            f"No clear difference between the layer groups ({100 * min(accuracies):.0f} to "
            f"{most}): these pictures do not tell which layers to train."
        )
    if frozen >= len(points):
        return (
            f"The last layer group ({last}) is as good as any, and clearly better than some "
            "earlier ones. Freezing the whole backbone is a sensible start."
        )
    enough = points[frozen - 1]
    return (
        f"{enough.group_name[0].upper()}{enough.group_name[1:]} ({percent(enough.accuracy)}; best "
        f"group {most}) is clearly better than the last layer group ({last}). Freezing up to "
        f"{enough.group_name} and training the rest is worth a try."
    )


def learning_text(curve: LearningCurve) -> str:
    """Return what more pictures would bring."""
    if not curve.extrapolated:
        return "There are too few pictures per class to estimate what more of them would bring."
    last = curve.points[-1]
    size, low, middle, high = curve.extrapolated[0]
    text = (
        f"With {last.per_class} training pictures per class the accuracy is "
        f"{percent(last.accuracy)}; with twice as many ({size}) it would be about "
        f"{percent(middle)}, between {100 * low:.0f} and {percent(high)}, if the curve continues "
        "as it began."
    )
    if high - low > TOO_WIDE:
        return f"{text} This range is too wide to plan with."
    if middle - last.accuracy < NO_MORE_GAIN:
        return f"{text} More pictures like these would hardly help; more varied ones may."
    return text


def distance_text(found: PretrainingDistance) -> str:
    """Return how far the pictures are from the ones that the backbone was trained on."""
    if found.distance is None:
        return (
            "This backbone has no BatchNorm layers, so its weights hold no statistics of the "
            "pretraining data and the distance cannot be computed."
        )
    size = f"{found.distance:.2f} standard deviations"
    kept = "the means and variances of the pretraining data (BatchNorm statistics)"
    text = {
        "near": f"Close: your pictures' features are similar to {kept} ({size}).",
        "apart": f"Moderate: your pictures' features differ from {kept} ({size}).",
        "far": f"Far: your pictures' features are unlike {kept} ({size}). Early layers may still "
        "be useful; late ones less so.",
    }[found.nearness or "apart"]
    if found.limits_known:
        return text
    return f"{text} The limits were calibrated on another backbone, so this is approximate."


def seen_text(found: PretrainingDistance) -> str:
    """Return how sure the backbone's own classifier is of what it takes the pictures for."""
    if found.missing == "classifier":
        return (
            "This backbone's original classifier is not on this machine, so its predictions for "
            "your pictures cannot be shown."
        )
    if found.sureness is None or found.class_count is None:
        return "The names of this backbone's pretraining classes are unknown."
    manner = "Its confidence is high" if found.sureness > SURE else "Its confidence is low"
    return (
        f"The original classifier must choose one of {found.class_count:,} pretraining classes "
        f"for each picture. {manner} (typically {percent(found.sureness)})."
    )


def part_names(pair: Similarity) -> tuple[str, str]:
    """Return what the two parts are called."""
    a, b = parse_subset(pair.a).title, parse_subset(pair.b).title
    drawn = "randomly drawn " if pair.drawn else ""
    return a, f"{drawn}{b[0].lower()}{b[1:]}"


def similarity_text(pair: Similarity) -> str:
    """Return what the distance of two parts means, a sentence per line."""
    a, b = part_names(pair)
    if pair.proxy_a_distance < 0.4:
        lines = [
            (
                f"{a} and {b} are hardly distinguishable: an accuracy measured on one should hold "
                "for the other."
            )
        ]
    elif pair.proxy_a_distance < 1.2:
        lines = [
            f"{a} and {b} differ noticeably: expect a somewhat lower accuracy when training on "
            "one and testing on the other."
        ]
    else:
        lines = [
            f"{a} and {b} are easily distinguished: an accuracy measured on one says little about "
            "the other. Train on pictures of both."
        ]
    if pair.frechet is not None and pair.frechet_chance is not None:
        lines.append(
            f"Fréchet distance {pair.frechet:.1f}; for a random division of the same pictures it "
            f"would be {pair.frechet_chance:.1f}."
        )
    counts = f"{pair.n_a:,} and {pair.n_b:,} pictures"
    if min(pair.n_a, pair.n_b) >= STEADY_PICTURES:
        lines.append(f"{counts}: enough for a stable comparison.")
    else:
        lines.append(
            f"Only {counts}: with so few, the Fréchet distance is biased upwards. Compare it with "
            "the value for a random division; a small difference from that means little."
        )
    return "\n".join(lines)
