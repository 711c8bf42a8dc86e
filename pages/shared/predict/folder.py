"""A folder that has been classified: thumbnails to look through, to correct and to take away."""

from collections import Counter
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.answers import show_answer
from pages.shared.class_colours import class_colours
from pages.shared.compute import ask
from pages.shared.elements import data_table, errors_shown, note_text
from pages.shared.gallery import PAGE_SIZE, Action, Filter, Tile, gallery
from pages.shared.images.arrivals import show_arrivals, start_adding
from pages.shared.images.changes import class_actions
from pages.shared.live.elsewhere import elsewhere_warning
from pages.shared.panel import PanelPicture, open_panel, panel
from pages.shared.predict.questions import answer_columns, show_question_answers
from pages.shared.results import report_of
from pages.shared.text import counted, percent, short_sureness
from tl_core.images import list_classes
from tl_core.runs import Run
from tl_core.runs.results.adaptation import adaptation_result
from tl_core.runs.results.anomaly import AnomalyResult, anomaly_result
from tl_core.runs.results.answers import Prediction, answers_csv, sure_from
from tl_core.runs.results.classified import (
    Classified,
    ClassifiedPicture,
    check,
    checked_files,
    forget,
    mark_added,
    picture_file,
    sorted_zip,
    thumbnail_file,
)

PANEL = "folder"
ALL, UNSURE, UNLIKE = "all", "unsure", "unlike"
RIGHT = "right"
RIGHT_ACTION = Action(id=RIGHT, label="These answers are right", shortcut="r")
BUTTONS = 5  # classes; more are in a list
FILTER, PAGE = "folder-filter", "folder-page"


def run_dir_of(run: Run) -> Path:
    return state.current_workspace().run_dir(run.project_id, run.id)


def show_classified(run: Run, found: Classified) -> None:
    """Draw a gallery of the pictures by class, and what can be done with them."""
    pictures = [one for one in found.pictures if one.answer.prediction]
    skipped = len(found.pictures) - len(pictures)
    st.subheader(f"{len(pictures):,} pictures classified", anchor=False)
    alarms = anomaly_result(report_of(run))
    project_dir = state.current_workspace().project_dir(run.project_id)
    threshold = 0.0 if alarms else sure_from(project_dir)
    doubts = {
        UNSURE: [one for one in pictures if one.answer.prediction.probability < threshold],
        UNLIKE: [one for one in pictures if one.answer.prediction.unlike],
    }
    if pictures:
        note_text("Look through the answers: select pictures and say what they show.")
    if not adaptation_result(report_of(run)):  # else they are meant to be from elsewhere
        elsewhere_warning(found.place, "These pictures")
    if pictures:
        _gallery(run, pictures, doubts, threshold)
    with st.container(horizontal=True, vertical_alignment="center", key="folder-buttons"):
        _put_back(run, found)
        if pictures:
            st.download_button(
                "Sorted into class folders (ZIP)",
                data=lambda: sorted_zip(run_dir_of(run), found),
                file_name="sorted.zip",
                mime="application/zip",
                key="download-sorted",
                icon=":material/folder_zip:",
                on_click="ignore",
            )
        names = pictures[0].answer.prediction.class_names if pictures else ()
        st.download_button(
            "Download the table (CSV)",
            data=lambda: answers_csv([one.answer for one in found.pictures], names),
            file_name="predictions.csv",
            mime="text/csv",
            key="download-csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button(
            "Remove",
            key="forget-folder",
            icon=":material/delete:",
            type="tertiary",
            help="Deletes these answers and the copies of these files.",
            on_click=forget,
            args=(run_dir_of(run),),
        )
    show_arrivals(run.project_id, empty=False)
    lines = f", {counted(skipped, 'file')} skipped" if skipped else ""
    with st.expander(f"As a table{lines}", icon=":material/table:"):
        _table(run, found, alarms, unlike=bool(doubts[UNLIKE]), refused=bool(skipped))


def _gallery(
    run: Run,
    pictures: list[ClassifiedPicture],
    doubts: dict[str, list[ClassifiedPicture]],
    threshold: float,
) -> None:
    colours = class_colours(run.project_id, pictures[0].answer.prediction.class_names)
    counts = Counter(one.class_name for one in pictures)
    filters = [Filter(id=ALL, label="All", count=len(pictures))]
    filters += [
        Filter(id=f"class:{name}", label=name, count=count, colour=colours.get(name))
        for name, count in counts.most_common()
    ]
    labels = {UNSURE: f"Not sure (below {percent(threshold)})", UNLIKE: "Unlike your pictures"}
    filters += [
        Filter(id=id, label=labels[id], count=len(some)) for id, some in doubts.items() if some
    ]
    chosen = str(state.widget_value(FILTER, ALL))
    chosen = chosen if chosen in {entry.id for entry in filters} else ALL
    shown = doubts.get(chosen, pictures)
    if chosen.startswith("class:"):
        shown = [one for one in pictures if f"class:{one.class_name}" == chosen]
    first = min(int(state.widget_value(PAGE, 0)), (len(shown) - 1) // PAGE_SIZE) * PAGE_SIZE
    by_id = {str(one.number): one for one in shown}

    def act(action: str, ids: list[str]) -> None:
        name = action.removeprefix("class:")
        check_pictures(run, {int(i): by_id[i].class_name if action == RIGHT else name for i in ids})

    def choose(wanted: str) -> None:
        state.set_widget_value(FILTER, wanted)
        state.set_widget_value(PAGE, 0)

    gallery(
        [_tile(run, one, colours, threshold) for one in shown[first : first + PAGE_SIZE]],
        key="classified",
        actions=[
            RIGHT_ACTION,
            *class_actions(run.project_id, "It is {}", buttons=BUTTONS, also=()),
        ],
        filters=filters,
        chosen=chosen,
        first=first + 1,
        total=len(shown),
        on_action=act,
        on_filter=choose,
        on_page=lambda by: state.set_widget_value(PAGE, max(0, first // PAGE_SIZE + by)),
        on_open=lambda number: open_panel(PANEL, list(by_id), number),
    )
    every = {str(one.number): one for one in pictures}
    panel(PANEL, lambda number: _on_panel(run, every.get(number), threshold))


def _tile(run: Run, one: ClassifiedPicture, colours: dict[str, str], threshold: float) -> Tile:
    found = one.answer.prediction
    doubt = "unlike" if found.unlike else "not sure" if found.probability < threshold else None
    mark = "in the project" if one.added else f"{one.checked} ✓" if one.checked else doubt
    return Tile(
        id=str(one.number),
        thumbnail=thumbnail_file(run_dir_of(run), one.number),
        caption=one.answer.name.rsplit("/", 1)[-1],
        title=one.answer.name,
        mark=mark,
        mark_colour=colours.get(one.checked) if one.checked and not one.added else None,
        says=(found.class_name, short_sureness(found.probability)),
        says_colour=colours[found.class_name],
    )


def check_pictures(run: Run, class_names: dict[int, str | None]) -> None:
    """Note what a person says that pictures show, by number; for a callback."""
    with errors_shown():
        check(run_dir_of(run), {number: name for number, name in class_names.items() if name})


def _on_panel(run: Run, one: ClassifiedPicture | None, threshold: float) -> PanelPicture | None:
    if one is None:
        return None
    found: Prediction = one.answer.prediction
    file, root = picture_file(run_dir_of(run), one.number), str(state.current_workspace().root)

    def mend() -> None:
        names = [entry.name for entry in list_classes(state.current_workspace(), run.project_id)]
        key = f"folder-class-{run.id}-{one.number}"
        st.selectbox(
            "It shows",
            names,
            index=names.index(one.checked) if one.checked in names else None,
            placeholder="Choose its class",
            key=key,
            on_change=lambda: check_pictures(run, {one.number: state.widget_value(key)}),
        )

    return PanelPicture(
        name=one.answer.name,
        picture=file.read_bytes() if file.exists() else b"",
        answer=lambda: (
            show_question_answers(run.project_id, found, key=f"folder-{one.number}")
            if found.answers
            else show_answer(
                run.project_id,
                found.class_names,
                found.probabilities,
                sure_from=threshold,
                unlike=found.unlike,
            )
        ),
        class_names=found.class_names,
        explain_first=found.class_names.index(found.class_name),
        heat=lambda wanted: ask("explain", root, run.project_id, run.id, file.read_bytes(), wanted),
        mend=mend,
    )


def _put_back(run: Run, found: Classified) -> None:
    """Offer to add the pictures that a person has checked to the project."""
    waiting = [one.number for one in found.pictures if one.checked and not one.added]

    def add() -> None:
        run_dir = run_dir_of(run)
        start_adding(state.current_workspace(), run.project_id, checked_files(run_dir, found))
        with errors_shown():
            mark_added(run_dir, waiting)

    if waiting:
        st.button(
            f"Add {counted(len(waiting), 'checked picture')} to the project",
            key="put-back",
            icon=":material/add_photo_alternate:",
            on_click=add,
        )


def _table(
    run: Run, found: Classified, alarms: AnomalyResult | None, *, unlike: bool, refused: bool
) -> None:
    data_table(
        [_row(one, alarms, unlike=unlike, refused=refused) for one in found.pictures],
        key=f"answers-{run.id}",
        column_config={
            "Probability": st.column_config.ProgressColumn(
                format="%.0f %%", min_value=0, max_value=100
            )
        },
    )


def _row(
    one: ClassifiedPicture, alarms: AnomalyResult | None, *, unlike: bool, refused: bool
) -> dict[str, object]:
    """Return an answer's cells; `unlike` and `refused` say whether there are these columns."""
    found = one.answer.prediction
    row = {
        "File": one.answer.name,
        "Predicted class": found.class_name if found else "",
        "Probability": min(100 * found.probability, 99.0) if found else None,  # never certain
        "Checked": one.checked or "",
    }
    row |= answer_columns(found)
    if alarms:
        del row["Probability"]
        above = f"Score (above {alarms.threshold:.1f}: anomalous)"
        row[above] = round(alarms.score(found.probabilities), 2) if found else None
    if unlike:
        row["Unlike the training pictures"] = "unlike" if found and found.unlike else ""
    if refused:
        row["Reason if skipped"] = one.answer.reason or ""
    return row
