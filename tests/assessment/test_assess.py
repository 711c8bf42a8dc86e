"""The whole comparison on small projects, and what it does with unusual ones."""

from functools import partial
from itertools import islice

import numpy as np
import pytest
from pictures import write_stripes
from PIL import Image
from projects import stripes_project
from trained import BUNDLED_BACKBONE, own_weights

from tl_core import images, runs
from tl_core.approaches import fine_tuning
from tl_core.assessment import baselines, inputs, scratch, small_network, stored
from tl_core.assessment.assess import PARTS, SECOND_PASS_PARTS, assess
from tl_core.assessment.inputs import Request, compared
from tl_core.assessment.stored import ANSWERS_FILE, SCRATCH
from tl_core.errors import DatasetError
from tl_core.images import folder_files
from tl_core.images.groups import grouping
from tl_core.runs.catalogue import backbone_to_json
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Progress, result_of
from tl_core.runs.results.assessment import current_labels_digest, read_assessment
from tl_core.runs.results.report import read_report
from tl_core.service.execution import execute
from tl_core.workspace import create_project, open_workspace
from tl_core.workspace.database import ImageRow, session

PAIRS = (("1*.png", "[!1]*.png"),)
pytestmark = pytest.mark.usefixtures("known_machine")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A small network learns these stripes in a few steps, copies are another test's matter."""
    train_small = small_network.train_small
    monkeypatch.setattr(
        baselines, "train_small", lambda *args, seed: train_small(*args, seed=seed, steps=8)
    )
    monkeypatch.setattr(inputs, "group_copies", lambda *_: 0)


def asked(workspace, project, run_id="run", **settings) -> Request:
    workspace.run_dir(project, run_id).mkdir(parents=True, exist_ok=True)
    """Ask for a comparison; without `backbone`, of a tiny network with random weights."""
    settings.setdefault("backbone", own_weights(workspace, project))
    return Request(workspace=workspace, project_id=project, run_id=run_id, **settings)


def taken_over(request) -> tuple[str, ...]:
    """Return the parts that are there before anything is computed."""
    total = (*PARTS, *SECOND_PASS_PARTS)
    return stored.begin(request, compared(request), total).assessment.done


def begin(workspace, project) -> str:
    """Return the id of a run that others can find."""
    config = {"backbone": backbone_to_json(BUNDLED_BACKBONE)}
    run = runs.start_run(workspace, project, kind="assess", config=config, claimed=True)
    return runs.finish_run(workspace, run.id, "stopped", message=None).id


def set_groups(workspace, project, group_of):
    with session(workspace) as opened:
        for row in opened.query(ImageRow).filter_by(project_id=project):
            row.group = group_of(row.name)


def result(request, **settings):
    found = result_of(assess(request, **settings))
    assert found == read_assessment(request.run_dir)
    return found


def test_all_parts_arrive_and_are_measured_on_the_same_pictures(tmp_path):
    workspace, project = stripes_project(tmp_path, each=12, classes=3)
    found = result(asked(workspace, project, pairs=PAIRS, backbone=BUNDLED_BACKBONE))
    assert found.done == found.total
    assert [bar.name for bar in found.measured] == [
        *("transferred", "majority", "colours", "random", "small")
    ]
    for bar in found.measured:
        assert bar.n == len(bar.correct_per_image) == 36
        assert bar.interval[0] <= bar.accuracy <= bar.interval[1]
        assert np.mean(bar.correct_per_image) == pytest.approx(bar.accuracy, abs=1e-3)
        assert 0 <= bar.seconds <= found.seconds[bar.name]
    assert found.verdict.against in ("random", "small")
    assert [point.group_index for point in found.layers.points] == list(range(8))
    assert (found.layers.suggested_frozen or 8) in range(1, 9)
    assert found.distance.distance > 0
    assert found.distance.seen_classes and found.distance.class_count == 1000
    digests = {image.digest for image in images.list_images(workspace, project)}
    assert set(found.distance.seen_pictures) <= digests
    assert len(found.distance.seen_pictures) == len(found.distance.seen_classes)
    assert [one.a for one in found.similarities] == ["split:train", "names:1*.png"]
    assert [one.asked for one in found.similarities] == [False, True]
    assert found.calibration and found.learning
    assert found.labels_digest == current_labels_digest(workspace, project)
    with np.load(workspace.run_dir(project, "run") / ANSWERS_FILE) as arrays:
        assert arrays["transferred"].shape == (36, 3)


def test_too_many_pictures_to_search_for_copies_are_a_note(tmp_path, monkeypatch):
    workspace, project = stripes_project(tmp_path, each=4)
    monkeypatch.setattr(grouping, "MOST_SEARCHED", 7)
    assert any(
        "copies and series are not searched" in n for n in result(asked(workspace, project)).notes
    )


def test_a_stop_keeps_what_is_there_and_the_next_run_goes_on(tmp_path):
    workspace, project = stripes_project(tmp_path, each=6)
    events = assess(asked(workspace, project))
    for _event in events:
        kept = read_assessment(workspace.run_dir(project, "run"))
        if kept and "random" in kept.done:
            break
    events.close()
    assert "small" not in kept.done
    again = asked(workspace, project)
    assert taken_over(again) == kept.done
    found = result(again)
    assert found.done == found.total
    assert found.of("transferred") == kept.of("transferred")


def test_another_seed_divides_anew_and_takes_nothing_over(tmp_path):
    workspace, project = stripes_project(tmp_path, each=4)
    stopped = begin(workspace, project)
    result(asked(workspace, project, stopped), parts=("transferred",))
    assert taken_over(asked(workspace, project, "same")) == ("transferred",)
    assert taken_over(asked(workspace, project, "other", seed=1)) == ()


def test_colours_that_give_the_classes_away_are_a_note(tmp_path):
    workspace = open_workspace(tmp_path / "workspace")
    project = create_project(workspace, "Backgrounds").id
    for label, tint in enumerate(((0, 60, 0), (60, 0, 0))):
        folder = write_stripes(tmp_path / f"part {label}", each=12, classes=1)
        for path in sorted(folder.rglob("*.png")):
            tinted = np.clip(np.asarray(Image.open(path), int) + tint, 0, 255).astype(np.uint8)
            target = tmp_path / "tinted" / f"class {label}" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(tinted).save(target)
    result_of(images.add_images(workspace, project, folder_files(tmp_path / "tinted")))
    grey, other = stripes_project(tmp_path / "grey", each=12)
    parts = ("transferred", "majority", "colours")
    tinted, untinted = (
        result(asked(*where), parts=parts) for where in ((workspace, project), (grey, other))
    )
    assert tinted.of("colours").accuracy > 0.9
    assert any(note.startswith("The colour histogram alone reaches") for note in tinted.notes)
    assert not any("colour histogram alone" in note for note in untinted.notes)


def test_from_scratch_on_a_wish_stops_in_the_middle_and_goes_on(tmp_path, monkeypatch):
    """On the wish alone; another run goes on where the first was stopped; the budget is real."""
    monkeypatch.setattr(scratch, "TrainingConfig", partial(TrainingConfig, steps=6, batch_size=4))
    workspace, project = stripes_project(tmp_path, each=10)
    cheap = result(asked(workspace, project, begin(workspace, project)))
    assert cheap.of("scratch") is None
    stopped = begin(workspace, project)
    events = assess(asked(workspace, project, stopped, scratch=True))
    told = (one for one in events if isinstance(one, Progress) and one.phase == "assess")
    for event in islice(told, 5):
        assert (event.done, event.total) == (10, 11)
        assert event.seconds_left is not None
    events.close()
    stopped_dir = workspace.run_dir(project, stopped)
    assert read_assessment(stopped_dir).done == cheap.done
    assert (stopped_dir / SCRATCH).is_dir()

    request = asked(workspace, project, "again", scratch=True)
    optimise, begun = fine_tuning.optimise, []

    def watched(state, *args, **kwargs):
        for event in optimise(state, *args, **kwargs):
            begun.append(state.epoch)
            yield event

    monkeypatch.setattr(fine_tuning, "optimise", watched)
    found = result(request)
    assert begun[0] > 0
    assert found.done == found.total
    bar = found.of("scratch")
    assert bar.n == len(compared(request).images.test) and bar.measured_on == "test"
    assert (bar.steps, bar.batch_size) == (6, 4)
    whole = read_report(request.run_dir / SCRATCH).seconds["fine_tune"]  # before the stop, too
    assert bar.seconds == pytest.approx(whole, abs=0.06)
    assert bar.interval[0] <= bar.accuracy <= bar.interval[1]
    assert any(f"On the same {bar.n} pictures the whole network" in note for note in found.notes)
    assert found.measured[:5] == cheap.measured
    assert found.verdict == cheap.verdict


def test_parts_asked_for_later_are_added_to_those_that_are_there(tmp_path):
    workspace, project = stripes_project(tmp_path, each=10, classes=3)
    parts = ("transferred", "similarity")
    first = asked(workspace, project, begin(workspace, project))
    assert [one.asked for one in result(first, parts=parts).similarities] == [False]
    pairs = (("class:class 0", "class:class 1"), ("class:class 1", "folder:class 2"))
    for some in (pairs[:1], pairs):
        request = asked(workspace, project, begin(workspace, project), pairs=some)
        found = result(request, parts=parts)
        assert tuple((one.a, one.b) for one in found.similarities if one.asked) == some
    assert found.similarities[1].n_a == found.similarities[1].n_b == 10
    assert found.similarities[1].proxy_a_distance > 1
    few = asked(workspace, project, "few", pairs=(("0.png", "class:class 1"),))
    assert any("Files “0.png” (3)" in note for note in result(few, parts=parts).notes)


def test_labels_changed_meanwhile_show_in_the_digest(tmp_path):
    workspace, project = stripes_project(tmp_path, each=6)
    events = assess(asked(workspace, project))
    next(events)
    picture = images.list_images(workspace, project, class_name="class 0")[0]
    images.assign_class(workspace, project, [picture.id], "class 1")
    result_of(events)
    found = read_assessment(workspace.run_dir(project, "run"))
    assert found.done == found.total
    assert found.labels_digest != current_labels_digest(workspace, project)
    assert taken_over(asked(workspace, project, "renewed")) == ()


def test_two_classes_of_two_pictures_give_what_can_be_said(tmp_path):
    workspace, project = stripes_project(tmp_path, each=2)
    found = result(asked(workspace, project))
    assert found.done == found.total
    assert found.verdict.answer == "no clear difference"
    assert found.calibration is None
    assert found.learning.extrapolated == ()
    assert found.similarities == ()
    assert any("at least 20 pictures" in note for note in found.notes)


def test_a_class_that_is_all_one_group_is_named_and_the_others_are_measured(tmp_path):
    workspace, project = stripes_project(tmp_path, each=6, classes=3)
    with session(workspace) as opened:
        names = {row.id: row for row in opened.query(ImageRow).filter_by(project_id=project)}
        first = sorted(names)[:6]
        for row_id in first:
            names[row_id].group = "burst"
    found = result(asked(workspace, project))
    assert found.done == found.total
    assert {bar.n for bar in found.measured} == {12}
    assert any("class 0" in note and "one group" in note for note in found.notes)


def test_one_measurable_class_is_refused_with_what_to_do(tmp_path):
    workspace, project = stripes_project(tmp_path, each=4)
    set_groups(workspace, project, lambda _name: "all")
    with pytest.raises(DatasetError, match="Add pictures from another source"):
        result(asked(workspace, project))


def test_groups_that_span_classes_stay_together(tmp_path):
    workspace, project = stripes_project(tmp_path, each=8)
    set_groups(workspace, project, lambda name: f"g{int(name.split('/')[-1][0]) // 2}")
    division = compared(asked(workspace, project)).division
    for train, test in division.folds:
        assert not set(division.groups[train]) & set(division.groups[test])
    found = result(asked(workspace, project))
    assert found.done == found.total


def test_a_project_with_one_class_fails_with_a_sentence_and_harms_nothing(tmp_path):
    workspace, project = stripes_project(tmp_path, each=4, classes=1)
    config = {"backbone": backbone_to_json(BUNDLED_BACKBONE)}
    run = runs.start_run(workspace, project, kind="assess", config=config, claimed=True)
    assert list(execute(workspace, run)) == []
    ended = runs.get_run(workspace, run.id)
    assert ended.state == "failed"
    assert "only one class" in ended.message


def test_the_persons_test_part_has_no_part_in_any_measurement(tmp_path):
    workspace = open_workspace(tmp_path / "workspace")
    project = create_project(workspace, "Given").id
    test_dir = write_stripes(tmp_path / "given" / "test", each=14)
    write_stripes(tmp_path / "given" / "train", each=6)
    for same in (tmp_path / "given" / "train").rglob("*.png"):
        (test_dir / same.parent.name / same.name).unlink()
    result_of(images.add_images(workspace, project, folder_files(tmp_path / "given")))
    request = asked(workspace, project)
    given = compared(request).images
    assert given.test_given
    test = {image.digest for image in given.test}
    assert len(test) == 16
    found = result(request)
    assert not test & set(found.digests)
    assert {bar.n for bar in found.measured} == {12}
    assert found.learning.points[-1].per_class < 6


def test_a_training_that_waits_goes_first(tmp_path):
    workspace, project = stripes_project(tmp_path, each=3)
    config = {"backbone": backbone_to_json(BUNDLED_BACKBONE)}
    runs.start_run(workspace, project, kind="assess", config=config)
    runs.start_run(workspace, project, config=config)
    first = runs.claim_next(workspace, ("train", "assess"))
    assert first.kind == "train"


def test_sixty_classes_of_three_small_pictures_get_through_with_clear_sentences(tmp_path):
    workspace = open_workspace(tmp_path / "workspace")
    project = create_project(workspace, "Many classes").id
    for label in range(60):
        base = np.random.default_rng(label).integers(0, 256, (4, 4, 3)).astype(np.uint8)
        for number in range(3):
            random = np.random.default_rng([label, number])
            soft = np.asarray(Image.fromarray(base).resize((32, 32), Image.Resampling.BICUBIC))
            noisy = (0.7 * soft + random.normal(30, 25, soft.shape)).clip(0, 255).astype(np.uint8)
            path = tmp_path / "many" / f"class {label:02}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noisy).save(path)
    result_of(images.add_images(workspace, project, folder_files(tmp_path / "many")))
    found = result(asked(workspace, project))
    assert found.done == found.total
    assert {bar.n for bar in found.measured} == {180}
    assert found.of("majority").correct == 3
    assert found.of("transferred").accuracy > 0.3
    assert found.folds == 3
    assert found.verdict.n == 180
    assert found.learning.extrapolated == ()
    assert not found.distance.limits_known
