"""The ONNX file: made and compared with the app in the background, then downloaded."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import streamlit as st

from pages.shared import background, state
from pages.shared.background import Job
from pages.shared.elements import note_text, number_cards
from pages.shared.results import report_of
from pages.shared.text import megabytes, plain
from tl_core.images import get_images
from tl_core.runs import Run, compute_client
from tl_core.runs.results.onnx_check import CARD, LIMIT, ONNX, SCRIPT, Parity, read_parity

AT_ONCE = 8  # pictures compared per question, so that others get their answers in between
EXPORT_SECONDS = 600.0
TEXTS = {SCRIPT: "text/x-python", CARD: "text/markdown"}  # small files, by name


def onnx_card(run: Run) -> None:
    """Offer the ONNX file: make it, follow that, say whether it answers as the app, download it."""
    st.subheader("ONNX, for other programs and devices", anchor=False)
    note_text(
        "The whole model in one [[ONNX]] file that Python, C#, Java, JavaScript, phones and "
        "cameras can run. It takes a picture of any size, resizes it exactly as the app does, and "
        "returns the probability of each class.",
    )
    busy = exporting(run)
    parity = read_parity(state.current_workspace().run_dir(run.project_id, run.id))
    if parity and parity.complete:
        show_parity(parity)
        with st.container(horizontal=True):
            download_button(run, ONNX, primary=True)
            download_button(run, SCRIPT)
            if _path(run, CARD).is_file():  # models exported earlier have none
                download_button(run, CARD)
    elif not busy:
        st.button(
            "Create the ONNX file" if parity is None else "Continue comparing it with the app",
            key="make-onnx",
            type="primary",
            icon=":material/deployed_code:",
            on_click=lambda: start_export(run, _compared_pictures(run)),
        )


def download_button(run: Run, name: str, *, primary: bool = False) -> None:
    """Offer a file of the run's folder; it is read when the button is pressed."""
    path = _path(run, name)
    size = "" if name in TEXTS else f" ({megabytes(path.stat().st_size)})"
    st.download_button(
        f"Download {name}{size}",
        data=path.read_bytes,
        file_name=name,
        mime=TEXTS.get(name, "application/octet-stream"),
        key=f"download-{name}",
        type="primary" if primary else "secondary",
        icon=":material/download:",
        on_click="ignore",
    )


def _path(run: Run, name: str) -> Path:
    return state.current_workspace().run_dir(run.project_id, run.id) / name


def _compared_pictures(run: Run) -> list[str]:
    """Return the digests of the tested pictures that are still in the project."""
    report = report_of(run)
    tested = list(report.evaluation.digests) if report else []
    return [
        record.digest for record in get_images(state.current_workspace(), run.project_id, tested)
    ]


def start_export(run: Run, digests: Sequence[str]) -> None:
    """Begin to export, or go on where it was interrupted; twice at once does it once.

    Args:
        run: A run with a model.
        digests: Pictures to compare the file's answers on.
    """
    place = (str(state.current_workspace().root), run.project_id, run.id)
    background.start(export_key(run), _export(place, list(digests)), doing="Exporting")


def _export(place: tuple[str, str, str], digests: list[str]) -> Iterator[Parity]:
    call = compute_client.call
    parity = call("export_in_place", *place, len(digests), timeout=EXPORT_SECONDS)
    yield parity
    for first in range(parity.n, len(digests), AT_ONCE):
        chunk = digests[first : first + AT_ONCE]
        yield call("check_more", *place, chunk, timeout=EXPORT_SECONDS)


def export_key(run: Run) -> str:
    return f"export-{run.id}"


def exporting(run: Run) -> bool:
    """Show how far the export of this run is, or what went wrong; True while it is under way."""
    job = background.job_of(export_key(run))
    if job is None:
        return False
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    if not job.finished:
        background.show(job, _progress)
    return not job.finished


def _progress(job: Job) -> None:
    parity: Parity | None = job.said
    if parity is None:
        st.progress(0.0, text="Writing the ONNX file; this takes a few seconds")
    else:
        share = parity.n / max(1, parity.total)
        text = f"Comparing its answers with the app's: {parity.n:,} of {parity.total:,} pictures"
        st.progress(min(1.0, share), text=text)


def show_parity(parity: Parity) -> None:
    """Say whether the exported file gives the app's answers, and how that is known."""
    pictures = "1 picture" if parity.n == 1 else f"{parity.n:,} pictures"
    if parity.n == 0:
        st.warning(
            "The file could not be compared with the app: none of the pictures that the model "
            "was tested on is left in the project."
        )
        return
    number_cards(
        (
            "Same answers as the app",
            "Yes" if parity.same else "No",
            f"compared on {pictures} that the model was tested on",
        ),
        (
            "Largest difference",
            _percent(parity.max_difference),
            f"in any class's probability; up to {_percent(LIMIT)} counts as equal",
        ),
    )
    if not parity.same:
        st.error(
            "The exported file does not give the app's answers. Do not rely on it: use the "
            "weights file instead, or train with another backbone.",
            icon=":material/error:",
        )


def _percent(fraction: float) -> str:
    percent = 100 * fraction
    return "below 0.001 %" if percent < 0.001 else f"{percent:.2g} %"
