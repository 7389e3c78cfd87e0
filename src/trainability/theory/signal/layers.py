"""A wide random network layer by layer: variances, correlations, gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.signal._numbers import Array, correlations, layers, variance, variances
from trainability.theory.signal.maps import c_map, chi_1, mean_square
from trainability.theory.signal.table import ActivationLike, resolve


@dataclass(frozen=True)
class Propagation:
    """What mean-field theory says of each of L layers; entry l - 1 is layer l.

    `q`: variance of the pre-activations z_l. `c`: correlation of two inputs' z_l. `gradient`: mean square of
    dLoss/dz_l over that of the last layer. `weight_gradient`: mean square of dLoss/dW_l, per weight, in the same
    unit. `forward`: mean square of what layer l receives, x_{l-1}.
    """

    q: Array
    c: Array
    gradient: Array
    weight_gradient: Array
    forward: Array


def propagate(
    activation: ActivationLike,
    sigma_w2: ArrayLike,
    sigma_b2: ArrayLike = 0.0,
    *,
    depth: int | None = None,
    widths: Sequence[int] | None = None,
    q0: float = 1.0,
    c0: float = 0.0,
) -> Propagation:
    """Variance, correlation and gradient in every layer of a wide random network.

        z_l = W_l x_{l-1} + b_l,  x_l = phi(z_l),  l = 1..L,  W_l ~ N(0, sigma_w²/n_{l-1}),  b_l ~ N(0, sigma_b²)
        q_1 = sigma_w² q0 + sigma_b²,       q_{l+1} = sigma_w² E phi(sqrt(q_l) z)² + sigma_b²
        g_L = 1,   g_l = sigma_w² (n_{l+1}/n_l) E phi'(sqrt(q_l) z)² g_{l+1}

    The last layer is linear: its z_L is the output. A gain is sigma_w2 = gain². For weights scaled by the fan out,
    give sigma_w2 = gain² n_{l-1}/n_l per layer.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_w2: weight variance times fan_in, one number or one per layer.
        sigma_b2: bias variance, one number or one per layer.
        depth: number of layers L; may be left out where widths or a sequence gives it.
        widths: n_0 (inputs) to n_L (outputs); without them all are equal.
        q0: mean square of the inputs' entries, at least 0.
        c0: cosine of two inputs, in [-1, 1].

    Returns:
        One array of length L per quantity.

    Raises:
        ValueError: for bad numbers, no depth, or lengths that disagree.

    Source:
        Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv 1611.01232, for the gradient.

    >>> p = propagate("relu", 2.0, depth=3, widths=[10, 100, 100, 1])
    >>> p.q, p.c.round(4), p.gradient
    (array([2., 2., 2.]), array([0.    , 0.3183, 0.4937]), array([0.01, 0.01, 1.  ]))
    """
    act = resolve(activation)
    w, b = variances("sigma_w2", sigma_w2), variances("sigma_b2", sigma_b2)
    n = None if widths is None else np.asarray(widths, dtype=np.float64)
    lengths = {x.shape[0] for x in (w, b) if x.ndim} | (set() if n is None else {len(n) - 1})
    lengths |= set() if depth is None else {layers(depth)}
    if len(lengths) != 1 or w.ndim > 1 or b.ndim > 1 or 0 in lengths:
        raise ValueError(
            f"Got depth={depth}, {None if n is None else len(n)} widths, sigma_w2 of shape {w.shape}, sigma_b2 of shape "
            f"{b.shape}; need one number of layers, 1 or more (widths are one more). Give depth= or widths=."
        )
    (count,) = lengths
    n = np.ones(count + 1) if n is None else n
    if not (n >= 1).all():
        raise ValueError(f"Got widths={widths}; need numbers of at least 1.")
    w, b = np.broadcast_to(w, (count,)), np.broadcast_to(b, (count,))
    q, c, slope, forward = (np.empty(count) for _ in range(4))
    start, cosine = variance("q0", q0), float(correlations(c0))
    q[0], forward[0] = w[0] * start + b[0], start
    c[0] = (w[0] * start * cosine + b[0]) / q[0] if q[0] > 0 else np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(count):
            slope[i] = chi_1(act, 1.0, 0.0, q[i])
            if i + 1 < count:
                forward[i + 1] = mean_square(act, q[i : i + 1])[0] if np.isfinite(q[i]) else np.inf
                q[i + 1] = w[i + 1] * forward[i + 1] + b[i + 1]
                c[i + 1] = c_map(act, c[i], w[i + 1], b[i + 1], q[i]) if not np.isnan(c[i]) else np.nan
        factors = w[1:] * n[2:] / n[1:-1] * slope[:-1]
        gradient = np.append(np.cumprod(factors[::-1])[::-1], 1.0)
        return Propagation(q, c, gradient, gradient * forward, forward)


def iterate_c_map(
    activation: ActivationLike, c0: ArrayLike, depth: int, sigma_w2: float, sigma_b2: float, q: float | None = None
) -> Array:
    """The correlation after 0, 1, ..., depth layers, at a variance that stays.

        c_0 = c0,  c_{l+1} = C(c_l)

    Args:
        activation: a name, an `Activation`, or a function.
        c0: correlations to start from, any shape.
        depth: number of layers, 0 or more.
        sigma_w2: weight variance times fan_in.
        sigma_b2: bias variance.
        q: the variance; None is q*.

    Returns:
        Array of shape (depth + 1, *shape of c0).

    Raises:
        ValueError: for bad numbers.

    >>> iterate_c_map("relu", 0.0, 10, 2.0, 0.0)[[1, 2, 5, 10]].round(8)
    array([0.31830989, 0.49373109, 0.73594635, 0.87153552])
    """
    act, c = resolve(activation), correlations(c0)
    out = np.empty((layers(depth) + 1, *c.shape))
    out[0] = c
    for i in range(1, len(out)):
        out[i] = c_map(act, out[i - 1], sigma_w2, sigma_b2, q)
    return out


def relu_correlation_gap(depth: ArrayLike, negative_slope: float = 0.0) -> Array:
    """The leading term of 1 - c after many layers of ReLU or leaky ReLU at their critical weight variance.

        1 - c_l  ->  9 pi²/(2 l²) ((1 + a²)/(1 - a)²)²

    A power law: at their edge of chaos two inputs become alike slowly, from whatever angle they start (but -1). After
    1000 ReLU layers from c = 0 the true value is 0.971 of it.

    Args:
        depth: number of layers l, above 0, any shape.
        negative_slope: a, below 1 in size.

    Returns:
        The gap, of the shape of `depth`.

    Raises:
        ValueError: for a depth of 0 or a slope outside (-1, 1).

    Source:
        Derived here: C(1 - e) = 1 - e + k e^(3/2) + ..., k = (2 sqrt(2)/(3 pi)) (1 - a)²/(1 + a²), and
        de/dl = -k e^(3/2).

    >>> float(relu_correlation_gap(1000).round(8))
    4.441e-05
    """
    count, a = np.asarray(depth, dtype=np.float64), float(negative_slope)
    if not ((count > 0).all() and abs(a) < 1):
        raise ValueError(
            f"Got depth={depth!r}, negative_slope={negative_slope}; need depth > 0 and a slope in (-1, 1)."
        )
    return np.asarray(9 * np.pi**2 / (2 * count**2) * ((1 + a * a) / (1 - a) ** 2) ** 2)
