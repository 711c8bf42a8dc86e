"""Tables of labels, one column per question, into what a project's questions are."""

from pathlib import Path, PurePosixPath

from tl_core.errors import DatasetError
from tl_core.images import (
    PictureRow,
    delete_question,
    get_images,
    give_answers,
    list_questions,
    picture_rows,
)
from tl_core.images.label_files.reading import read_table, text_of
from tl_core.images.labels.questions import NO, YES, Answers
from tl_core.workspace.storage import Workspace

FILE = "file"
Table = list[dict[str, str]]


def store_questions(
    workspace: Workspace,
    project_id: str,
    labels: Path,
    test_labels: Path | None,
    *,
    multilabel: bool,
) -> list[str]:
    """Keep what is asked of a project's pictures; return the names of files that are not there.

    Raises:
        DatasetError: If a table cannot be read, or has no questions.
    """
    rows = picture_rows(workspace, project_id)
    answers: Answers = {}
    missing: list[str] = []
    for path, tests in ((labels, False), (test_labels, True)):
        if path is None:
            continue
        found = _by_name([row for row in rows if (row.split_given == "test") == tests])
        for line in _table(path):
            digest = found.get(_name(line[FILE]))
            if digest is None:
                missing.append(line[FILE])
                continue
            for question, value in line.items():
                if question != FILE and value:
                    answer = _yes_or_no(value, question, path) if multilabel else value
                    answers.setdefault(question, {})[digest] = answer
    if not answers:
        raise DatasetError(
            f"No file that '{labels}' names is in the folder. Its column '{FILE}' holds names as "
            "they are below the folder, such as leaves/one.jpg."
        )
    records = get_images(workspace, project_id, [row.digest for row in rows])
    ids = {one.digest: one.id for one in records}
    for question in list_questions(workspace, project_id).keys() - answers.keys():
        delete_question(workspace, project_id, question)  # of an earlier table
    by_id = {
        question: dict.fromkeys(ids.values())
        | {ids[digest]: answer for digest, answer in given.items()}
        for question, given in answers.items()
    }
    give_answers(workspace, project_id, by_id, doing=f"take the answers of {labels.name}")
    return missing


def _table(path: Path) -> Table:
    try:
        head, rows = read_table(str(path), text_of(path.read_bytes()))
    except OSError as error:
        raise DatasetError(f"'{path}' cannot be read as a table ({error}).") from error
    if FILE not in head or len(head) < 2:
        raise DatasetError(
            f"'{path}' needs a column '{FILE}' and one per question; it has {', '.join(head)}."
        )
    cells = [""] * len(head)
    return [dict(zip(head, row + cells[len(row) :], strict=False)) for row in rows]


def _yes_or_no(value: str, question: str, path: Path) -> str:
    if value not in ("0", "1"):
        raise DatasetError(f"'{path}' has '{value}' in column '{question}'; expected 0 or 1.")
    return YES if value == "1" else NO


def _name(text: str) -> str:
    return str(PurePosixPath(text.replace("\\", "/")))


def _by_name(rows: list[PictureRow]) -> dict[str, str]:
    """Return digests by the names of pictures, and by their last part where that is the only."""
    ends: dict[str, list[str]] = {}
    for row in rows:
        ends.setdefault(PurePosixPath(row.name).name, []).append(row.digest)
    short = {name: digests[0] for name, digests in ends.items() if len(digests) == 1}
    return short | {_name(row.name): row.digest for row in rows}
