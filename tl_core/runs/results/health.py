"""What a health check found wrong with pictures, by how much it matters."""

from collections.abc import Collection
from dataclasses import dataclass, replace

# Findings of the first kinds make numbers wrong, of the last ones they may be right as they are.
WEIGHTS = {
    "conflict": 0.9,  # not a kind, but copies under two labels
    "overlap": 0.8,
    "giveaway": 0.7,
    "label": 0.6,
    "similar_classes": 0.5,
    "near_duplicate": 0.4,
    "duplicate": 0.3,
    "imbalance": 0.3,
    "split_class": 0.2,
    "quality": 0.2,
    "outlier": 0.1,
}
KINDS = tuple(kind for kind in WEIGHTS if kind != "conflict")
ABOUT_CLASSES = {"giveaway", "similar_classes", "split_class", "imbalance"}


@dataclass(frozen=True)
class Suspect:
    """A picture's file; `digest` None for a copy that is not kept. `suggested` is another class.

    `score` says how unlikely the label is, `probability` how likely the suggested one, in [0, 1].
    """

    file: str
    digest: str | None
    label: str | None
    suggested: str | None = None
    score: float = 0.0
    split: str | None = None
    probability: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that the person may want to change.

    Args:
        kind: One of `KINDS`.
        severity: How much it matters, in [0, 1].
        message: What was found, for the person.
        pictures: It is about, or that show it best.
        about: What of the kind: "blurred", "frame".
        classes: That it is about.
        points: Points of accuracy that may be at stake, where that is known.
    """

    kind: str
    severity: float
    message: str
    pictures: tuple[Suspect, ...]
    about: str = ""
    classes: tuple[str, ...] = ()
    points: float | None = None

    @property
    def keys(self) -> frozenset[str]:
        """What is dismissed with it: never to be found again."""
        what = [self.kind, self.about]
        if self.kind in ABOUT_CLASSES:
            return frozenset({"|".join([*what, *self.classes])})
        return frozenset("|".join([*what, one.digest or one.file]) for one in self.pictures)


@dataclass(frozen=True)
class Health:
    """Findings, the most severe first, and every picture, the most suspect label first."""

    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...]

    def without(self, dismissed: Collection[str]) -> "Health":
        """Return what is left when what has these keys is dismissed."""
        left = []
        for finding in self.findings:
            new = finding.keys - frozenset(dismissed)
            if new == finding.keys:
                left.append(finding)
            elif new and finding.kind in ("label", "quality", "outlier"):
                left.append(_of(finding, new))
        return Health(tuple(left), self.suspects)


def severity_of(kind: str, share: float) -> float:
    """Return how much a finding matters that concerns this share of what it could concern."""
    return round(WEIGHTS[kind] + 0.1 * min(max(share, 0.0), 1.0), 4)


def counted(count: int, what: str = "picture", many: str | None = None) -> str:
    return f"{count:,} {what if count == 1 else many or what + 's'}"


def _of(finding: Finding, keys: Collection[str]) -> Finding:
    """Return the same of the pictures with these keys."""

    def key(one: Suspect) -> str:
        return "|".join([finding.kind, finding.about, one.digest or one.file])

    kept = tuple(one for one in finding.pictures if key(one) in keys)
    message = single_message(finding.kind, finding.about, len(kept))
    return replace(finding, pictures=kept, message=message)


def single_message(kind: str, about: str, count: int) -> str:
    """Return the message of a finding about so many single pictures."""
    if kind == "label":
        return _SINGLE[kind].format(counted(count))
    return _SINGLE[about or kind].format(f"{counted(count)} {'is' if count == 1 else 'are'}")


_SINGLE = {
    "label": "{} may have a wrong label. Please look: about half of such labels are right.",
    "outlier": "{} unlike the rest. Do they belong here?",
    "blurred": "{} blurred.",
    "dark": "{} very dark.",
    "over-exposed": "{} over-exposed.",
    "tiny": "{} much smaller than the rest.",
    "extreme aspect": "{} much longer one way than the other.",
}
