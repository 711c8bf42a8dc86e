"""New pictures that a run has classified, kept with it: answers, files, what a person corrected.

One folder at a time, the newest. A line is written per answer as it comes, so that what was
answered survives whatever ends the app.
"""

import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath

from tl_core.images import SourceFile
from tl_core.runs.results.answers import Answer
from tl_core.runs.results.live import PlaceChange
from tl_core.workspace.json_values import UNREADABLE, read_json, value_of, write_json
from tl_core.workspace.storage import storage_errors, write_unsynced

FOLDER = "classified"
# What no file system takes, or takes for a path.
_UNUSABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_ANSWERS, _FACTS, _CHECKED = "answers.jsonl", "facts.json", "checked.json"


@dataclass(frozen=True, kw_only=True)
class ClassifiedPicture:
    """One file of the folder.

    Args:
        number: Its place, from 0.
        answer: What the model says.
        checked: The class that a person has confirmed or corrected; None before that.
        added: Whether it has been put into the project.
    """

    number: int
    answer: Answer
    checked: str | None = None
    added: bool = False

    @property
    def class_name(self) -> str | None:
        """The class that counts: the person's, else the model's; None for a skipped file."""
        found = self.answer.prediction
        return self.checked or (found.class_name if found else None)


@dataclass(frozen=True, kw_only=True)
class Classified:
    """A folder of pictures that a run has classified, as far as it has come."""

    total: int
    pictures: tuple[ClassifiedPicture, ...] = ()
    place: PlaceChange | None = None


@dataclass(frozen=True, kw_only=True)
class _Facts:
    total: int
    place: PlaceChange | None = None


@dataclass(frozen=True, kw_only=True)
class _Check:
    number: int
    class_name: str
    added: bool = False


def begin(run_dir: Path, total: int) -> None:
    """Make room for a new folder of `total` files; the one before is deleted."""
    forget(run_dir)
    with storage_errors("keeping the answers"):
        (run_dir / FOLDER).mkdir(parents=True)
    write_json(run_dir / FOLDER / _FACTS, _Facts(total=total))


def forget(run_dir: Path) -> None:
    """Delete the kept folder; none is fine."""
    shutil.rmtree(run_dir / FOLDER, ignore_errors=True)


def keep(run_dir: Path, number: int, answer: Answer, content: bytes, thumbnail: bytes) -> None:
    """Add one answer with its file; without a prediction the file is not kept."""
    folder = run_dir / FOLDER
    if answer.prediction:
        write_unsynced(folder / f"{number}", content)
        write_unsynced(folder / f"{number}.webp", thumbnail)
    with storage_errors("keeping the answers"), (folder / _ANSWERS).open("ab") as lines:
        lines.write(json.dumps({"number": number, **asdict(answer)}).encode() + b"\n")


def keep_place(run_dir: Path, place: PlaceChange | None) -> None:
    """Add how far the pictures are from the project's."""
    facts = read_json(run_dir / FOLDER / _FACTS, _Facts)
    if facts and place:
        write_json(run_dir / FOLDER / _FACTS, replace(facts, place=place))


def read_classified(run_dir: Path) -> Classified | None:
    """Return the kept folder, None if there is none; a line cut off by a crash is left out."""
    facts = read_json(run_dir / FOLDER / _FACTS, _Facts)
    if facts is None:
        return None
    checks = _checks(run_dir)
    pictures = []
    for number, answer in _answers(run_dir / FOLDER / _ANSWERS):
        check = checks.get(number)
        pictures.append(
            ClassifiedPicture(
                number=number,
                answer=answer,
                checked=check.class_name if check else None,
                added=bool(check and check.added),
            )
        )
    return Classified(total=facts.total, pictures=tuple(pictures), place=facts.place)


def check(run_dir: Path, class_names: dict[int, str]) -> None:
    """Note the right class of pictures, by number, that a person has looked at."""
    checks = _checks(run_dir)
    for number, class_name in class_names.items():
        checks[number] = _Check(number=number, class_name=class_name)
    write_json(run_dir / FOLDER / _CHECKED, [asdict(one) for one in checks.values()])


def mark_added(run_dir: Path, numbers: Iterable[int]) -> None:
    """Note that pictures which were checked are in the project now."""
    checks, wanted = _checks(run_dir), set(numbers)
    now = [replace(one, added=one.added or one.number in wanted) for one in checks.values()]
    write_json(run_dir / FOLDER / _CHECKED, [asdict(one) for one in now])


def picture_file(run_dir: Path, number: int) -> Path:
    return run_dir / FOLDER / f"{number}"


def thumbnail_file(run_dir: Path, number: int) -> Path:
    return run_dir / FOLDER / f"{number}.webp"


def checked_files(run_dir: Path, found: Classified) -> list[SourceFile]:
    """Return the checked pictures that are not in the project yet, as files to add to it."""
    return [
        SourceFile(one.answer.name, picture_file(run_dir, one.number).read_bytes, one.checked)
        for one in found.pictures
        if one.checked and not one.added
    ]


def sorted_zip(run_dir: Path, found: Classified) -> bytes:
    """Return a ZIP file of the pictures in a folder per class: the person's, else the model's."""
    content, taken = BytesIO(), set()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:  # pictures do not shrink
        for one in found.pictures:
            if one.answer.prediction is None:
                continue
            name = usable_name(PurePosixPath(one.answer.name.replace("\\", "/")).name)
            path = f"{usable_name(one.class_name)}/{name}"
            if path.lower() in taken:
                path = f"{usable_name(one.class_name)}/{one.number} {name}"
            taken.add(path.lower())
            with suppress(OSError):  # somebody has deleted the file
                archive.writestr(path, picture_file(run_dir, one.number).read_bytes())
    return content.getvalue()


def usable_name(name: str) -> str:
    """Return a name that a folder or file can have on every system."""
    return _UNUSABLE.sub("_", name).strip().rstrip(".") or "_"


def _answers(path: Path) -> Iterator[tuple[int, Answer]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(*UNREADABLE):
            data = json.loads(line)
            yield int(data["number"]), value_of(Answer, data)


def _checks(run_dir: Path) -> dict[int, _Check]:
    found = read_json(run_dir / FOLDER / _CHECKED, tuple[_Check, ...]) or ()
    return {one.number: one for one in found}
