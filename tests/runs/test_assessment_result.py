import pytest
from projects import stripes_project

from tl_core import images
from tl_core.runs.results.assessment import (
    Assessment,
    Calibration,
    Conformal,
    LayerCurve,
    LayerPoint,
    LearningCurve,
    LearningPoint,
    Measured,
    PretrainingDistance,
    Similarity,
    Verdict,
    current_labels_digest,
    labels_digest,
    read_assessment,
    write_assessment,
)

FULL = Assessment(
    project_id="p",
    backbone="b",
    labels_digest="x",
    digests=("d1", "d2"),
    folds=2,
    total=("transferred", "random"),
    done=("transferred",),
    seconds={"transferred": 1.5},
    measured=(
        Measured(
            name="transferred",
            accuracy=0.5,
            interval=(0.1, 0.9),
            correct=1,
            n=2,
            seconds=1.0,
            correct_per_image=(True, False),
        ),
    ),
    verdict=Verdict(
        answer="helped",
        points=3.0,
        interval_points=(1.0, 5.0),
        against="random",
        n=2,
    ),
    layers=LayerCurve(
        points=(LayerPoint(group_index=0, group_name="stem", accuracy=0.5, interval=(0.1, 0.9)),),
        suggested_frozen=1,
    ),
    similarities=(
        Similarity(
            a="train",
            b="test",
            n_a=1,
            n_b=1,
            proxy_a_distance=0.0,
            frechet=None,
            frechet_chance=None,
        ),
    ),
    distance=PretrainingDistance(
        distance=None, nearness=None, limits_known=True, seen_classes=(("ant", 0.5),)
    ),
    learning=LearningCurve(
        points=(LearningPoint(per_class=2, accuracy=0.5, interval=(0.1, 0.9)),),
        extrapolated=((10, 0.4, 0.5, 0.6),),
    ),
    calibration=Calibration(
        temperature=1.0,
        error=0.0,
        confidence=0.9,
        accuracy=0.8,
        reliability=((0.9, 0.8, 10),),
        coverage=((0.5, None, 0.0),),
        conformal=(
            Conformal(target=0.9, achieved=0.9, expected=(0.8, 1.0), mean_size=1.2, threshold=0.1),
        ),
    ),
    notes=("n",),
)


def test_an_assessment_is_read_as_it_was_written(tmp_path):
    write_assessment(tmp_path, FULL)
    assert read_assessment(tmp_path) == FULL
    assert FULL.parts_done == 1
    assert FULL.parts_total == 2
    assert FULL.of("transferred").correct == 1
    assert FULL.of("small") is None


@pytest.mark.parametrize("content", ["", "[]", '{"project_id": "p"}', '{"measured": 3}'])
def test_a_file_that_is_no_assessment_counts_as_none(tmp_path, content):
    assert read_assessment(tmp_path) is None
    (tmp_path / "assessment.json").write_text(content)
    assert read_assessment(tmp_path) is None


def test_the_digest_changes_with_labels_and_left_out_pictures(tmp_path):
    workspace, project = stripes_project(tmp_path, each=3)
    before = labels_digest(images.image_set(workspace, project))
    assert before == labels_digest(images.image_set(workspace, project, seed=5))
    picture = images.list_images(workspace, project, class_name="class 0")[0]
    images.assign_class(workspace, project, [picture.id], "class 1")
    relabelled = labels_digest(images.image_set(workspace, project))
    images.undo_last(workspace, project)
    assert labels_digest(images.image_set(workspace, project)) == before != relabelled
    images.set_excluded(workspace, project, [picture.id], True)
    assert labels_digest(images.image_set(workspace, project)) not in (before, relabelled)


def test_the_cheap_digest_of_a_project_is_that_of_its_image_set(tmp_path):
    workspace, project = stripes_project(tmp_path, each=6)
    untouched = current_labels_digest(workspace, project)
    assert untouched == labels_digest(images.image_set(workspace, project))
    picture = images.list_images(workspace, project)[0]
    images.set_excluded(workspace, project, [picture.id], True)
    changed = current_labels_digest(workspace, project)
    assert untouched != changed == labels_digest(images.image_set(workspace, project))
    images.draw_locked_test(workspace, project, fraction=0.3)
    locked = current_labels_digest(workspace, project)
    assert changed != locked == labels_digest(images.image_set(workspace, project))
