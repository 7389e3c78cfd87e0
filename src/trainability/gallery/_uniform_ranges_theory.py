"""What theory says of "uniform-ranges" before a network is drawn: its start, and descent with the kernel of the start.

For weights of mean 0 the pre-activations of a wide network are a normal process over the images, with a covariance that a
layer turns into the next one's, and the outputs descend as

    z <- z - lr Theta dL/dz / n

with the tangent kernel Theta of the start, fixed as long as the weights stay close to it. Outputs are drawn from the process
and let descend: no network is drawn. Weights that have a mean add up alike in all units; for those the mean and variance of
a unit are followed, and no descent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import inf, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from trainability.gallery._uniform_ranges_mechanism import Reading, limit_of
from trainability.gallery._uniform_ranges_runs import CLASSES, FLAT, IMAGES, LOSSES, SCHEMES, WIDTH, images
from trainability.initializers import promised_std

Floats = NDArray[Any]
TERMS, NODES = 120, 400
DRAWS = 3


@dataclass(frozen=True)
class Predicted:
    """What theory says of one activation, loss, depth and initializer.

    Args:
        logit_std: standard deviation of the logits over the classes, root mean square over images.
        reading: what the mechanism's rule would see at the start; its accuracy is chance.
        limit: largest stable lr at the start, of the Gauss-Newton matrix; nan for weights with a mean.
        trained: by lr, the share of draws that descent with the fixed kernel trains; {} for weights with a mean.
    """

    logit_std: float
    reading: Reading
    limit: float
    trained: dict[float, float]


def moments(scheme: str) -> tuple[float, float]:
    """Mean and standard deviation of a weight between layers of 64.

    >>> moments("U[0, 1]")[0]
    0.5
    """
    init, options = SCHEMES[scheme]
    mean = (options["a"] + options["b"]) / 2 if init == "uniform" else 0.0
    if init == "uniform":
        return mean, (options["b"] - options["a"]) / sqrt(12)
    return mean, float(promised_std(init, (WIDTH, WIDTH), **options))


def kernel_sample() -> tuple[Floats, Floats]:
    """100 images (100, 64) and their classes as rows of 0 and 1, every third of those that networks are read on."""
    x, y = images(IMAGES)
    return x.double().numpy()[::3], np.eye(CLASSES)[y.numpy()[::3]]


@dataclass(frozen=True)
class Kernels:
    """Covariances over n images.

    Args:
        layers: of each hidden layer's pre-activations, (n, n).
        logits: of the logits.
        tangent: Theta, of one output with itself; different outputs have none.
    """

    layers: tuple[Floats, ...]
    logits: Floats
    tangent: Floats


def kernels(activation: str, depth: int, std: float, x: Floats) -> Kernels:
    """Covariances of a wide network whose weights have mean 0 and one standard deviation, without biases at the start.

        K_1 = s² x x',   K_(l+1) = s² n E[phi phi'],   Theta = sum_l (n E[phi phi']_(l-1) + 1) prod_(m>=l) s² n E[phi' phi']_m

    Args:
        activation: "ReLU" or "sigmoid".
        depth: hidden layers.
        std: s.
        x: (n, inputs).

    Returns:
        Kernels.

    Source:
        Jacot, Gabriel and Hongler 2018, arXiv 1806.07572; the ReLU's by Cho and Saul 2009, NeurIPS.
    """
    sums = [x @ x.T]  # of products of what a layer is given, over its inputs
    layers, slopes = [], []
    for _ in range(depth):
        layers.append(std**2 * sums[-1])
        values, slope = _relu(layers[-1]) if activation == "ReLU" else _smooth(layers[-1])
        sums.append(WIDTH * values)
        slopes.append(std**2 * WIDTH * slope)
    tangent = np.zeros_like(sums[0])
    back = np.ones_like(sums[0])
    for layer in range(depth, -1, -1):
        tangent += (sums[layer] + 1) * back
        back = back * slopes[layer - 1] if layer else back
    return Kernels(tuple(layers), std**2 * sums[-1], tangent)


def _relu(K: Floats) -> tuple[Floats, Floats]:
    size = np.sqrt(np.diag(K))
    apart = np.arccos(np.clip(K / np.outer(size, size), -1, 1))
    values = np.outer(size, size) * (np.sin(apart) + (pi - apart) * np.cos(apart)) / (2 * pi)
    return values, (pi - apart) / (2 * pi)


def _smooth(K: Floats) -> tuple[Floats, Floats]:
    """E[phi phi'] and E[phi' phi''] of sigmoids by Hermite series in the correlation, the diagonal by quadrature."""
    z, w = np.polynomial.legendre.leggauss(NODES)
    z, w = 9 * z, 9 * w * np.exp(-((9 * z) ** 2) / 2) / sqrt(2 * pi)
    hermite = np.empty((TERMS, NODES))
    hermite[0], hermite[1] = 1, z
    for k in range(2, TERMS):
        hermite[k] = (z * hermite[k - 1] - sqrt(k - 1) * hermite[k - 2]) / sqrt(k)
    size = np.sqrt(np.diag(K))
    phi = expit(size[:, None] * z)
    rho = np.clip(K / np.outer(size, size), -1, 1)
    found = []
    for f in (phi, phi * (1 - phi)):
        parts = f @ (w * hermite).T  # (n, TERMS)
        total, power = np.zeros_like(K), np.ones_like(K)
        for k in range(TERMS):
            total += np.outer(parts[:, k], parts[:, k]) * power
            power *= rho
        np.fill_diagonal(total, f**2 @ w)
        found.append(total)
    return found[0], found[1]


def gradient(z: Floats, y: Floats, loss: str) -> tuple[Floats, Floats]:
    """Losses (..., n) and their gradients (..., n, 10) in the logits."""
    z = z - z.max(-1, keepdims=True)
    p = np.exp(z)
    total = p.sum(-1, keepdims=True)
    p /= total
    if loss == LOSSES[0]:
        error = p - y
        return (error**2).sum(-1), 2 * p * (error - (p * error).sum(-1, keepdims=True))
    return np.log(total[..., 0]) - (z * y).sum(-1), p - y


def predict(activation: str, loss: str, depth: int, scheme: str, lrs: tuple[float, ...], steps: int) -> Predicted:
    """What theory says of one combination.

    Args:
        activation, loss, depth, scheme: as in `train`.
        lrs: learning rates.
        steps: of full-batch descent.

    Returns:
        Predicted.
    """
    mean, std = moments(scheme)
    if mean:
        return _with_mean(activation, loss, depth, mean, std)
    x, y = kernel_sample()
    found = _kernels(activation, depth, std)
    rng = np.random.default_rng(11)
    z = _process(found.logits, rng, DRAWS * CLASSES).reshape(DRAWS, CLASSES, -1).swapaxes(1, 2)
    each, pull = gradient(z, y, loss)
    apart = pull - pull.mean(1, keepdims=True)
    signal = np.einsum("dik,ij,djk->d", apart, found.tangent, apart) / len(x) ** 2
    limit = np.median([limit_of(_curvature(found.tangent, one, loss)) for one in z])
    flat = max(float(_beyond(np.sqrt(np.diag(K)))) for K in found.layers) if activation != "ReLU" else 0.0
    dead = max(_dead(found, i) for i in range(depth)) if activation == "ReLU" else 0.0
    reading = Reading(float(each.mean()), _gap(z, y), dead, flat, float(np.median(signal)), 1 / CLASSES)
    spread = float(np.sqrt(np.diag(found.logits).mean()))
    return Predicted(spread, reading, float(limit), _descend(found.tangent, z, y, loss, lrs, steps))


@cache
def _kernels(activation: str, depth: int, std: float) -> Kernels:
    return kernels(activation, depth, std, kernel_sample()[0])


def _process(K: Floats, rng: np.random.Generator, draws: int) -> Floats:
    values, vectors = np.linalg.eigh(K)
    return rng.standard_normal((draws, len(K))) * np.sqrt(np.maximum(values, 0)) @ vectors.T


def _gap(z: Floats, y: Floats) -> float:
    top = np.sort(z, -1)
    wrong = z.argmax(-1) != y.argmax(-1)
    return float(np.median((top[..., -1] - top[..., -2])[wrong]))


def _beyond(size: Floats) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(FLAT / size).mean())


def _dead(found: Kernels, layer: int) -> float:
    units = _process(found.layers[layer], np.random.default_rng(9), 600)
    return float((units <= 0).all(1).mean())


def _curvature(tangent: Floats, z: Floats, loss: str, turns: int = 60) -> float:
    """Largest eigenvalue of the Gauss-Newton matrix J' H J / n, that of v -> Theta H v / n, by power iteration."""
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    v = np.random.default_rng(3).standard_normal(z.shape)
    value = 0.0
    for _ in range(turns):
        h = p * (v - (p * v).sum(-1, keepdims=True))
        if loss == LOSSES[0]:  # 2 J J', J the softmax's Jacobian
            h = 2 * p * (h - (p * h).sum(-1, keepdims=True))
        v = tangent @ h / len(z)
        value = float(np.linalg.norm(v))
        if not value > 0:
            return 0.0
        v /= value
    return value


def _descend(
    tangent: Floats, z: Floats, y: Floats, loss: str, lrs: tuple[float, ...], steps: int
) -> dict[float, float]:
    now = np.tile(z, (len(lrs), 1, 1, 1)).astype(np.float32)
    rate = np.array(lrs, dtype=np.float32)[:, None, None, None]
    theta, target, last = (tangent / len(y)).astype(np.float32), y.astype(np.float32), []
    with np.errstate(all="ignore"):
        for step in range(steps):
            each, pull = gradient(now, target, loss)
            if step >= steps - max(1, steps // 10):
                last.append(each.mean(-1))
            now = now - rate * (theta @ pull)
    share = y.mean(0)
    constant = 1 - (share**2).sum() if loss == LOSSES[0] else -(share * np.log(share)).sum()
    good = np.mean(last, axis=0) <= constant / 2
    return {lr: float(row.mean()) for lr, row in zip(lrs, good, strict=True)}


def _with_mean(activation: str, loss: str, depth: int, mu: float, std: float) -> Predicted:
    """Units with mean and variance, y_l ~ N(n mu E x, n s² E x²), E over y_(l-1) of x = phi(y_(l-1)); image by image."""
    x = images(IMAGES)[0].double().numpy()[::5]
    z, w = np.polynomial.legendre.leggauss(NODES)
    z, w = 9 * z, 9 * w * np.exp(-((9 * z) ** 2) / 2) / sqrt(2 * pi)
    first, second = x.sum(1), (x**2).sum(1)
    flat = 0.0
    for _ in range(depth):
        y = (mu * first)[:, None] + std * np.sqrt(second)[:, None] * z
        phi = np.maximum(y, 0) if activation == "ReLU" else expit(y)
        flat = max(flat, float(((np.abs(y) > FLAT) @ w).mean()))
        first, second = WIDTH * phi @ w, WIDTH * phi**2 @ w
    spread = std * np.sqrt(second)
    draws = np.random.default_rng(8).standard_normal((4000, CLASSES))
    top = np.sort(draws, -1)
    gap = float(np.median(np.median(spread) * (top[:, -1] - top[:, -2])))
    value = gradient(np.median(spread) * draws, np.eye(CLASSES)[np.zeros(4000, int)], loss)[0].mean()
    flat = 0.0 if activation == "ReLU" else flat
    reading = Reading(float(value), gap, 0.0, flat, inf, 1 / CLASSES)  # the gradient is not followed here
    return Predicted(float(np.sqrt((spread**2).mean())), reading, float("nan"), {})
