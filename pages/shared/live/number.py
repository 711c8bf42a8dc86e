"""The live model's number as cards, with everything that it rests on."""

from pages.shared.elements import number_cards
from pages.shared.live.known import Live
from pages.shared.live.words import looking_text, measured_on, missing_text, unmeasured_text
from pages.shared.results import HonestNumber, honest_card
from pages.shared.text import counted


def live_numbers(live: Live, *, pictures: int, classes: int) -> None:
    """Draw the accuracy, and of how many pictures and classes the project is made."""
    project = ("In this project", counted(pictures, "picture"), f"in {counted(classes, 'class')}")
    number_cards(_accuracy_card(live), project, wide=True)


def _accuracy_card(live: Live) -> tuple[str, str, str]:
    now = live.state
    if now is None:
        return "Accuracy", "…", live.known.trouble or "The model is starting."
    if now.accuracy is None:
        value = "…" if now.missing == "features" else "–"
        return "Accuracy", value, missing_text(now) or (looking_text(now) or "").capitalize()
    number = HonestNumber(
        correct=now.correct, n=now.n, measured_on=measured_on(now), interval=now.interval
    )
    label, value, facts = honest_card("Accuracy", number)
    return label, value, "\n".join(filter(None, [facts, unmeasured_text(now)]))
