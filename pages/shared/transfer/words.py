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
    "colours": "Colours only",
    "random": "Same network, random weights",
    "small": "Small network from scratch",
    "scratch": "Whole network from scratch",
    "transferred": "Pretrained model",
}
BUDGETS = {
    "majority": "looks at no picture",
    "colours": "a histogram of 64 colours per picture, and a linear classifier",
    "random": "the architecture without what it learned: frozen random weights, and the same "
    "classifier on top as the pretrained model has",
    "small": "4 convolutional layers on pictures of 64 pixels, mirrored and shifted at random; no "
    "pretraining",
    "scratch": "the chosen architecture from random weights",
    "transferred": "frozen pretrained weights; which of their features to read and how to fit a "
    "linear classifier is chosen inside each fold",
}
RIVALS = {
    "random": "the same network with random weights",
    "small": "a small network trained from scratch",
}
ANSWERS = {
    "helped": "It helped",
    "hurt": "It hurt",
    "no clear difference": "No clear difference",
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
        return pictures_text("all", found.folds)
    return pictures_text("test" if bar.measured_on == "compared" else bar.measured_on)


def division_text(folds: int) -> str:
    """Return how pictures were divided."""
    if folds > 1:
        return f"cross-validation in {folds} folds"
    return "one part held out"


def verdict_text(verdict: Verdict) -> str:
    low, high = (_signed(value) for value in verdict.interval_points)
    on = f"95 % interval {low} to {high}, on the same {verdict.n:,} pictures"
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
    points = curve.points
    best = max(points, key=lambda point: point.accuracy)
    enough = points[min(curve.suggested_frozen, len(points)) - 1]
    share, most = percent(enough.accuracy), percent(best.accuracy)
    if enough == points[-1]:
        return (
            f"What the network knows of use for your pictures grows up to its last layers "
            f"({share}), so these fit your pictures. Freezing all of it is a sensible start."
        )
    if enough == points[0]:
        return (
            f"The first layers alone ({share}) do as well as any later ones ({most}): what the "
            "network learned beyond edges and colours adds nothing here. Training all but the "
            "first group is worth a try."
        )
    return (
        f"The knowledge for your pictures is complete after {enough.group_name} ({share}; the "
        f"best group reaches {most}). Later layers know more about other pictures than about "
        f"yours: freezing up to {enough.group_name} and training what follows is worth a try."
    )


def learning_text(curve: LearningCurve) -> str:
    """Return what more pictures would bring."""
    if not curve.extrapolated:
        return "There are too few pictures per class to say what more of them would bring."
    last = curve.points[-1]
    size, low, middle, high = curve.extrapolated[0]
    text = (
        f"With {last.per_class} pictures per class to learn from, {percent(last.accuracy)} are "
        f"right; twice as many ({size}) would give about {percent(middle)}, somewhere between "
        f"{100 * low:.0f} and {percent(high)} if the curve goes on as it began."
    )
    if high - low > TOO_WIDE:
        return f"{text} That is too wide to plan with."
    if middle - last.accuracy < NO_MORE_GAIN:
        return f"{text} More pictures like these would hardly help; more varied ones may."
    return text


def distance_text(found: PretrainingDistance) -> str:
    """Return how far the pictures are from the ones that the backbone was trained on."""
    if found.distance is None:
        return (
            "The weights of this backbone keep no statistics of what it saw (it has no BatchNorm "
            "layers), so the distance to that cannot be said."
        )
    size = f"{found.distance:.2f} standard deviations"
    kept = "the averages and spreads of its training pictures that its weights keep"
    text = {
        "near": f"Close: inside the network your pictures look much like {kept} ({size}).",
        "apart": f"Some way off: inside the network your pictures differ from {kept} ({size}).",
        "far": f"Far: inside the network your pictures are unlike {kept} ({size}). Early layers "
        "may still serve; late ones less so.",
    }[found.nearness or "apart"]
    if found.limits_known:
        return text
    return f"{text} Where close ends and far begins was set with another backbone: take it roughly."


def seen_text(found: PretrainingDistance) -> str:
    """Return how sure the backbone's own classifier is of what it takes the pictures for."""
    if found.missing == "classifier":
        return (
            "The classifier that this backbone was trained with is not on this machine, so what "
            "it would take your pictures for cannot be said."
        )
    if found.sureness is None or found.class_count is None:
        return "The names of the classes that this backbone was trained with are not known."
    manner = "It is sure of that" if found.sureness > SURE else "It is rather unsure of that"
    return (
        f"It knows {found.class_count:,} kinds of things and has to name one for each picture. "
        f"{manner} (typically {percent(found.sureness)})."
    )


def part_names(pair: Similarity) -> tuple[str, str]:
    """Return what the two parts are called."""
    a, b = parse_subset(pair.a).title, parse_subset(pair.b).title
    drawn = " (drawn at random)" if pair.drawn else ""
    return a, f"{b[0].lower()}{b[1:]}{drawn}"


def similarity_text(pair: Similarity) -> str:
    """Return what the distance of two parts means, a sentence per line."""
    a, b = part_names(pair)
    if pair.proxy_a_distance < 0.4:
        lines = [
            f"{a} and {b} can hardly be told apart: what holds for one should hold for the other."
        ]
    elif pair.proxy_a_distance < 1.2:
        lines = [
            f"{a} and {b} differ noticeably: expect a somewhat lower accuracy where one was "
            "learned from and the other is asked about."
        ]
    else:
        lines = [
            f"{a} and {b} are easily told apart: an accuracy measured on one says little about "
            "the other. Learn from pictures of both kinds."
        ]
    if pair.frechet is not None and pair.frechet_chance is not None:
        lines.append(
            f"Fréchet distance {pair.frechet:.1f}; dealt out at random it would be "
            f"{pair.frechet_chance:.1f}."
        )
    counts = f"{pair.n_a:,} and {pair.n_b:,} pictures"
    if min(pair.n_a, pair.n_b) >= STEADY_PICTURES:
        lines.append(f"{counts}: steady enough to compare.")
    else:
        lines.append(
            f"Only {counts}: the Fréchet distance is too large with so few, so compare it with "
            "what chance gives; a difference of a few tenths of the other means little."
        )
    return "\n".join(lines)
