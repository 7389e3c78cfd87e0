"""What "uniform-ranges" trains and predicts: small networks in one stack, and mean field theory for weights with a mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from math import log, pi, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

from trainability.initializers import he_normal_, normal_, uniform_
from trainability.measures.outcome import Outcome, outcome
from trainability.problems import get as problem

Floats = NDArray[np.float64]

SIZES = (64, 64, 32, 10)
BATCH = 16
SCHEMES: dict[str, tuple[Callable[..., object], float, tuple[float, ...]]] = {
    "U[0, 1]": (partial(uniform_, a=0.0, b=1.0), 0.5, (sqrt(1 / 12),) * 3),
    "U[-1, 1]": (partial(uniform_, a=-1.0, b=1.0), 0.0, (sqrt(1 / 3),) * 3),
    "U[-0.5, 0.5]": (partial(uniform_, a=-0.5, b=0.5), 0.0, (sqrt(1 / 12),) * 3),
    "U[-0.1, 0.1]": (partial(uniform_, a=-0.1, b=0.1), 0.0, (0.1 / sqrt(3),) * 3),
    "N(0, 1)": (partial(normal_, std=1.0), 0.0, (1.0,) * 3),
    "N(0, 0.1²)": (partial(normal_, std=0.1), 0.0, (0.1,) * 3),
    "He": (he_normal_, 0.0, tuple(sqrt(2 / n) for n in SIZES[:-1])),
}
"""Name -> (initializer, mean of a weight, its standard deviation in each layer)."""
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "ReLU": torch.relu}
LOSSES = ("squared error", "cross-entropy")
CONSTANT = {"squared error": 0.9, "cross-entropy": log(10)}
"""The best constant answer's loss, with ten classes of equal size."""


@dataclass(frozen=True)
class Mechanism:
    """A freshly drawn network, measured or predicted.

    Args:
        logit_std: standard deviation of the logits over the classes, root mean square over images.
        largest: mean over images of the largest probability.
        gradient: by loss, root mean square of one image's dLoss in a pre-activation of the first layer.
        dead: share of hidden units that give 0 for every image (ReLU); of activations within 0.01 of 0 or 1 (sigmoid).
    """

    logit_std: float
    largest: float
    gradient: dict[str, float]
    dead: float


def weights_of(scheme: str, seed: int) -> list[Tensor]:
    """The three weight matrices of one network.

    Args:
        scheme: key of `SCHEMES`.
        seed: of all of them.

    Returns:
        W_l of (n_l, n_{l-1}).

    Example:
        >>> [tuple(w.shape) for w in weights_of("He", 0)]
        [(64, 64), (32, 64), (10, 32)]
    """
    generator = torch.Generator().manual_seed(seed)
    made = [torch.empty(m, n) for n, m in pairwise(SIZES)]
    for w in made:
        SCHEMES[scheme][0](w, generator=generator)
    return made


def images(n: int) -> tuple[Tensor, Tensor]:
    """The first n training digits, (n, 64) in [0, 1] and labels."""
    x, y = problem("digits-mlp")().data
    return x[:n], y[:n]


def train(
    activation: str, loss: str, schemes: Sequence[str], lrs: Sequence[float], seeds: int, steps: int
) -> dict[tuple[str, float], tuple[tuple[Outcome, ...], tuple[float, ...]]]:
    """Train every scheme at every rate with every seed at once, in one stack; each member as it would be alone.

    Plain SGD, batches of 16 without replacement in an order that the seed decides, biases from 0.

    Args:
        activation: key of `ACTIVATIONS`.
        loss: one of `LOSSES`; squared error is that of the probabilities, summed over classes.
        schemes: keys of `SCHEMES`.
        lrs: learning rates.
        seeds: members per scheme and rate.
        steps: of each.

    Returns:
        (scheme, lr) -> (outcome per seed, accuracy on the training data per seed).
    """
    x, y = images(1400)
    act, one_hot = ACTIVATIONS[activation], nn.functional.one_hot(y, 10).float()
    keys = [(scheme, lr) for scheme in schemes for lr in lrs]
    drawn = [weights_of(scheme, seed) for scheme, _ in keys for seed in range(seeds)]
    weights = [torch.stack([w[i] for w in drawn]).requires_grad_() for i in range(3)]
    biases = [torch.zeros(len(drawn), 1, n, requires_grad=True) for n in SIZES[1:]]
    rate = torch.tensor([lr for _, lr in keys for _ in range(seeds)])[:, None, None]
    generators = [torch.Generator().manual_seed(1000 + seed) for seed in range(seeds)]
    losses = np.empty((len(drawn), steps))
    per_epoch = len(x) // BATCH
    order = torch.empty(0)
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.stack([torch.randperm(len(x), generator=g) for g in generators])
        rows = order[:, (step % per_epoch) * BATCH : (step % per_epoch + 1) * BATCH]
        logits = _forward(x[rows].repeat(len(keys), 1, 1), weights, biases, act)
        each = _losses(logits, one_hot[rows].repeat(len(keys), 1, 1), loss).mean(1)
        losses[:, step] = each.detach().numpy()
        found = torch.autograd.grad(each.sum(), [*weights, *biases])
        with torch.no_grad():
            for parameter, g in zip([*weights, *biases], found, strict=True):
                parameter -= rate * g
    with torch.no_grad():
        right = _forward(x.expand(len(drawn), -1, -1), weights, biases, act).argmax(2) == y
        fresh = [torch.stack([w[i] for w in drawn]) for i in range(3)]
        zeros = [torch.zeros_like(b) for b in biases]
        start = _losses(_forward(x.expand(len(drawn), -1, -1), fresh, zeros, act), one_hot, loss).mean(1).tolist()
    accuracy = right.double().mean(1).tolist()
    words = [outcome(row.tolist(), first, CONSTANT[loss]) for row, first in zip(losses, start, strict=True)]
    return {
        key: (tuple(words[i * seeds : (i + 1) * seeds]), tuple(accuracy[i * seeds : (i + 1) * seeds]))
        for i, key in enumerate(keys)
    }


def _forward(x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], act: Callable[[Tensor], Tensor]) -> Tensor:
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        x = torch.baddbmm(b, x, w.mT)
        if i < 2:
            x = act(x)
    return x


def _losses(logits: Tensor, one_hot: Tensor, loss: str) -> Tensor:
    """One loss per member and image."""
    if loss == LOSSES[0]:
        return (logits.softmax(-1) - one_hot).square().sum(-1)
    return -(logits.log_softmax(-1) * one_hot).sum(-1)


def measure(activation: str, scheme: str, nets: int, n_images: int = 300) -> Mechanism:
    """Draw networks and look at them before training.

    Args:
        activation: key of `ACTIVATIONS`.
        scheme: key of `SCHEMES`.
        nets: how many.
        n_images: shown to each.

    Returns:
        Mechanism, over all networks.
    """
    x, y = images(n_images)
    act, one_hot = ACTIVATIONS[activation], nn.functional.one_hot(y, 10).double()
    drawn = [weights_of(scheme, 5000 + i) for i in range(nets)]
    weights = [torch.stack([w[i] for w in drawn]).double() for i in range(3)]
    first = (x.double() @ weights[0].mT).requires_grad_()
    hidden = [act(first)]
    hidden.append(act(hidden[0] @ weights[1].mT))
    logits = hidden[1] @ weights[2].mT
    gradient = {}
    for loss in LOSSES:
        # One image's own loss depends on its own row alone, so that the sum's gradient holds all of them.
        (g,) = torch.autograd.grad(_losses(logits, one_hot, loss).sum(), first, retain_graph=True)
        gradient[loss] = float(g.square().mean().sqrt())
    if activation == "ReLU":
        off = torch.cat([(h.detach() == 0).all(1).double() for h in hidden], 1)
    else:
        off = torch.cat([((h - 0.5).detach().abs() > 0.49).double().mean(1) for h in hidden], 1)
    out = logits.detach()
    return Mechanism(
        logit_std=float(out.var(2).mean().sqrt()),
        largest=float(out.softmax(2).amax(2).mean()),
        gradient=gradient,
        dead=float(off.mean()),
    )


def predict(activation: str, scheme: str, n_images: int = 60) -> Mechanism:
    """What mean field theory says of the same: normal pre-activations, layer by layer, of weights that may have a mean.

        y_l ~ N(m_l, v_l),  m_l = n mu E x,  v_l = n s² E x²,   E over y_{l-1} of x = phi(y_{l-1})

    Backward, the gradient in x has a part common to all units (variance c) and one of their own (variance e), both of which a
    weight's mean turns into a common one. Softmax's own gradient sums to 0 over the classes, so that the top weights' mean
    is without effect. Only softmax is drawn: 4000 times ten normal logits.

    Args:
        activation: key of `ACTIVATIONS`.
        scheme: key of `SCHEMES`.
        n_images: over which to take means, spread over those of `measure`.

    Returns:
        Mechanism; its `dead` for the ReLU comes from `dead_share`.
    """
    _, mu, stds = SCHEMES[scheme]
    x = images(300)[0].double().numpy()[:: 300 // n_images]
    mean, square = x.sum(1), (x**2).sum(1)  # n E x and n E x²
    steps = []
    for layer in range(2):
        m, v = mu * mean, stds[layer] ** 2 * square
        steps.append(_layer(activation, m, v))
        mean, square = SIZES[layer + 1] * steps[-1].x, SIZES[layer + 1] * steps[-1].x2
    s2 = stds[2] ** 2 * square
    largest, top = _softmax(np.sqrt(s2))
    gradient = {}
    for loss in LOSSES:
        c, e = np.zeros_like(s2), stds[2] ** 2 * 10 * top[loss]
        for layer in (1, 0):
            at, n = steps[layer], SIZES[layer + 1]
            each = at.slope2 * (c + e)
            if layer:
                common = (n * at.slope) ** 2 * c + n * (each - at.slope**2 * c)
                c, e = mu**2 * common, n * stds[layer] ** 2 * each
            else:
                gradient[loss] = float(np.sqrt(each.mean()))
    dead = dead_share(scheme) if activation == "ReLU" else float(
        sum(n * at.ends.mean() for n, at in zip(SIZES[1:], steps, strict=False)) / sum(SIZES[1:3])
    )  # fmt: skip
    return Mechanism(float(np.sqrt(s2.mean())), float(largest.mean()), gradient, dead)


@dataclass(frozen=True)
class _Layer:
    """Means over y ~ N(m, v): phi, phi², phi', phi'² and the share of phi within 0.01 of 0 or 1; (images,)."""

    x: Floats
    x2: Floats
    slope: Floats
    slope2: Floats
    ends: Floats


def _layer(activation: str, m: Floats, v: Floats) -> _Layer:
    z, w = np.polynomial.legendre.leggauss(400)
    z, w = 9 * z, 9 * w * np.exp(-((9 * z) ** 2) / 2) / sqrt(2 * pi)
    y = m[:, None] + np.sqrt(v)[:, None] * z
    if activation == "ReLU":
        phi, slope = np.maximum(y, 0), (y > 0).astype(float)
    else:
        phi = expit(y)
        slope = phi * (1 - phi)
    return _Layer(phi @ w, phi**2 @ w, slope @ w, slope**2 @ w, (np.abs(phi - 0.5) > 0.49) @ w)


def _softmax(std: Floats) -> tuple[Floats, dict[str, Floats]]:
    """For ten N(0, std²) logits: mean largest probability, and mean square of dLoss/dlogit; (images,) each."""
    z = np.random.default_rng(8).standard_normal((4000, 10))
    largest, top = np.empty(len(std)), {loss: np.empty(len(std)) for loss in LOSSES}
    for i, s in enumerate(std):
        p = np.exp(s * (z - z.max(1, keepdims=True)))
        p /= p.sum(1, keepdims=True)
        largest[i] = p.max(1).mean()
        error = p.copy()
        error[:, 0] -= 1  # the label is any class
        top["cross-entropy"][i] = (error**2).mean()
        pulled = 2 * p * (error - (p * error).sum(1, keepdims=True))
        top["squared error"][i] = (pulled**2).mean()
    return largest, top


def dead_share(scheme: str, draws: int = 1500) -> float:
    """The share of ReLU units that are off for all of 300 images, in wide networks.

    Units of a layer are independent normal vectors over the images, whose covariance is the images' own Gram matrix in the
    first layer and its arc-cosine kernel in the second. It does not depend on the scale of the weights. With weights and
    inputs of 0 or more nothing is ever off.

    Args:
        scheme: key of `SCHEMES`.
        draws: units drawn per layer.

    Returns:
        The share over both hidden layers.

    Source:
        Cho and Saul 2009, NeurIPS, for the kernel.
    """
    return 0.0 if SCHEMES[scheme][1] > 0 else _dead_share(draws)


@cache
def _dead_share(draws: int) -> float:
    x = images(300)[0].double().numpy()
    kernel = x @ x.T
    rng, shares = np.random.default_rng(9), []
    for _ in range(2):
        values, vectors = np.linalg.eigh(kernel)
        units = rng.standard_normal((draws, len(x))) * np.sqrt(np.maximum(values, 0)) @ vectors.T
        shares.append(float((units <= 0).all(1).mean()))
        size = np.sqrt(np.diag(kernel))
        t = np.arccos(np.clip(kernel / np.outer(size, size), -1, 1))
        kernel = np.outer(size, size) * (np.sin(t) + (pi - t) * np.cos(t)) / (2 * pi)
    return (SIZES[1] * shares[0] + SIZES[2] * shares[1]) / (SIZES[1] + SIZES[2])
