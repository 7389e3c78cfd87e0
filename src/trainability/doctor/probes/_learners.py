"""Quick learners that ask data for information, apart from any network: train on one half, judge on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, np.dtype[np.float64]]
Answers = Callable[[Array], Array]
Learner = Callable[[Array, Array], Answers]
"""(training half, held-out half) -> (labels of the training half -> answers for the held-out half)."""

MOST = 200  # columns kept of the inputs themselves, and half as many of what does not change with a shift
TOKENS = 100
TREES, FEATURES = 30, 0.15
QUADRATIC = 700
PENALTIES = np.array([1e-3, 1e-2, 1e-1, 1.0, 10.0])


def features(x: Tensor) -> Array:
    """Inputs as columns of mean 0 and standard deviation 1 that a quick learner can use.

    Numbers are flattened and reduced to 200 principal components; inputs with more than one axis get their mean,
    spread, maximum and the size of their Fourier coefficients along each axis beside that, which a shift leaves alone.
    Indices become counts, first positions and counts of neighbouring pairs.

    Args:
        x: (n, ...), numbers or indices; finite.

    Returns:
        (n, d), d at most 300; columns that do not vary are left out.
    """
    if x.is_floating_point() or x.ndim > 2:
        columns = [_reduced(x.double().flatten(1).numpy() if x.ndim > 1 else x.double()[:, None].numpy(), MOST)]
        if x.ndim > 2:
            columns.append(_reduced(_invariants(x.double()), MOST // 2))
    else:
        columns = [_tokens(x.numpy() if x.ndim > 1 else x[:, None].numpy())]
    return _standard(np.concatenate(columns, axis=1))


def _standard(f: Array) -> Array:
    spread = f.std(0)
    keep = spread > 1e-9 * np.maximum(np.abs(f).max(0, initial=0.0), 1e-300)
    return np.asarray((f[:, keep] - f[:, keep].mean(0)) / spread[keep])


def _reduced(f: Array, most: int) -> Array:
    """At most `most` columns: principal components of the standardised ones; after a random projection for very many."""
    f = _standard(f)
    if f.shape[1] > 10 * most:
        draw = np.random.default_rng(0)
        f = f @ draw.standard_normal((f.shape[1], 5 * most)) / np.sqrt(5 * most)
    if f.shape[1] <= most:
        return f
    _, vectors = np.linalg.eigh(f.T @ f)
    return np.asarray(f @ vectors[:, -most:])


def _invariants(x: Tensor) -> Array:
    axes = [tuple(range(2, x.ndim))] if x.ndim > 3 else [(1,), (2,)]
    found = []
    for over in axes:
        found += [x.mean(over), x.std(over, correction=0), x.amax(over)]
        waves = torch.fft.rfftn(x, dim=over).abs()
        found.append(waves[:, :, :9, :9] if x.ndim == 4 else waves)
    return np.concatenate([t.flatten(1).numpy() for t in found], axis=1)


def _tokens(x: Array) -> Array:
    values, index, counts = np.unique(x, return_inverse=True, return_counts=True)
    index = index.reshape(x.shape)
    found = [x.astype(float)] if x.shape[1] <= MOST else []
    for token in np.argsort(-counts)[: min(TOKENS, len(values))]:
        here = index == token
        found.append(np.stack([here.sum(1), np.where(here.any(1), here.argmax(1), x.shape[1])], axis=1).astype(float))
    if x.shape[1] > 1:
        pairs = (index[:, :-1] * 7919 + index[:, 1:]) % TOKENS
        found.append(np.stack([(pairs == k).sum(1) for k in range(TOKENS)], axis=1).astype(float))
    return np.concatenate(found, axis=1)


def linear(train: Array, held: Array) -> Answers:
    """Ridge regression; the penalty is the one with the smallest leave-one-out error."""
    if train.shape[1] >= len(train):
        return _ridge(train @ train.T, held @ train.T)
    values, vectors = np.linalg.eigh(train.T @ train)
    roots = np.sqrt(np.maximum(values, 1e-12 * max(float(values[-1]), 1e-300)))
    return _shrunk(roots**2, train @ vectors / roots, held @ vectors * roots)


def quadratic(train: Array, held: Array) -> Answers:
    """Ridge regression on all products of two features, from 700 samples at most."""
    train, d = train[:QUADRATIC], train.shape[1]
    return _ridge((1 + train @ train.T / d) ** 2 - 1, (1 + held @ train.T / d) ** 2 - 1)


def _ridge(kernel: Array, across: Array) -> Answers:
    values, vectors = np.linalg.eigh(kernel)
    return _shrunk(np.maximum(values, 0), vectors, across @ vectors)


def _shrunk(values: Array, vectors: Array, across: Array) -> Answers:
    """Kernel ridge regression where the kernel is `vectors @ diag(values) @ vectors.T`."""
    squares = vectors**2
    penalties = PENALTIES * max(float(values.sum()) / len(vectors), 1e-300)

    def answers(labels: Array) -> Array:
        labels = labels[: len(vectors)]
        mean = labels.mean(0)
        inside = vectors.T @ (labels - mean)
        best, best_error = inside, np.inf
        for penalty in penalties:
            shrink = values / (values + penalty)
            residual = labels - mean - vectors @ (shrink[:, None] * inside)
            error = float(((residual / np.maximum(1 - squares @ shrink, 1e-9)[:, None]) ** 2).sum())
            if error < best_error:
                best, best_error = inside / (values + penalty)[:, None], error
        return np.asarray(across @ best + mean)

    return answers


def nearest(train: Array, held: Array) -> Answers:
    """The mean over the ten nearest of the training half."""
    k = min(10, len(train))
    near = np.argpartition((train**2).sum(1) - 2 * held @ train.T, k - 1, axis=1)[:, :k]
    return lambda labels: np.asarray(labels[near].mean(1))


def forest(train: Array, held: Array) -> Answers:
    """Thirty extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesRegressor

    def answers(labels: Array) -> Array:
        trees = ExtraTreesRegressor(TREES, min_samples_leaf=3, max_features=FEATURES, random_state=0, n_jobs=1)
        trees.fit(train, labels if labels.shape[1] > 1 else labels[:, 0])
        return np.asarray(trees.predict(held)).reshape(len(held), -1)

    return answers


LEARNERS: Mapping[str, Learner] = {
    "linear": linear,
    "quadratic": quadratic,
    "nearest neighbours": nearest,
    "forest": forest,
}


def correlation(answers: Array, labels: Array) -> float:
    """Of two centred matrices, over all entries; 0 where one of them does not vary."""
    size = float(np.linalg.norm(answers) * np.linalg.norm(labels))
    return float((answers * labels).sum() / size) if size > 0 else 0.0


def by_chance(answers: Array, labels: Array) -> float:
    """Standard deviation of `correlation` over all orders of the labels; both matrices centred."""
    size = float(np.linalg.norm(answers) * np.linalg.norm(labels))
    together = float(((answers.T @ answers) * (labels.T @ labels).T).sum()) if answers.shape == labels.shape else 0.0
    return float(np.sqrt(max(together, 0.0) / max(len(labels) - 1, 1)) / size) if size > 0 else 0.0


def p_value(answers: Array, labels: Array, orders: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    """Share of orders of the labels, the given one among them, that go with or against the answers as strongly.

    The answers come from a learner that has not seen these labels, so that every order is as likely as the given one
    where labels are independent of inputs: the p-value is exact.

    Args:
        answers, labels: (m, K), centred.
        orders: (B, m), permutations.

    Returns:
        A share in [1 / (B + 1), 1].
    """
    table = answers @ labels.T
    given = abs(float(np.trace(table)))
    rows = np.arange(len(labels))
    others = np.abs([table[rows, order].sum() for order in orders])
    slack = 1e-9 * max(given, float(others.max(initial=0.0)))
    return float((1 + (others >= given - slack).sum()) / (1 + len(orders)))
