"""What file names say of sources counts only where the pictures say so, too."""

import numpy as np
import pytest

from tl_core.features.named_sources import confirmed_sources

RANDOM = np.random.default_rng(0)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def pictures():
    """Features of 4 x 39 pictures, of each class around a centre of its own."""
    labels = np.repeat(np.arange(4), 39)
    return labels, unit(RANDOM.normal(size=(4, 64))[labels] + RANDOM.normal(size=(156, 64)))


def test_names_of_a_bulk_rename_join_no_whole_class(pictures):
    labels, features = pictures
    names = [f"{'abcd'[label]} ({n % 39 + 1}).jpg" for n, label in enumerate(labels)]
    assert confirmed_sources(names, labels, features) == {}


def test_names_that_have_nothing_to_do_with_the_pictures_join_nothing(pictures):
    labels, features = pictures
    for form in ("{} ({})", "plot{}-{}"):
        names = [form.format(source, n) + ".jpg" for n, source in enumerate(np.arange(156) % 12)]
        assert confirmed_sources(names, labels, features) == {}


def test_pictures_of_one_source_confirm_their_names(pictures):
    labels, features = pictures
    copies = unit(features[:6] + 0.01 * RANDOM.normal(size=(6, 64)))
    names = [f"IMG_{n}.jpg" for n in range(156)] + [f"IMG_{n} (1).jpg" for n in range(6)]
    found = confirmed_sources(names, np.append(labels, labels[:6]), np.append(features, copies, 0))
    assert found == {"endings": [[n, 156 + n] for n in range(6)]}


def test_sources_show_as_a_whole(pictures):
    labels, features = pictures
    patient = np.arange(156) % 13
    seen = unit(features + 0.3 * RANDOM.normal(size=(13, 64))[patient])
    names = [f"patient{number}-{n}.jpg" for n, number in enumerate(patient)]
    assert len(confirmed_sources(names, labels, seen)["prefixes"]) == 13
