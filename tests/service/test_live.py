"""Tests of live models: what they know after every kind of change, and who steps aside for whom."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest
from patience import PATIENCE, wait_for_end, wait_until
from pictures import encoded, scene, write_stripes
from PIL import Image
from projects import add, stripes_project
from sqlalchemy import update
from trained import own_weights, run_to_end, training_of

from tl_core import runs
from tl_core.assessment.health import check
from tl_core.errors import PredictionError, WorkspaceError
from tl_core.images import (
    SourceFile,
    assign_class,
    create_class,
    delete_class,
    draw_locked_test,
    list_images,
    set_excluded,
)
from tl_core.runs.compute_client import ComputeLink
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.draft import save_backbone
from tl_core.runs.results.report import read_report
from tl_core.service import live
from tl_core.service.live import LiveModels
from tl_core.service.live_project import LiveProject
from tl_core.service.on_demand import growth, health_of, next_labels, place_change
from tl_core.workspace import delete_project
from tl_core.workspace.database import ImageRow, session

pytestmark = pytest.mark.usefixtures("known_machine")


@pytest.fixture
def place(tmp_path):
    """A project with 16 pictures of two classes and a tiny backbone."""
    workspace, project_id = stripes_project(tmp_path)
    save_backbone(workspace, project_id, own_weights(workspace, project_id))
    return workspace, project_id


def settled(project: LiveProject) -> LiveProject:
    """Do all there is to do, as the threads would."""
    project.check()
    for _attempt in range(5):
        if project.has_work:
            for _step in project.work():
                pass
            project.check()
    assert not project.has_work and not project.trouble, project.trouble
    return project


def state(project: LiveProject):
    project.check()
    return project.state(up_to_date=True)


def ids(place, class_name: str) -> list[int]:
    return [record.id for record in list_images(*place, class_name=class_name)]


def regroup(place, image_ids, name: str) -> None:
    with session(place[0]) as opened:
        opened.execute(update(ImageRow).where(ImageRow.id.in_(image_ids)).values(group=name))


def picture(seed: int) -> SourceFile:
    content = encoded(scene(seed))
    return SourceFile(f"{seed}.png", lambda: content)


def test_a_project_without_a_backbone_says_so(tmp_path):
    project = LiveProject(*stripes_project(tmp_path))
    found = state(project)
    assert (found.missing, found.total, found.ready) == ("backbone", 16, False)
    assert not project.has_work and not found.pending


def test_pictures_are_looked_at_and_a_training_finds_what_is_kept(place):
    project = LiveProject(*place)
    assert state(project).missing == "features" and state(project).pending
    found = state(settled(project))
    assert (found.seen, found.total, found.n, found.missing) == (16, 16, 16, None)
    assert found.ready and not found.pending and found.version

    training = training_of(*place, backbone=own_weights(*place), strategy="recommended")
    run_to_end(training)
    report = read_report(place[0].run_dir(place[1], "run"))
    assert report.engine == {}, "nothing was computed again"
    assert report.evaluation.correct == found.correct
    assert report.evaluation.n == found.n
    assert report.evaluation.interval == found.interval


def test_a_label_that_changes_moves_the_number_at_once(place):
    project = settled(LiveProject(*place))
    before = state(project)
    moved = ids(place, "class 0")[0]
    assign_class(*place, [moved], "class 1")
    after = state(project)
    assert not project.has_work, "labels need no preparation"
    assert after.version != before.version and not after.pending
    (digest,) = (one.digest for one in list_images(*place) if one.id == moved)
    assert project.order("disagrees")[0] == digest
    assert project.answers([digest])[digest].own < 0.5
    assign_class(*place, [moved], "class 0")
    assert state(project).correct == before.correct


def test_what_is_left_off_is_gone_on_with(place):
    project = LiveProject(*place)
    project.check()
    steps = project.work()
    while not 0 < state(project).seen < 16:
        next(steps)
    steps.close()
    half = state(project)
    assert half.pending and half.correct is None and not half.ready
    again = LiveProject(*place)  # after a restart
    again.check()
    steps = again.work()
    next(steps), next(steps)
    assert state(again).seen == half.seen, "what was computed is kept"
    assert state(settled(again)).n == 16


def test_a_class_that_is_deleted_between_two_steps(place):
    create_class(*place, "class 2")
    assign_class(*place, ids(place, "class 1")[:4], "class 2")
    project = LiveProject(*place)
    project.check()
    for number, _step in enumerate(project.work()):
        if number == 2:
            delete_class(*place, "class 2")
    found = state(settled(project))
    assert (found.n, found.total) == (12, 16)
    answers = project.answers(None)
    assert len(answers) == 16 and sum(one.own is None for one in answers.values()) == 4
    assert {one.class_name for one in answers.values()} == {"class 0", "class 1"}


def test_a_backbone_that_changes_between_two_steps(place):
    other = own_weights(*place, seed=1)
    project = LiveProject(*place)
    project.check()
    for number, _step in enumerate(project.work()):
        if number == 3:
            save_backbone(*place, other)
            project.check()
    assert not project.state(up_to_date=True).ready, "the old backbone's model is not put in place"
    found = state(settled(project))
    fresh = state(settled(LiveProject(*place)))
    assert replace(found, version="") == replace(fresh, version="")


def test_two_pictures_per_class_are_enough(place):
    for name in ("class 0", "class 1"):
        set_excluded(*place, ids(place, name)[2:], True)
    found = state(settled(LiveProject(*place)))
    assert (found.n, found.total, found.ready) == (4, 4, True)


def test_one_picture_per_class_gives_answers_but_no_number(place):
    for name in ("class 0", "class 1"):
        set_excluded(*place, ids(place, name)[1:], True)
    project = settled(LiveProject(*place))
    found = state(project)
    assert (found.missing, found.accuracy, found.ready) == ("second", None, True)
    (answer,) = project.predict([("a.png", encoded(scene(1)))])
    assert set(answer.prediction.class_names) == {"class 0", "class 1"}
    set_excluded(*place, ids(place, "class 0")[1:2], False)
    assert state(settled(project)).missing == "second"
    set_excluded(*place, ids(place, "class 1")[1:2], False)
    assert (state(settled(project)).missing, state(project).n) == (None, 4)


def test_a_class_of_one_picture_waits_for_another(place):
    create_class(*place, "class 2")
    assign_class(*place, ids(place, "class 1")[:1], "class 2")
    found = state(settled(LiveProject(*place)))
    assert found.n == 15


def test_one_group_per_class_gives_answers_but_no_number(place):
    for name in ("class 0", "class 1"):
        regroup(place, ids(place, name), name)
    project = settled(LiveProject(*place))
    found = state(project)
    assert found.correct is None and found.missing == "groups" and found.ready
    assert found.accuracy is None and found.interval is None
    assert project.order("disagrees") == ()


def test_a_class_of_one_group_is_left_out_and_named(place):
    create_class(*place, "class 2")
    assign_class(*place, ids(place, "class 1")[:3], "class 2")
    regroup(place, ids(place, "class 2"), "burst")
    found = state(settled(LiveProject(*place)))
    assert found.unmeasured == ("class 2",) and found.n == 13


def test_a_group_that_changes_changes_the_number_of_groups(place):
    project = settled(LiveProject(*place))
    assert state(project).groups == 16
    regroup(place, ids(place, "class 0")[:3], "burst")
    assert state(project).pending
    assert state(settled(project)).groups == 14


def test_a_hundred_classes(place):
    assign_class(*place, [one.id for one in list_images(*place)], None)
    add(*place, (picture(seed) for seed in range(184)))
    images = list_images(*place, limit=200)
    for number in range(100):
        create_class(*place, f"kind {number}")
        assign_class(*place, [one.id for one in images[2 * number :][:2]], f"kind {number}")
    found = state(settled(LiveProject(*place)))
    assert found.n + 2 * len(found.unmeasured) == 200


def test_locked_pictures_are_looked_at_and_nothing_else(place):
    draw_locked_test(*place, fraction=0.25)
    locked = {one.digest for one in list_images(*place) if one.split == "test"}
    project = settled(LiveProject(*place))
    found = state(project)
    assert found.seen == 16 and found.n == 16 - len(locked)
    assert not locked & project.answers(None).keys()
    assert not locked & set(project.order("least sure"))


def test_the_persons_own_test_part_is_what_is_measured(tmp_path):
    workspace, project_id = stripes_project(tmp_path)
    place = (workspace, project_id)
    save_backbone(*place, own_weights(*place))
    for number, kind in enumerate(["class 0", "class 1"] * 3):
        offered = replace(picture(number), class_name=kind, split="test")
        add(*place, [offered])
    project = settled(LiveProject(*place))
    found = state(project)
    assert (found.n, found.groups) == (6, 1)
    run_to_end(training_of(*place, backbone=own_weights(*place), strategy="recommended"))
    report = read_report(workspace.run_dir(project_id, "run"))
    assert (report.evaluation.correct, report.evaluation.n) == (found.correct, found.n)


def test_a_new_picture_is_answered_and_a_damaged_one_named(place):
    project = LiveProject(*place)
    project.check()
    with pytest.raises(PredictionError, match="two classes"):
        project.predict([])
    settled(project)
    good, bad = project.predict([("good.png", encoded(scene(3))), ("bad.png", b"no picture")])
    assert sum(good.prediction.probabilities) == pytest.approx(1, abs=1e-5)
    assert bad.prediction is None and bad.reason


def test_an_unlabelled_picture_is_answered_as_a_new_one_with_its_bytes(place):
    content = picture(5)
    add(*place, [content])
    project = settled(LiveProject(*place))
    (digest,) = (one.digest for one in list_images(*place, class_name=None))
    said = project.answers([digest])[digest]
    (answer,) = project.predict([("the same", content.read())])
    assert said.own is None and said.class_name == answer.prediction.class_name
    assert said.probability == pytest.approx(answer.prediction.probability, abs=0.02)
    assert set(project.order("least sure")) == set(project.answers(None))


def test_weights_that_are_gone_are_said_in_a_sentence(place):
    for file in place[0].weights_dir(place[1]).iterdir():
        file.unlink()
    models = LiveModels()
    wait_until(lambda: models.state(str(place[0].root), place[1]).trouble)
    found = models.state(str(place[0].root), place[1])
    assert not found.pending and found.missing == "features"


def test_a_deleted_project_is_forgotten_with_all_that_was_written(place):
    models, root = LiveModels(), str(place[0].root)
    wait_until(lambda: models.state(root, place[1]).seen)
    delete_project(*place)
    with pytest.raises(WorkspaceError):
        models.state(root, place[1])
    wait_until(lambda: not models._projects)
    assert not place[0].project_dir(place[1]).exists()


def test_two_browsers_that_label_at_once_see_one_number(place):
    models, root = LiveModels(), str(place[0].root)
    wait_until(lambda: models.state(root, place[1]).ready)
    zero, one = ids(place, "class 0"), ids(place, "class 1")

    def browser(image_ids, names):
        for number in range(12):
            assign_class(*place, [image_ids[number % 3]], names[number % 2])
            models.state(root, place[1])

    with ThreadPoolExecutor(2) as both:
        work = [
            both.submit(browser, zero, ("class 1", "class 0")),
            both.submit(browser, one, ("class 0", "class 1")),
        ]
        for each in work:
            each.result()
    wait_until(lambda: not models.state(root, place[1]).pending)
    found = models.state(root, place[1])
    fresh = state(settled(LiveProject(*place)))
    assert (found.correct, found.n) == (fresh.correct, fresh.n)


def test_nothing_is_done_in_the_background_while_a_training_waits_or_a_question_is_answered(
    place, monkeypatch
):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)
    models, root = LiveModels(), str(place[0].root)
    config = config_to_json(TrainingConfig(backbone=own_weights(*place)))
    run = runs.start_run(*place, config=config)
    models.state(root, place[1])
    time.sleep(0.3)
    assert models.state(root, place[1]).seen == 0
    with models.answering():
        runs.request_stop(place[0], run.id)
        time.sleep(0.3)
        assert models.state(root, place[1]).seen == 0
    wait_until(lambda: models.state(root, place[1]).seen == 16)


def test_a_compute_process_that_is_killed_comes_back_with_all_it_had_kept(place):
    link = ComputeLink()

    def ask(function="live_state", *more):
        deadline = time.monotonic() + PATIENCE
        return link.call(function, (str(place[0].root), place[1], *more), {}, deadline=deadline)

    try:
        wait_until(lambda: ask().correct is not None)
        before, pid = ask(), link.pid
        stored = sorted(place[0].features_dir(place[1]).rglob("*.shard"))
        psutil.Process(pid).kill()
        wait_for_end(pid)
        wait_until(lambda: ask().correct is not None)
        assert link.pid != pid
        assert replace(ask(), version="") == replace(before, version="")
        assert sorted(place[0].features_dir(place[1]).rglob("*.shard")) == stored
        assert len(ask("live_answers")) == 16
    finally:
        link.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_the_background_gives_way_and_nobody_else():
    found = []

    def work():
        live._give_way()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [live.NICE] and os.getpriority(os.PRIO_PROCESS, 0) == before


def test_pictures_from_elsewhere_are_noticed_and_others_are_not(tmp_path):
    workspace, project_id = place = stripes_project(tmp_path, each=25)
    save_backbone(workspace, project_id, own_weights(workspace, project_id))
    project = settled(LiveProject(*place))
    drawn = write_stripes(tmp_path / "new", each=40).rglob("*.png")
    files = [file for file in sorted(drawn) if int(file.stem) >= 25]
    here = [(file.name, file.read_bytes()) for file in files]
    dark = [Image.open(file).point(lambda value: value // 2) for file in files]
    elsewhere = [(file.name, encoded(one)) for file, one in zip(files, dark, strict=True)]
    assert not place_change(project.known, here).elsewhere
    assert place_change(project.known, elsewhere).elsewhere
    assert place_change(project.known, here[:5]) is None
    assert place_change(project.known, None) is None, "no picture is without a class"


def test_the_next_labels_come_from_what_has_none_and_their_worth_from_what_has(tmp_path):
    workspace, project_id = place = stripes_project(tmp_path, each=16)
    save_backbone(workspace, project_id, own_weights(workspace, project_id))
    without = ids(place, "class 0")[:5]
    assign_class(*place, without, None)
    project = settled(LiveProject(*place))
    asked = next_labels(project.known, 3)
    waiting = {one.digest for one in list_images(*place, class_name=None)}
    assert len(set(asked)) == 3 and set(asked) < waiting
    found, now = growth(project.known), state(project)
    assert found.points[-1] == (27, pytest.approx(now.accuracy))
    assert found.points[0][0] < 27 and found.gain <= found.gain_high
    assign_class(*place, ids(place, "class 1"), None)
    assert not state(settled(project)).ready
    assert growth(project.known) is None
    assert len(set(next_labels(project.known, 3))) == 3, "without a model typical ones come first"


def test_a_health_check_takes_what_the_live_model_has_prepared(place, monkeypatch):
    project, root = settled(LiveProject(*place)), str(place[0].root)
    alone = health_of(root, place[1], None)
    monkeypatch.setattr(check, "Basis", None)
    assert health_of(root, place[1], project.known) == alone
