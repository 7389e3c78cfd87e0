"""Histograms of activations and of back-propagated gradients, layer by layer: U(±1/sqrt n) against the normalised weights.

Five tanh layers of 1000 units, inputs and the gradient at the top drawn from N(0, 1), biases 0. "Standard" weights are
U(±1/sqrt n), "normalised" ones U(±sqrt 6/sqrt(n + n')), whose variances times fan_in are 1/3 and 1.

Prediction, by mean-field theory and without a random number: z_l is normal with q_1 = s and q_{l+1} = s E tanh(sqrt(q_l) z)²,
so that x_l = tanh z_l has a density in closed form, and the gradient in x_{l-1} is nearly normal with the mean square of that
in x_l times s E tanh'(sqrt(q_l) z)². Nothing is kept exactly: the normalised weights keep variances in the linear regime
only, and tanh takes some of it in every layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.theory.signal import chi_1, q_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Activations and back-propagated gradients per layer: standard against normalised weights"
SOURCE = "Glorot and Bengio 2010, AISTATS, Figures 6 and 7 (before training), here with normal inputs and gradients."

Floats = NDArray[np.float64]

LAYERS, WIDTH, SAMPLES = 5, 1000, 300
SCHEMES = {"standard": 1 / 3, "normalised": 1.0}
"""Name -> weight variance times fan_in, which is also the fan_out here."""
EDGES = np.linspace(-1.0, 1.0, 201)
"""Of the bins for activations; those for gradients are `REACH` times as wide."""
REACH = 4.0
ACTIVATIONS = {
    "standard": (0.4606, 0.2495, 0.1415, 0.0814, 0.0469),
    "normalised": (0.6276, 0.4858, 0.4074, 0.3582, 0.3224),
}
"""Standard deviations by an independent program with its own random numbers: one network, 300 samples."""
GRADIENTS = {
    "standard": (0.9995, 0.5767, 0.3309, 0.1873, 0.1021, 0.0482),
    "normalised": (1.0013, 0.9034, 0.7957, 0.6812, 0.5442, 0.3713),
}


@dataclass(frozen=True)
class Predicted:
    """What theory says of infinitely wide networks.

    Args:
        q: (LAYERS,), variance of each layer's pre-activations.
        activation: (LAYERS,), standard deviation of each layer's outputs.
        gradient: (LAYERS + 1,), standard deviation of the gradient in x_5, x_4, .., x_0 (the inputs).
        weight_gradient: (LAYERS,), root mean square of the gradient in one weight of layers 1..5, one image.
    """

    q: Floats
    activation: Floats
    gradient: Floats
    weight_gradient: Floats


@dataclass(frozen=True)
class Measured:
    """Networks drawn and run.

    Args:
        scheme: key of `SCHEMES`.
        activation: (nets, LAYERS), standard deviations.
        gradient: (nets, LAYERS + 1), from the top.
        weight_gradient: (nets, LAYERS), layers 1..5.
        activation_counts: (LAYERS, bins), of all networks, bins of `EDGES`.
        gradient_counts: (LAYERS + 1, bins), bins of `REACH * EDGES`; values outside are left out.
        values: activations per layer, of all networks.
    """

    scheme: str
    activation: Floats
    gradient: Floats
    weight_gradient: Floats
    activation_counts: Floats
    gradient_counts: Floats
    values: int


@dataclass(frozen=True)
class Histograms:
    """The numbers behind the figure.

    Args:
        measured: one per scheme.
        predicted: by scheme.
        width: units per layer.
    """

    measured: tuple[Measured, ...]
    predicted: dict[str, Predicted]
    width: int


def predict(variance: float, layers: int = LAYERS) -> Predicted:
    """Mean-field theory of tanh layers with N(0, 1) inputs and gradients.

    Args:
        variance: s, weight variance times the width, above 0.
        layers: how many, 1 or more.

    Returns:
        Predicted.

    Example:
        >>> predict(1.0).activation.round(3)
        array([0.628, 0.486, 0.408, 0.358, 0.322])
    """
    q = [variance]
    for _ in range(layers):
        q.append(float(q_map("tanh", q[-1], variance, 0.0)))
    z = np.array(q[:layers])
    activation = np.sqrt(np.array(q[1:]) / variance)
    slopes = np.array([float(chi_1("tanh", 1.0, 0.0, value)) for value in z])
    gradient = np.sqrt(np.cumprod([1.0, *(variance * slopes[::-1])]))
    into = gradient[:layers][::-1]  # in x_1..x_L
    received = np.array([1.0, *activation[:-1]])
    return Predicted(z, activation, gradient, into * np.sqrt(slopes) * received)


def measure(scheme: str, nets: int, width: int, seed: int = 0) -> Measured:
    """Draw networks, send inputs forward and gradients back.

    Args:
        scheme: key of `SCHEMES`.
        nets: how many.
        width: units per layer and inputs.
        seed: of everything.

    Returns:
        Measured.
    """
    rng = np.random.default_rng([6, seed])
    bound = np.sqrt(3 * SCHEMES[scheme] / width)
    a_std, g_std, w_rms = (np.empty((nets, n)) for n in (LAYERS, LAYERS + 1, LAYERS))
    a_counts, g_counts = np.zeros((LAYERS, len(EDGES) - 1)), np.zeros((LAYERS + 1, len(EDGES) - 1))
    for net in range(nets):
        weights = [rng.uniform(-bound, bound, (width, width)) for _ in range(LAYERS)]
        x = [rng.standard_normal((SAMPLES, width))]
        for w in weights:
            x.append(np.tanh(x[-1] @ w.T))
        g = rng.standard_normal((SAMPLES, width))
        g_std[net, 0], g_counts[0] = g.std(), g_counts[0] + np.histogram(g, REACH * EDGES)[0]
        for back in range(LAYERS):
            layer = LAYERS - 1 - back
            delta = (1 - x[layer + 1] ** 2) * g
            # |d x'|² = |d|² |x|² for one image: the mean square over the weights without the weights.
            w_rms[net, layer] = np.sqrt(np.mean((delta**2).mean(1) * (x[layer] ** 2).mean(1)))
            g = delta @ weights[layer]
            g_std[net, back + 1] = g.std()
            g_counts[back + 1] += np.histogram(g, REACH * EDGES)[0]
        for layer in range(LAYERS):
            a_std[net, layer] = x[layer + 1].std()
            a_counts[layer] += np.histogram(x[layer + 1], EDGES)[0]
    return Measured(scheme, a_std, g_std, w_rms, a_counts, g_counts, nets * SAMPLES * width)


def activation_share(q: float, x: Floats) -> Floats:
    """The share of activations at or below x: that of tanh(sqrt(q) z), z ~ N(0, 1).

    Args:
        q: variance of the pre-activations, above 0.
        x: in [-1, 1], any shape.

    Returns:
        Shares of the shape of x.

    Example:
        >>> float(activation_share(1.0, np.array(0.0)))
        0.5
    """
    with np.errstate(divide="ignore"):
        return np.asarray(ndtr(np.arctanh(x) / np.sqrt(q)))


def distances(m: Measured, p: Predicted) -> tuple[Floats, Floats]:
    """The largest difference of the distribution functions, measured and predicted, per layer.

    Args:
        m: measured.
        p: predicted.

    Returns:
        (of activations, of gradients): shares; gradients against a normal law of the predicted width.
    """
    a = [
        float(np.abs(np.cumsum(c) / m.values - activation_share(q, EDGES[1:])).max())
        for c, q in zip(m.activation_counts, p.q, strict=True)
    ]
    g = []
    for counts, std in zip(m.gradient_counts, p.gradient, strict=True):
        below = ndtr(REACH * EDGES[0] / std)
        g.append(float(np.abs(below + np.cumsum(counts) / m.values - ndtr(REACH * EDGES[1:] / std)).max()))
    return np.array(a), np.array(g)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """8 networks of width 1000 for both schemes; `smoke`: 4 of width 400.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Histograms.
    """
    nets, width = (4, 400) if smoke else (8, WIDTH)
    measured = []
    for scheme in SCHEMES:
        measured.append(measure(scheme, nets, width))
        if progress:
            progress("networks", len(measured), len(SCHEMES))
    data = Histograms(tuple(measured), {name: predict(s) for name, s in SCHEMES.items()}, width)
    return Reproduction(claims(data), data)


def claims(data: Histograms) -> tuple[Claim, ...]:
    """What the histograms must show.

    Standard deviations may be 2% off, which is four times the largest spread between networks of width 400 and holds the
    effect of finite width, of order 1/n; distribution functions 0.01.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    by = {m.scheme: m for m in data.measured}
    out = []
    for name, m in by.items():
        p = data.predicted[name]
        for what, seen, wanted, other in (
            ("activations of layers 1 to 5", m.activation.mean(0), p.activation, ACTIVATIONS[name]),
            ("gradient in x_5, .., x_0", m.gradient.mean(0), p.gradient, GRADIENTS[name]),
        ):
            far = float(np.abs(seen / wanted - 1).max())
            out.append(
                Claim(
                    f"{name}: standard deviation of the {what}",
                    f"{_row(wanted)} (mean field)",
                    f"{_row(seen)}; at most {100 * far:.1f}% off",
                    far < 0.02,
                )
            )
            apart = float(np.abs(np.array(other) / seen - 1).max())
            out.append(
                Claim(
                    f"{name}: the same from an independent program, one network of width 1000",
                    _row(other),
                    f"{_row(seen)}; at most {100 * apart:.1f}% apart",
                    apart < 0.03,
                )
            )
    far_a, far_g = (float(max(d[i].max() for d in (distances(by[n], data.predicted[n]) for n in by))) for i in (0, 1))
    small, large = by["standard"], by["normalised"]
    fall = [float(m.gradient[:, -1].mean() / m.gradient[:, 0].mean()) for m in (small, large)]
    wanted_fall = [float(data.predicted[n].gradient[-1]) for n in by]
    kept = float(large.activation[:, -1].mean() / large.activation[:, 0].mean())
    p = data.predicted["normalised"]
    w = small.weight_gradient.mean(0)
    g = small.gradient.mean(0)[:-1]
    q = data.predicted["standard"]
    return (
        *out,
        Claim(
            "The histograms themselves: activations are tanh of a normal number, gradients nearly normal",
            "distribution functions at most 0.01 apart, every layer of both",
            f"activations {far_a:.4f}, gradients {far_g:.4f}",
            far_a < 0.01 and far_g < 0.01,
        ),
        Claim(
            "From top to inputs the gradient loses far more with standard weights",
            f"left at the inputs: {wanted_fall[0]:.3f} against {wanted_fall[1]:.3f}",
            f"{fall[0]:.3f} against {fall[1]:.3f}",
            all(abs(a / b - 1) < 0.02 for a, b in zip(fall, wanted_fall, strict=True)),
        ),
        Claim(
            "'Keeps the variances' is imprecise: n Var w = 1 does so in the linear regime only, and tanh takes a part in every "
            "layer, of normalised weights too",
            f"activations of layer 5 over layer 1: {p.activation[-1] / p.activation[0]:.3f}, not 1",
            f"{kept:.3f}",
            abs(kept * p.activation[0] / p.activation[-1] - 1) < 0.02 and kept < 0.8,
        ),
        Claim(
            "Standard weights: gradients of the weights are alike in all layers all the same, as the signal shrinks forward "
            "where the gradient shrinks backward",
            f"largest over smallest: {q.weight_gradient.max() / q.weight_gradient.min():.3f} for weights, "
            f"{q.gradient[0] / q.gradient[-2]:.1f} for back-propagated gradients",
            f"{w.max() / w.min():.3f}, {g.max() / g.min():.1f}",
            bool(w.max() / w.min() < 1.05 and abs(g.max() / g.min() * q.gradient[-2] / q.gradient[0] - 1) < 0.03),
        ),
    )


def _row(values: Sequence[float] | Floats) -> str:
    return " ".join(f"{v:.4f}" for v in values)


def figure(reproduction: Reproduction) -> Figure:
    """Histograms (coloured, one per layer) and the predicted densities (dotted): activations left, gradients right.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    data: Histograms = reproduction.data
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure

    from trainability.plots._axes import plain
    from trainability.plots._style import INK, UNCHANGED

    picture = Figure(figsize=(9.6, 6.6), dpi=150, layout="constrained")
    axes = picture.subplots(2, 2, sharex="col")
    middle, step = (EDGES[1:] + EDGES[:-1]) / 2, EDGES[1] - EDGES[0]
    names = {"standard": "U(±1/√n)", "normalised": "U(±√6/√(n + n′))"}
    for row, m in enumerate(data.measured):
        p = data.predicted[m.scheme]
        left, right = axes[row]
        plain(left, f"{m.scheme}, {names[m.scheme]}: activations")
        plain(right, f"{m.scheme}: back-propagated gradients")
        for layer, (counts, q) in enumerate(zip(m.activation_counts, p.q, strict=True)):
            colour = colormaps["viridis"](0.92 * layer / LAYERS)
            left.plot(middle, _density(counts, m.values * step), lw=2.2, color=colour,
                      label=f"layer {layer + 1} (std {m.activation[:, layer].mean():.3f})")  # fmt: skip
            left.plot(middle, np.diff(activation_share(q, EDGES)) / step, ":", lw=1.1, color=INK)
        for back, (counts, std) in enumerate(zip(m.gradient_counts, p.gradient, strict=True)):
            layer = LAYERS - back
            colour = colormaps["viridis"](0.92 * (layer - 1) / LAYERS) if layer else to_rgba(UNCHANGED)
            where = f"layer {layer}" if layer else "inputs"
            right.plot(REACH * middle, _density(counts, m.values * REACH * step), lw=2.2, color=colour,
                       label=f"{where} (std {m.gradient[:, back].mean():.3f})")  # fmt: skip
            right.plot(REACH * middle, np.diff(ndtr(REACH * EDGES / std)) / (REACH * step), ":", lw=1.1, color=INK)
        for one in (left, right):
            one.plot([], [], ":", lw=1.1, color=INK, label="mean field")
            one.set_yscale("log")
            one.set_ylim(5e-3, 20)
            one.set_ylabel("density", fontsize=9, color=INK)
            one.legend(fontsize=7.5, frameon=False, loc="upper right", handlelength=1.4)
        right.set_xlim(-REACH / 2, REACH)
        left.set_xlim(-1, 1.9)
    left.set_xticks([-1, -0.5, 0, 0.5, 1])
    left.set_xlabel("activation, tanh z", fontsize=9, color=INK)
    right.set_xlabel("gradient in an activation (1 = its standard deviation at the top)", fontsize=9, color=INK)
    return picture


def _density(counts: Floats, unit: float) -> Floats:
    return np.where(counts > 0, counts / unit, np.nan)
