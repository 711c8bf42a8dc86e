"""The sample sets: complete, always the same, and looking like what they say."""

import subprocess
import sys
from collections import Counter
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from tl_core.errors import DatasetError
from tl_core.images import examine, read_picture
from tl_core.images.samples import SAMPLES, SampleSet, offered, sample_files, unseen_file
from tl_core.images.samples.leaves import TREES, leaf
from tl_core.images.samples.surfaces import DEFECTS, SIDE, surface

OFFLINE = [sample for sample in SAMPLES if sample.source != "download"]


@pytest.mark.parametrize("sample", OFFLINE, ids=lambda sample: sample.key)
def test_offline_sets_hold_what_they_promise(sample: SampleSet) -> None:
    offered = list(sample_files(sample.key))
    counts = Counter(one.class_name for one in offered)
    assert len(offered) == sample.images and len(counts) == sample.classes
    assert len(set(counts.values())) == 1
    assert len({one.name for one in offered}) == len(offered)
    some = offered[:: len(offered) // 12]
    digests = {examine(one.read())[0].digest for one in some}
    assert len(digests) == len(some)


@pytest.mark.parametrize("sample", OFFLINE, ids=lambda sample: sample.key)
def test_offline_sets_are_the_same_every_time(sample: SampleSet) -> None:
    first, second = (list(sample_files(sample.key))[5].read() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("sample", OFFLINE, ids=lambda sample: sample.key)
def test_unseen_pictures_are_of_every_class_and_not_among_the_others(
    sample: SampleSet,
) -> None:
    unseen = [unseen_file(sample.key, number) for number in range(2 * sample.classes)]
    offered = list(sample_files(sample.key))
    counts = Counter(one.class_name for one in unseen)
    assert counts == dict.fromkeys({one.class_name for one in offered}, 2)
    contents = [one.read() for one in unseen]
    assert len(set(contents)) == len(contents)
    assert not set(contents) & {one.read() for one in offered}


def test_sets_to_download_have_no_unseen_pictures() -> None:
    assert unseen_file("eurosat", 0) is None


def test_digits_are_dark_ink_on_white_paper() -> None:
    zero = next(iter(sample_files("digits")))
    grey = np.asarray(read_picture(zero.read()).convert("L")).astype(int)
    middle = grey.shape[0] // 2
    assert zero.class_name == "0" and grey[0].min() > 230
    assert grey[middle].min() < 150 and grey[middle, middle] > 230  # a ring


@pytest.mark.parametrize("tree", TREES)
def test_leaves_of_one_tree_differ_in_colour_and_ground(tree: str) -> None:
    pictures = [np.asarray(leaf(tree, np.random.default_rng(number))) for number in range(6)]
    assert {picture.shape for picture in pictures} == {(SIDE, SIDE, 3)}
    middles = [picture[100:124, 100:124].mean(axis=(0, 1)) for picture in pictures]
    corners = [picture[:20, :20].mean(axis=(0, 1)) for picture in pictures]
    assert np.std(middles, axis=0).max() > 15 and np.std(corners, axis=0).max() > 15


@pytest.mark.parametrize("defect", DEFECTS)
def test_surfaces_are_neither_dark_nor_blown_out(defect: str) -> None:
    for number in range(4):
        picture = surface(defect, np.random.default_rng(number))
        values = np.asarray(picture)
        assert picture.size == (SIDE, SIDE) and picture.mode == "RGB"
        assert 60 < values.mean() < 215 and (values == 255).mean() < 0.05


@pytest.mark.parametrize("defect", [one for one in DEFECTS if one != "no defect"])
def test_a_defect_changes_only_a_part_of_the_surface(defect: str) -> None:
    for number in range(4):
        whole, flawed = (
            np.asarray(surface(one, np.random.default_rng(number))).astype(int)
            for one in ("no defect", defect)
        )
        changed = (np.abs(whole - flawed).max(axis=2) > 30).mean()
        assert 0.0005 < changed < 0.5


def test_a_set_to_download_or_unknown_is_refused_with_a_sentence() -> None:
    with pytest.raises(DatasetError, match="downloaded first"):
        sample_files("eurosat")
    with pytest.raises(DatasetError, match=r"'none'. Choose one of: leaves, surfaces, digits"):
        sample_files("none")


@pytest.mark.parametrize(
    "spec", [None, ModuleSpec("sklearn", None, origin=str(Path("nowhere") / "__init__.py"))]
)
def test_missing_digits_get_a_sentence(
    monkeypatch: pytest.MonkeyPatch, spec: ModuleSpec | None
) -> None:
    monkeypatch.setattr(offered, "find_spec", lambda name: spec)
    with pytest.raises(DatasetError, match="scikit-learn"):
        list(sample_files("digits"))


def test_making_samples_loads_nothing_heavy() -> None:
    code = (
        "import sys; from tl_core.images.samples import sample_files\n"
        "for key in ('digits', 'surfaces'): next(iter(sample_files(key))).read()\n"
        "print([m for m in ('sklearn', 'scipy', 'torch', 'pandas') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
