"""Backbone: the catalogue, what happens to a choice whose weights are not here."""

from dataclasses import replace
from pathlib import Path

import pytest
from projects import project_with_pictures
from sessions import messages, open_app, texts

from tl_core.errors import BackboneError
from tl_core.runs import finish_run, get_run, list_runs, start_run
from tl_core.runs.catalogue import CATALOGUE, backbone_to_json
from tl_core.runs.draft import chosen_backbone, save_backbone
from tl_core.runs.results.ranking import RankedBackbone, Ranking, write_ranking
from tl_core.workspace import open_project, open_workspace

PAGE = "pages/1_backbone.py"
REMOTE = next(backbone for backbone in CATALOGUE if backbone.source == "hub")


@pytest.fixture(autouse=True)
def no_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("tl_core.runs.workers.ensure_workers", lambda workspace: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_the_bundled_backbone_is_chosen_and_ready():
    app = open_app(PAGE, project_with_pictures())
    assert not app.exception
    assert "cannot be used yet" not in messages(app)
    assert len([b for b in app.button if b.label == "Chosen"]) == 1


def test_every_entry_of_the_catalogue_has_a_card():
    app = open_app(PAGE, project_with_pictures())
    shown = "".join(entry.proto.body for entry in app.get("html"))
    assert all(backbone.title in shown for backbone in CATALOGUE)


def test_a_click_keeps_the_choice_and_queues_its_download(workspace):
    project = project_with_pictures()
    app = open_app(PAGE, project)
    position = CATALOGUE.index(REMOTE)
    app.button(key=f"catalogue-{position}").click().run()
    assert not app.exception
    assert chosen_backbone(open_project(workspace, project.id)) == REMOTE
    (run,) = list_runs(workspace, project.id, "download-weights")
    assert run.active
    assert run.config == {"backbone": backbone_to_json(REMOTE)}


def test_opening_the_page_downloads_nothing(workspace):
    project = project_with_pictures()
    save_backbone(workspace, project.id, REMOTE)
    app = open_app(PAGE, project)
    assert "cannot be used yet" in messages(app)
    assert list_runs(workspace, project.id, "download-weights") == []


def test_a_failed_download_says_why_and_offers_the_bundled_backbone(workspace):
    project = project_with_pictures()
    save_backbone(workspace, project.id, REMOTE)
    config = {"backbone": backbone_to_json(REMOTE)}
    run = start_run(workspace, project.id, kind="download-weights", config=config)
    finish_run(workspace, run.id, "failed", message="There is no network connection.")
    app = open_app(PAGE, project)
    assert "There is no network connection." in messages(app)
    assert chosen_backbone(open_project(workspace, project.id)) == REMOTE
    app.button(key="use-bundled").click().run()
    assert chosen_backbone(open_project(workspace, project.id)) == CATALOGUE[0]


def test_a_search_shows_what_the_engine_found(compute):
    compute.answers["search_backbones"] = [REMOTE]
    app = open_app(PAGE, project_with_pictures())
    app.text_input(key="backbone-search").set_value("resnet").run()
    assert not app.exception
    assert ("search_backbones", "resnet") in [asked[:2] for asked in compute.asked]
    assert any(b.key == "found-0" for b in app.button)


def test_the_chosen_network_says_its_speed_here_and_what_it_knows():
    project = project_with_pictures()
    save_backbone(open_workspace(), project.id, CATALOGUE[0])
    shown = texts(open_app(PAGE, project))
    assert "41 pictures per second" in shown and "1,000 kinds of things" in shown
    assert shown.count("Speed here") == 2  # large, and the one bar that was measured


def test_a_deep_link_without_a_project_says_so():
    app = open_app(PAGE)
    assert "No project is open here" in messages(app)


def give_weights(app, content: bytes):
    app.file_uploader[0].set_value(("mine.safetensors", content, "application/octet-stream"))
    app.text_input(key="own-architecture").set_value("resnet18").run()
    return app.button(key="own-check").click().run()


def test_an_own_weights_file_is_checked_and_chosen_under_its_name(workspace, compute):
    checked = []

    def check(path, architecture):
        upload = Path(path)
        checked.append((upload.read_bytes(), architecture))
        upload.with_name("stored.safetensors").write_bytes(b"stored")
        return replace(
            REMOTE, source="file", digest="abc", weights_file="weights/stored.safetensors"
        )

    compute.answers["check_weights_file"] = check
    project = project_with_pictures()
    app = give_weights(open_app(PAGE, project), b"weights")
    assert not app.exception
    assert checked == [(b"weights", "resnet18")]
    assert (
        chosen_backbone(open_project(workspace, project.id)).title == "mine.safetensors (resnet18)"
    )
    kept = [path.name for path in workspace.weights_dir(project.id).iterdir()]
    assert kept == ["stored.safetensors"]
    assert "cannot be used yet" not in messages(app)


def test_a_refused_weights_file_is_not_kept(workspace, compute):
    def check(path, architecture):
        raise BackboneError(f"{Path(path).name} holds program code; it was not opened.")

    compute.answers["check_weights_file"] = check
    project = project_with_pictures()
    app = give_weights(open_app(PAGE, project), b"code")
    assert not app.exception
    assert "mine.safetensors holds program code" in messages(app)
    assert list(workspace.weights_dir(project.id).iterdir()) == []
    assert chosen_backbone(open_project(workspace, project.id)) == CATALOGUE[0]


ENTRIES = tuple(
    RankedBackbone(
        name=backbone.name,
        title=backbone.title,
        accuracy=right / 40,
        interval=(right / 40 - 0.1, min(1.0, right / 40 + 0.1)),
        correct=right,
        n=40,
        knn_accuracy=0.8,
        seconds=2.0 + i,
    )
    for i, (backbone, right) in enumerate(zip(CATALOGUE[:2], (34, 37), strict=True))
)


def ranking_of(project, entries=ENTRIES) -> Ranking:
    return Ranking(
        project_id=project.id,
        labels_digest="x",
        folds=5,
        total=tuple(one.name for one in entries),
        entries=entries,
        as_good=tuple(one.name for one in entries),
    )


def test_one_backbone_alone_is_not_ranked():
    app = open_app(PAGE, project_with_pictures())
    assert not [b for b in app.button if b.key == "rank"]
    assert "Only one backbone" in "".join(e.proto.body for e in app.get("html"))


def test_a_click_ranks_the_backbones_that_are_here_and_stop_stops(workspace, monkeypatch):
    monkeypatch.setattr("pages.shared.backbone.ranking.here", lambda project: list(CATALOGUE[:2]))
    project = project_with_pictures()
    app = open_app(PAGE, project)
    app.button(key="rank").click().run()
    assert not app.exception
    (run,) = list_runs(workspace, project.id, "rank")
    assert [one["name"] for one in run.config["backbones"]] == [one.name for one in CATALOGUE[:2]]
    app.button(key=f"stop-{run.id}").click().run()
    assert get_run(workspace, run.id).state == "stopped"


def test_a_ranking_is_shown_as_a_picture_with_folded_scores(workspace):
    project = project_with_pictures()
    run = start_run(workspace, project.id, kind="rank", config={"backbones": []}, claimed=True)
    write_ranking(workspace.run_dir(project.id, run.id), ranking_of(project))
    finish_run(workspace, run.id, "done")
    app = open_app(PAGE, project)
    assert not app.exception
    shown = "".join(entry.proto.body for entry in app.get("html"))
    assert f"{ENTRIES[0].title} does about as well as {ENTRIES[1].title}" in shown
    assert "fitted without it" in shown
    assert len(app.get("plotly_chart")) == 1
    table = app.dataframe[0].value
    assert list(table["Accuracy"]) == [
        "37 of 40: 92 % (82 to 100 %)",
        "34 of 40: 85 % (75 to 95 %)",
    ]


def test_more_backbones_are_downloaded_only_when_chosen(workspace):
    project = project_with_pictures()
    app = open_app(PAGE, project)
    assert app.button(key="fetch").disabled
    app.multiselect(key="fetch-which").set_value([REMOTE.name]).run()
    app.button(key="fetch").click().run()
    assert not app.exception
    (run,) = list_runs(workspace, project.id, "download-weights")
    assert run.config == {"backbone": backbone_to_json(REMOTE)}
    app.button(key="fetch-stop").click().run()
    assert get_run(workspace, run.id).state == "stopped"
