"""Further questions about the pictures, answered by hand: choose pictures, choose an answer."""

from dataclasses import replace
from functools import partial

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown, note_text
from pages.shared.gallery import PAGE_SIZE, Action, Filter, gallery
from pages.shared.images.changes import undo_button
from pages.shared.images.tiles import picture_tile
from pages.shared.text import counted, plain
from tl_core.errors import TLCoreError
from tl_core.images import (
    answers_of,
    delete_question,
    get_images,
    give_answers,
    list_digests,
    list_questions,
)
from tl_core.images.label_files.reading import DIGEST, FILE_COLUMNS, LABEL_COLUMNS
from tl_core.images.labels.questions import NO, YES

QUESTION, FILTER, PAGE, OTHER = "question", "question-filter", "question-page", "question-other"
ALL, BLANK = "all", "blank"
TAKEN = (*FILE_COLUMNS, *LABEL_COLUMNS, DIGEST)  # columns of a label file


def show_questions(project_id: str) -> None:
    """Draw a folded section with the further questions of a project."""
    with st.expander(
        "Further questions", key="part-questions", icon=":material/quiz:", on_change="rerun"
    ) as part:
        if part.open:
            _questions(project_id)


def _questions(project_id: str) -> None:
    known = list_questions(state.current_workspace(), project_id)
    note_text(
        "Ask more about each picture than its class, such as “healthy?”; classes stay as they "
        "are. Blanks are allowed. Answer here, or read a table with a column per question under "
        "“Labels from a file”. Several labels per picture are a question each: yes or no."
    )
    question = st.selectbox(
        "Question",
        list(known),
        index=0 if known else None,
        accept_new_options=True,
        placeholder="Type a question, such as healthy?",
        key=QUESTION,
        on_change=partial(_show, ALL),
    )
    if not question:
        return
    if question.casefold() in TAKEN:
        st.info(f"Label files use “{plain(question)}” for something else. Choose another name.")
        return
    _pictures(project_id, question, known.get(question, {}))
    with st.container(horizontal=True, vertical_alignment="center"):
        undo_button(project_id, key="undo-answers")
        if question in known:
            with st.popover("Delete this question", icon=":material/delete:", type="tertiary"):
                st.write("Its answers go; pictures and classes stay. Undo brings them back.")
                st.button(
                    "Delete the question",
                    key="delete-question",
                    on_click=_delete,
                    args=(project_id, question),
                )


def _pictures(project_id: str, question: str, counts: dict[str, int]) -> None:
    workspace = state.current_workspace()
    digests = list_digests(workspace, project_id, excluded=False)
    answers = answers_of(workspace, project_id).get(question, {})
    chosen = str(state.widget_value(FILTER, ALL))
    shown = [one for one in digests if chosen in (ALL, f"is:{answers.get(one)}")]
    if chosen == BLANK:
        shown = [one for one in digests if one not in answers]
    first = min(int(state.widget_value(PAGE, 0)), max(0, len(shown) - 1) // PAGE_SIZE) * PAGE_SIZE
    other = st.text_input("Another answer", key=OTHER, placeholder="Type it, then select pictures")
    names = [YES, NO] if counts.keys() <= {YES, NO} else list(counts)
    names += [other.strip()] if other and other.strip() not in names else []
    blanks = len(digests) - sum(one in answers for one in digests)
    filters = [
        Filter(id=ALL, label="All pictures", count=len(digests)),
        Filter(id=BLANK, label="Without an answer", count=blanks),
        *(Filter(id=f"is:{name}", label=name, count=count) for name, count in counts.items()),
    ]
    actions = [
        Action(id=f"is:{name}", label=name, shortcut=str(i) if i <= 9 else None, more=i > 9)
        for i, name in enumerate(names, start=1)
    ]
    gallery(
        [
            replace(
                picture_tile(project_id, one, None, labelled=True, said=False, colours={}),
                mark=answers.get(one.digest, "?"),
            )
            for one in get_images(workspace, project_id, shown[first : first + PAGE_SIZE])
        ],
        key="question-pictures",
        actions=[*actions, Action(id=BLANK, label="No answer", shortcut="0")],
        filters=filters,
        chosen=chosen if chosen in {one.id for one in filters} else ALL,
        first=first + 1,
        total=len(shown),
        on_action=partial(answer_by_hand, project_id, question),
        on_filter=_show,
        on_page=lambda by: state.set_widget_value(PAGE, max(0, first // PAGE_SIZE + by)),
    )


def _show(wanted: str) -> None:
    state.set_widget_value(FILTER, wanted)
    state.set_widget_value(PAGE, 0)


def answer_by_hand(project_id: str, question: str, action: str, ids: list[str]) -> None:
    """Give pictures, row ids, the answer "is:" and its text, or none."""
    answer = None if action == BLANK else action.removeprefix("is:")
    said = f"answer '{answer}' to" if answer else "take back the answer to"
    doing = f"{said} '{question}' for {counted(len(ids), 'picture')}"
    given = {question: dict.fromkeys(map(int, ids), answer)}
    try:
        give_answers(state.current_workspace(), project_id, given, doing=doing)
    except TLCoreError as error:
        state.say_later(str(error))


def _delete(project_id: str, question: str) -> None:
    with errors_shown():
        delete_question(state.current_workspace(), project_id, question)
    state.set_widget_value(QUESTION, None)
    _show(ALL)
