"""What a model of normal pictures says of a new one: its score, the threshold, where it is odd."""

from typing import BinaryIO

import streamlit as st

from pages.shared import state
from pages.shared.elements import show_error
from pages.shared.evaluation.anomalies import HEAT_TEXT, score_text
from tl_core.errors import TLCoreError
from tl_core.runs import Run, compute_client
from tl_core.runs.results.anomaly import AnomalyResult
from tl_core.runs.results.answers import Prediction


def anomaly_text(found: AnomalyResult, answer: Prediction) -> str:
    """Return the verdict with its score: above the threshold a picture is anomalous."""
    score = found.score(answer.probabilities)
    verdict = "Anomalous" if score > found.threshold else "Normal"
    return f"{verdict}: {score_text(score)}; above {found.threshold:.1f} is anomalous"


def show_anomaly(run: Run, found: AnomalyResult, file: BinaryIO, answer: Prediction) -> None:
    """Draw the verdict, and the picture with heat where it is odd."""
    odd = found.score(answer.probabilities) > found.threshold
    kind, icon = (st.warning, ":material/error:") if odd else (st.success, ":material/check:")
    kind(anomaly_text(found, answer), icon=icon)
    place = (str(state.current_workspace().root), run.project_id, run.id)
    try:
        st.image(_heat(place, file.file_id, file.getvalue()), caption=HEAT_TEXT, width="stretch")
    except TLCoreError as error:
        show_error(error)


@st.cache_data(max_entries=64, ttl=3600, show_spinner=False)
def _heat(place: tuple[str, str, str], file_id: str, _data: bytes) -> bytes:
    return compute_client.call("explain", *place, _data, 1)
