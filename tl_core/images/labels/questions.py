"""Further questions about the pictures: an answer per picture or none; classes stay as they are.

A question is there while some picture has an answer to it.
"""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import func, select

from tl_core.errors import DatasetError
from tl_core.images.queries import write_answers
from tl_core.images.records import MAX_CLASS_NAME_LENGTH
from tl_core.images.undo import remember
from tl_core.workspace.database import AnswerRow, ImageRow, session
from tl_core.workspace.names import printable
from tl_core.workspace.storage import Workspace

NO, YES = "no", "yes"  # of a question whether a picture has a label
TRUTHS = dict.fromkeys(("0", "0.0", "false", NO), NO)
TRUTHS |= dict.fromkeys(("1", "1.0", "true", YES), YES)

Answers = dict[str, dict[str, str]]  # by question, then by digest


def list_questions(workspace: Workspace, project_id: str) -> dict[str, dict[str, int]]:
    """Return the questions by name: how many pictures that take part have each answer."""
    wanted = (
        select(AnswerRow.question, AnswerRow.answer, func.count(AnswerRow.id))
        .join(ImageRow, ImageRow.id == AnswerRow.image_id)
        .where(AnswerRow.project_id == project_id, ImageRow.excluded.is_(False))
        .group_by(AnswerRow.question, AnswerRow.answer)
        .order_by(AnswerRow.question, AnswerRow.answer)
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with session(workspace, write=False) as opened:
        for question, answer, count in opened.execute(wanted):
            found[question][answer] = count
    return dict(found)


def answers_of(workspace: Workspace, project_id: str, *, excluded: bool | None = False) -> Answers:
    """Return the answer to each question, in order, by digest; `excluded` as in `list_images`."""
    wanted = (
        select(AnswerRow.question, ImageRow.digest, AnswerRow.answer)
        .join(ImageRow, ImageRow.id == AnswerRow.image_id)
        .where(AnswerRow.project_id == project_id)
        .order_by(AnswerRow.question, ImageRow.id)
    )
    if excluded is not None:
        wanted = wanted.where(ImageRow.excluded.is_(excluded))
    found: Answers = defaultdict(dict)
    with session(workspace, write=False) as opened:
        for question, digest, answer in opened.execute(wanted):
            found[question][digest] = answer
    return dict(found)


def give_answers(
    workspace: Workspace,
    project_id: str,
    answers: Mapping[str, Mapping[int, str | None]],
    *,
    doing: str,
) -> int:
    """Answer questions about pictures, in one change that can be undone; return how many changed.

    Args:
        workspace: Where the project is.
        project_id: Whose pictures.
        answers: By question, then by the id of a picture; None takes an answer back.
        doing: What is being done, for the list of changes.

    Raises:
        DatasetError: If a question or an answer is empty or too long.
    """
    clean = {
        clean_text(question, "question"): {
            image_id: None if answer is None else clean_text(answer, "answer")
            for image_id, answer in given.items()
        }
        for question, given in answers.items()
    }
    before, changed = [], 0
    with session(workspace) as opened:
        mine = set(opened.scalars(select(ImageRow.id).where(ImageRow.project_id == project_id)))
        for question, given in clean.items():
            known = dict(
                opened.execute(
                    select(AnswerRow.image_id, AnswerRow.answer).where(
                        AnswerRow.project_id == project_id, AnswerRow.question == question
                    )
                ).all()
            )
            changing = {i: a for i, a in given.items() if i in mine and known.get(i) != a}
            if not changing:
                continue
            changed += len(changing)
            before += _grouped(question, {i: known.get(i) for i in changing}, anew=not known)
            for _, answer, ids in _grouped(question, changing):
                write_answers(opened, project_id, question, answer, ids)
        if changed:
            remember(opened, project_id, doing, answers=before)
    return changed


def delete_question(workspace: Workspace, project_id: str, question: str) -> int:
    """Take back all answers to a question; this can be undone."""
    with session(workspace, write=False) as opened:
        mine = AnswerRow.project_id == project_id, AnswerRow.question == question
        ids = opened.scalars(select(AnswerRow.image_id).where(*mine)).all()
    doing = f"delete the question '{question}'"
    return give_answers(workspace, project_id, {question: dict.fromkeys(ids)}, doing=doing)


def is_tag(answers: Mapping[str, object]) -> bool:
    """Whether a question with these answers asks if a picture has a label: yes or no."""
    return YES in answers and answers.keys() <= {NO, YES}


def clean_text(text: str, what: str) -> str:
    """Return a question or an answer as it is stored.

    Raises:
        DatasetError: If nothing visible is left or it is longer than `MAX_CLASS_NAME_LENGTH`.
    """
    cleaned = printable(text)
    if not cleaned or len(cleaned) > MAX_CLASS_NAME_LENGTH:
        raise DatasetError(
            f"The {what} '{cleaned[:40]}' has {len(cleaned)} characters; it needs 1 to "
            f"{MAX_CLASS_NAME_LENGTH} that can be seen."
        )
    return cleaned


def _grouped(question: str, given: Mapping[int, str | None], *, anew: bool = False) -> list[list]:
    """Return [question, answer, ids of the pictures]; ids None for all of a new question."""
    if anew:
        return [[question, None, None]]
    by_answer = defaultdict(list)
    for image_id, answer in given.items():
        by_answer[answer].append(image_id)
    return [[question, answer, ids] for answer, ids in by_answer.items()]
