"""The values that travel between the image set and everything else."""

from dataclasses import dataclass
from pathlib import Path

from tl_core.errors import DatasetError
from tl_core.images.files.sources import Skipped
from tl_core.workspace.names import printable

MAX_CLASS_NAME_LENGTH = 300  # characters


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """One picture of a project; sizes in pixels, upright.

    `split` is "train", "validation" or "test" where the person decided it, by folders or by
    locking; None where every training draws it with its own seed.
    """

    id: int
    digest: str
    extension: str
    name: str
    width: int
    height: int
    class_name: str | None
    excluded: bool
    split: str | None
    group: str | None


@dataclass(frozen=True, kw_only=True)
class ClassSummary:
    """A class with the number of its pictures; `excluded` of the `images` take no part."""

    name: str
    images: int
    excluded: int
    thumbnail: str | None  # digest of its first picture


@dataclass(frozen=True, kw_only=True)
class AddProgress:
    """How far adding has come; `skipped` holds everything left out so far."""

    done: int
    total: int | None
    added: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """A picture that takes part; `label` is the index of its class."""

    digest: str
    path: Path
    name: str
    label: int
    split: str
    group: str | None


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Everything that a training takes. `test_given`: the person brought the test part.

    `locked` is the locked test part: not among `images`, and not to be used for any choice.
    """

    class_names: tuple[str, ...]  # sorted
    images: tuple[LabelledImage, ...]
    test_given: bool
    locked: tuple[LabelledImage, ...] = ()

    @property
    def train(self) -> tuple[LabelledImage, ...]:
        return self._part("train")

    @property
    def validation(self) -> tuple[LabelledImage, ...]:
        return self._part("validation")

    @property
    def test(self) -> tuple[LabelledImage, ...]:
        return self._part("test")

    def _part(self, split: str) -> tuple[LabelledImage, ...]:
        return tuple(image for image in self.images if image.split == split)


def clean_class_name(name: str) -> str:
    """Return `name` as it is stored.

    Raises:
        DatasetError: If nothing visible is left or it is longer than `MAX_CLASS_NAME_LENGTH`.
    """
    cleaned = printable(name)
    if not cleaned:
        raise DatasetError("A class needs a name. Type what its pictures show.")
    if len(cleaned) > MAX_CLASS_NAME_LENGTH:
        raise DatasetError(
            f"The class name '{cleaned[:40]}…' is {len(cleaned)} characters long; "
            f"use at most {MAX_CLASS_NAME_LENGTH}."
        )
    return cleaned


def pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"
