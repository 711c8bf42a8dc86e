import numpy as np
import pytest
from projects import stripes_project
from sklearn.neighbors import KNeighborsClassifier
from trained import BUNDLED_BACKBONE, own_weights, tiny_backbone

from tl_core import runs
from tl_core.assessment.ranking import as_good, neighbours_on, sampled
from tl_core.evaluation.folds import make_folds
from tl_core.evaluation.out_of_fold import Division, predict_out_of_fold
from tl_core.images import image_set
from tl_core.runs.catalogue import backbone_to_json
from tl_core.runs.results.ranking import RankedBackbone, read_ranking
from tl_core.service.execution import execute

pytestmark = pytest.mark.usefixtures("known_machine")


def entry(name, accuracy, seconds):
    return RankedBackbone(
        name=name,
        title=name.title(),
        accuracy=accuracy,
        interval=(0, 1),
        correct=round(100 * accuracy),
        n=100,
        knn_accuracy=accuracy,
        seconds=seconds,
    )


@pytest.mark.parametrize(("slow", "recommended"), [(0.91, "quick"), (0.97, "slow")])
def test_a_slower_backbone_is_recommended_only_for_more_than_one_standard_error(slow, recommended):
    entries = (entry("quick", 0.9, 1.0), entry("slow", slow, 9.0))
    assert as_good(entries)[0] == recommended
    assert len(as_good(entries)) == (2 if recommended == "quick" else 1)
    assert as_good(()) == ()


def test_the_neighbours_are_the_nearest_ones():
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    x = random.normal(size=(60, 5)) + 2 * np.eye(5)[labels]
    groups = np.arange(len(labels))
    folds = tuple(make_folds(labels, groups, folds=5, seed=0))
    division = Division(labels, groups, 3, folds, seed=0)
    predict = neighbours_on(x.astype(np.float32), division)
    train, test = division.folds[0]
    centre = x[train].mean(axis=0)
    slow = KNeighborsClassifier(5, metric="cosine").fit(x[train] - centre, labels[train])
    same = predict(train, test).argmax(axis=1) == slow.predict(x[test] - centre)
    assert same.mean() > 0.9
    assert len(list(predict_out_of_fold(division, predict))) == 5


def test_a_ranking_run_measures_what_is_here_and_names_what_is_not(tmp_path):
    workspace, project = stripes_project(tmp_path, each=8)
    missing = tiny_backbone("test_vit")
    config = {"backbones": [backbone_to_json(one) for one in (BUNDLED_BACKBONE, missing)]}
    run = runs.start_run(workspace, project, kind="rank", config=config, claimed=True)
    list(execute(workspace, run))
    assert runs.get_run(workspace, run.id).state == "done"
    found = read_ranking(workspace.run_dir(project, run.id))
    assert [one.name for one in found.entries] == [BUNDLED_BACKBONE.name]
    assert found.entries[0].seconds > 0
    assert 0 <= found.entries[0].knn_accuracy <= 1
    assert found.recommended == BUNDLED_BACKBONE.name
    assert any("test_vit" in note for note in found.notes)


def test_several_backbones_are_ranked_on_the_same_pictures_and_one_is_recommended(tmp_path):
    workspace, project = stripes_project(tmp_path, each=8, classes=3)
    tiny = [own_weights(workspace, project, name) for name in ("test_resnet", "test_vit")]
    run = runs.start_run(
        workspace,
        project,
        kind="rank",
        config={"backbones": [backbone_to_json(one) for one in (BUNDLED_BACKBONE, *tiny)]},
        claimed=True,
    )
    list(execute(workspace, run))
    found = read_ranking(workspace.run_dir(project, run.id))
    assert [one.name for one in found.entries] == list(found.total)
    assert {one.n for one in found.entries} == {24}
    assert not found.notes
    for one in found.entries:
        assert one.interval[0] <= one.accuracy <= one.interval[1]
        assert one.seconds > 0
    assert found.recommended in found.total


def test_more_pictures_than_are_compared_are_thinned_evenly(tmp_path):
    workspace, project = stripes_project(tmp_path, each=4)
    every = image_set(workspace, project).images
    assert sampled(every, 100) == every
    fewer = sampled(every, 4)
    assert sorted(image.label for image in fewer) == [0, 0, 1, 1]
