"""Sample sets: their cards, and a project made of one."""

import threading
from collections.abc import Container
from concurrent.futures import Future
from dataclasses import replace
from itertools import chain, count
from typing import NoReturn

import streamlit as st

from pages.shared import state
from pages.shared.downloads import SAMPLE
from pages.shared.elements import card, errors_shown, name_text, note_text
from pages.shared.gallery import data_uri
from pages.shared.images.arrivals import start_adding
from pages.shared.journey import OVERVIEW
from pages.shared.run_control import start
from pages.shared.text import megabytes
from tl_core.images import SourceFile, read_picture
from tl_core.images.files.decoding import thumbnail_bytes
from tl_core.images.samples import SAMPLES, SampleSet, sample_files, sample_set
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.draft import save_backbone
from tl_core.workspace import create_project, list_projects

MOSAIC, TILE_SIDE = 8, 96  # pictures on a card; pixels


def start_from_sample(sample: SampleSet) -> NoReturn:
    """Open this session's project of a sample set, made at the first click.

    Its pictures arrive meanwhile. Sessions share none: nobody relabels another one's pictures.
    """
    workspace = state.current_workspace()
    names = {one.id: one.name for one in list_projects(workspace)}
    made = state.widget_value(f"project-of-{sample.key}")
    if made not in names:
        project = create_project(workspace, _free_name(sample.title, set(names.values())))
        made = project.id
        state.set_widget_value(f"project-of-{sample.key}", made)
        save_backbone(workspace, made, find(BUNDLED))
        if sample.source == "download":
            start(made, SAMPLE, {"sample": sample.key})
        else:
            start_adding(workspace, made, _prepared(sample.key))
    state.go(OVERVIEW, project_id=made)


def _free_name(title: str, taken: Container[str]) -> str:
    numbered = (f"{title} {number}" for number in count(2))
    return next(name for name in chain([title], numbered) if name not in taken)


def prepare_sample(sample: SampleSet) -> None:
    """Draw the pictures of a set in the background, while the person reads the page.

    They are there, then, when the set is chosen; no project, no file: nothing is written.
    """
    _prepared(sample.key)


@st.cache_resource(show_spinner=False)
def _prepared(key: str) -> list[SourceFile]:
    """Return the files of a set, read one after the other in a thread from now on."""
    files = list(sample_files(key))
    contents: list[Future] = [Future() for _file in files]

    def work() -> None:
        for file, content in zip(files, contents, strict=True):
            try:
                content.set_result(file.read())
            except Exception as error:  # handed to whoever adds the file
                content.set_exception(error)

    threading.Thread(target=work, daemon=True, name=f"draw-{key}").start()
    return [
        replace(file, read=content.result) for file, content in zip(files, contents, strict=True)
    ]


def sample_cards() -> None:
    """Draw the sample sets that are here as cards, and folded below those to download."""
    here = [sample for sample in SAMPLES if sample.source != "download"]
    with st.grid(min_column_width=280, gap="small"):
        for sample in here:
            _sample_card(sample)
    with (
        st.expander("More sample sets, to download", icon=":material/download:"),
        st.grid(min_column_width=280, gap="small"),
    ):
        for sample in SAMPLES:
            if sample not in here:
                _sample_card(sample)


def _sample_card(sample: SampleSet) -> None:
    download = sample.source == "download"
    with card(f"sample-{sample.key}"):
        if not download:
            tiles = "".join(f'<img src="{uri}" alt="">' for uri in _mosaic(sample.key))
            st.html(f'<div class="tl-mosaic">{tiles}</div>')
        size = f" · {megabytes(sample.download_bytes)}" if download else ""
        name_text(sample.title, note=sample.description)
        note_text(f"{sample.images:,} pictures, {sample.classes} classes · {sample.licence}{size}")
        label = "Download and open" if download else "Start with these"
        icon = ":material/download:" if download else None
        if st.button(label, key=f"sample-{sample.key}", icon=icon):
            with errors_shown():
                start_from_sample(sample)


@st.cache_resource(show_spinner=False)
def _mosaic(key: str) -> list[str]:
    """Return some pictures of a set, of different classes, small, as data URIs."""
    files, classes = list(sample_files(key)), sample_set(key).classes
    some = [files[number * len(files) // MOSAIC + number % classes] for number in range(MOSAIC)]
    return [data_uri(thumbnail_bytes(read_picture(bytes(f.read())), TILE_SIDE)) for f in some]
