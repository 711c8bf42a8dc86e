"""Discriminant analysis on features, and its answers in closed form without each group."""

import numpy as np
import pytest

from tl_core.approaches.probing import discriminant
from tl_core.approaches.probing.probe import Basis


def clouds(k: int, each: int, d: int, *, spread: float = 0.6, seed: int = 0):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(k, d)) * spread
    labels = np.repeat(np.arange(k), each)
    features = centres[labels] + random.normal(size=(len(labels), d))
    return (features * 5 + 7).astype(np.float32), labels


def refitted(x, labels, rows, asked, amount, *, balanced):
    """Regularised discriminant analysis, straight from its definition, on some rows."""
    there, position = np.unique(labels[rows], return_inverse=True)
    learnt = x[rows].astype(float)
    means = np.stack([learnt[position == c].mean(axis=0) for c in range(len(there))])
    within = (learnt - means[position]).T @ (learnt - means[position])
    covariance = (within + amount * np.eye(x.shape[1])) / len(rows)
    weight = np.linalg.solve(covariance, (means - learnt.mean(axis=0)).T)
    centred = means - learnt.mean(axis=0)
    bias = -(centred * weight.T).sum(axis=1) / 2
    if not balanced:
        bias = bias + np.log(np.bincount(position) / len(rows))
    logits = np.full((len(asked), labels.max() + 1), discriminant.NEVER)
    logits[:, there] = (x[asked] - learnt.mean(axis=0)) @ weight + bias
    return logits


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("d", [8, 120])  # taller than wide, and wider than tall
@pytest.mark.parametrize("k", [2, 4])
def test_answers_without_a_group_are_those_of_fitting_without_it(k, d, balanced):
    features, labels = clouds(k, 9, d)
    labels[:3] = 1  # classes of different sizes
    groups = np.random.default_rng(0).integers(0, 14, len(labels))
    basis = Basis({"last": features}, groups)
    axes = basis.parts["last"]
    mean, scale = axes.scaling["last"]
    x = (features.astype(float) - mean) / scale
    order, position = basis.order, np.unique(labels[basis.order], return_inverse=True)[1]
    classes = discriminant.Classes(position, basis.groups, balanced)
    for amount in (1e-2, 1.0):
        coordinates = axes.unit.T @ classes.wanted
        found = discriminant.out_of_group(axes, amount, classes, coordinates)
        for row, picture in enumerate(order):
            rest = np.flatnonzero(groups != groups[picture])
            wanted = refitted(x, labels, rest, [picture], amount, balanced=balanced)[0]
            np.testing.assert_allclose(
                found[row] - found[row].max(), wanted - wanted.max(), rtol=1e-6, atol=1e-6
            )
