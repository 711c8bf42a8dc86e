"""Text as it is shown: names literally; sizes, counts, shares and times as people say them."""

import re
from html import escape

_BREAK = "\u2060"  # word joiner: keeps ":smile:", "->" and "www." from being read as markup


def plain(text: str) -> str:
    """Return text that Streamlit's markdown shows literally."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", unbroken(text).replace("\n", " "))
    return re.sub(r"([:\-<>=]|w(?=w))", rf"\1{_BREAK}", escaped)


def html_text(text: str) -> str:
    """Return text for HTML, shown literally and `unbroken`."""
    return escape(unbroken(text))


def unbroken(text: str) -> str:
    """Return text in which a number and its per cent sign stay in one line."""
    return text.replace(" %", "\u00a0%")


def clipped(text: str, length: int = 60) -> str:
    """Return a person's text cut to `length`."""
    return text if len(text) <= length else text[: length - 1] + "…"


LICENCES = {
    "apache-2.0": "Apache 2.0",
    "bsd-3-clause": "BSD 3-Clause",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "dinov3-license": "DINOv3 License",
    "mit": "MIT",
}


def licence_text(licence: str) -> str:
    """Return the name that people know of a licence that timm names by an identifier."""
    return LICENCES.get(licence, licence)


def counted(count: int, one: str, more: str | None = None) -> str:
    """Return a number of things: "1 picture", "1,200 pictures", "2 classes"."""
    many = more or (f"{one}es" if one.endswith("s") else f"{one}s")
    return f"{count:,} {one if count == 1 else many}"


def megabytes(size: int) -> str:
    """Return a size in bytes as people read it."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size, 1e5) / 1e6:.{size < 1e7:d}f} MB"


def percent(value: float) -> str:
    """Return a fraction as whole percent."""
    return f"{100 * value:.0f} %"


def sureness(value: float) -> str:
    """Return a probability as whole percent that never claims certainty or impossibility."""
    if value >= 0.995:
        return "over 99 %"
    return "under 1 %" if value < 0.005 else percent(value)


def short_sureness(value: float) -> str:
    """Return the same where there is little room: "> 99 %"."""
    return sureness(value).replace("over", ">").replace("under", "<")


def count_text(number: int) -> str:
    """Return a count as a person says it: 950, 98 thousand, 3.4 million."""
    if number < 1_000:
        return str(number)
    if number < 999_500:
        value = number / 1_000
        return f"{value:.1f} thousand" if value < 10 else f"{value:.0f} thousand"
    return f"{number / 1e6:.1f} million"


def device_text(device: str, cores: int) -> str:
    """Say where a training computes: on "cpu" with so many cores, "mps", or a named card."""
    if device == "cpu":
        return f"{cores} processor core{'s' if cores > 1 else ''}"
    return "the graphics part of this Mac" if device == "mps" else f"the graphics card ({device})"


def duration(seconds: float) -> str:
    """Return a time span as people say it."""
    if seconds < 1.5:
        return "a second"
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
