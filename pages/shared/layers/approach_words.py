"""The ways to transfer in words: cards, what is missing, and their settings."""

from dataclasses import dataclass

from tl_core.runs.approach import LABELS, NORMAL, QUESTIONS, TARGET, UNLABELLED


@dataclass(frozen=True)
class ApproachText:
    """What a person needs to choose an approach: what it needs, gives and costs."""

    title: str
    needs: str
    gives: str
    costs: str
    icon: str


CLASSES = ApproachText(
    "Tell classes apart",
    "Pictures of two classes or more.",
    "The class of a new picture.",
    "Seconds; minutes with [[fine-tuning]].",
    "category",
)
APPROACH_TEXT = {
    "domain_adaptation": ApproachText(
        "Adapt to a new place",
        "Your classes, and pictures of the new place without labels, 50 or more.",
        "A model for that place ([[domain adaptation]]), if a method is better than none.",
        "Seconds, like linear probing.",
        "move_location",
    ),
    "self_supervised": ApproachText(
        "Learn from pictures without labels",
        "Your classes, and pictures of the same kind without labels, hundreds or more.",
        "A model that learns from them too ([[self-training]]), if that is more accurate on your "
        "labelled pictures.",
        "Seconds to minutes.",
        "model_training",
    ),
    "anomaly_detection": ApproachText(
        "Find what is not normal",
        "Pictures of normal things only, 30 or more.",
        "How unusual a new picture is, and where ([[anomaly detection]]).",
        "Seconds, like linear probing.",
        "troubleshoot",
    ),
    "multi_task": ApproachText(
        "Several questions",
        "Answers to further questions about your pictures; blanks are fine.",
        "An answer to each question, or several labels per picture, by one model.",
        "Seconds, like linear probing.",
        "quiz",
    ),
}
MISSING_TEXT = {
    LABELS: "Needs two classes with two pictures each: add them on Images.",
    NORMAL: "Needs a class with five normal pictures or more: add them on Images.",
    TARGET: "Needs five pictures of the new place or more, without labels: add them on Images.",
    UNLABELLED: "Needs 20 pictures without a label or more: add them on Images.",
    QUESTIONS: "Needs a further question with two answers, two pictures each: ask it on Images.",
}
OPTION_TEXT = {
    "normal": "Which class is normal?",
    "false_alarms": "Normal pictures that may raise a false alarm",
    "target": "Which place will the model be used at?",
    "method": "How to learn without labels",
    "epochs": "Epochs of re-training",
    "learn_target_labels": "Also learn from the labelled pictures of the new place",
}
CHOICE_TEXT = {
    "self_training": "Self-training: from the model's own answers, in seconds",
    "normalisation": "Re-estimate the batch normalisation of the last stage",
    "simsiam": "Re-train the last stage: SimSiam",
    "byol": "Re-train the last stage: BYOL",
    "vicreg": "Re-train the last stage: VICReg",
}
