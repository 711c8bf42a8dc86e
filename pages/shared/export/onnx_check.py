"""Making the ONNX file and comparing it with the app, in the background."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.shared import state
from pages.shared.elements import number_cards
from pages.shared.text import plain
from tl_core.errors import TLCoreError
from tl_core.runs import Run, compute_client
from tl_core.runs.results.onnx_check import LIMIT, Parity, read_parity

AT_ONCE = 8  # pictures compared per question, so that others get their answers in between
EXPORT_SECONDS = 600.0
_LOG = logging.getLogger(__name__)


@dataclass
class Export:
    """One export on its way; written by its thread only."""

    error: str | None = None
    finished: bool = False


@st.cache_resource
def _exports() -> dict[str, Export]:
    return {}


def start_export(run: Run, digests: Sequence[str]) -> None:
    """Begin to export, or go on where it was interrupted; twice at once does it once.

    Args:
        run: A run with a model.
        digests: Pictures to compare the file's answers on.
    """
    exports = _exports()
    if run.id in exports and not exports[run.id].finished:
        return
    export = exports[run.id] = Export()
    place = (str(state.current_workspace().root), run.project_id, run.id)
    arguments = (export, place, list(digests))
    threading.Thread(target=_work, args=arguments, name="export", daemon=True).start()


def _work(export: Export, place: tuple[str, str, str], digests: list[str]) -> None:
    try:
        parity = compute_client.call(
            "export_in_place", *place, len(digests), timeout=EXPORT_SECONDS
        )
        for first in range(parity.n, len(digests), AT_ONCE):
            compute_client.call(
                "check_more", *place, digests[first : first + AT_ONCE], timeout=EXPORT_SECONDS
            )
    except TLCoreError as error:
        export.error = str(error)
    except Exception:
        _LOG.exception("exporting failed")
        export.error = "Exporting stopped because of a mistake in this program; see its log."
    finally:
        export.finished = True


def exporting(run: Run) -> bool:
    """Show how far the export of this run is, or what went wrong; True while it is under way."""
    export = _exports().get(run.id)
    if export is None:
        return False
    if export.error:
        st.error(plain(export.error), icon=":material/error:")
    if not export.finished:
        st.fragment(_progress, run_every=0.5)(run, export)
    return not export.finished


def _progress(run: Run, export: Export) -> None:
    if export.finished:
        st.rerun()
    folder = state.current_workspace().run_dir(run.project_id, run.id)
    parity = read_parity(folder)
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
            f"of any class's probability; up to {_percent(LIMIT)} counts as the same",
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
