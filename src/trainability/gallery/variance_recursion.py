"""The short proof of He's initialization, step by step, each against random networks: what holds, and what is often misquoted.

    Var y_l = n_{l-1} Var w_l E x_{l-1}²        (of x², not of x, and not the variance of x: a ReLU's output has a mean)
    E x_l²  = Var y_l / 2                       (y_l is symmetric; nothing here says that x is independent)
    Var dx_{l-1} = n_l Var w_l E dy_l²,   E dy_l² = Var dx_l / 2

They are exact at every width as means over networks. What one network does differs: E (M_L/M_0)² = prod (1 + 5/n_l), and
the median falls below the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, ndtr

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.theory.depth_scaling import backward, forward, forward_over_backward, glorot_variances
from trainability.theory.finite_width import log_size, samples_needed, second_moment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The variance recursion behind He's and Glorot's weights, each step against random networks"
SOURCE = (
    "He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2; Glorot and Bengio 2010, AISTATS; Hanin 2018, arXiv "
    "1801.03744, for the spread between networks; lecture notes that give the proof with E[x] in place of E[x²]."
)

Floats = NDArray[np.float64]

FANS = (64, 300, 100, 200, 50, 400, 32)
"""Inputs, then units of each layer, of the uneven network."""
NARROW = (20,) * 10
"""Layers of the narrow one, whose input has 20 equal entries."""
RULES = {
    "fan-in": [2 / n for n in FANS[:-1]],
    "fan-out": [2 / n for n in FANS[1:]],
    "harmonic mean": [2 * v for v in glorot_variances(FANS)],
}
"""Name -> weight variances: He's two, and twice Glorot's, for the ReLU."""


@dataclass(frozen=True)
class Uneven:
    """Networks of layer sizes `FANS` under one rule: a row per network, a column per layer 1..6.

    Args:
        rule: key of `RULES`.
        y: mean square of the pre-activations.
        x: mean square of the outputs.
        x_mean: mean of the outputs.
        dx: mean square of the gradient in what each layer receives, for N(0, 1) gradients at the top.
    """

    rule: str
    y: Floats
    x: Floats
    x_mean: Floats
    dx: Floats


@dataclass(frozen=True)
class Narrow:
    """Networks of layer sizes `NARROW`, He's variance, one weight law: a row per network, a column per layer.

    Args:
        law: "normal", "uniform" or "skewed" (exponential, less its mean).
        x: mean square of the outputs, 1 at the input.
        pairs: mean over two different units of the product of their squared outputs.
    """

    law: str
    x: Floats
    pairs: Floats


@dataclass(frozen=True)
class Recursion:
    """The numbers behind the figure.

    Args:
        uneven: by rule.
        narrow: by law.
        half: of a million normal numbers: E relu², Var relu over Var y; then for mean 1: share above 0, E relu²/E y².
    """

    uneven: dict[str, Uneven]
    narrow: dict[str, Narrow]
    half: tuple[float, float, float, float]


def uneven(rule: str, nets: int, seed: int = 0) -> Uneven:
    """Draw networks of normal weights and send one input forward and one gradient back through each.

    Args:
        rule: key of `RULES`.
        nets: how many.
        seed: of everything.

    Returns:
        Uneven.
    """
    rng = np.random.default_rng([3, seed, list(RULES).index(rule)])
    parts = [_uneven(rule, min(50, nets - start), rng) for start in range(0, nets, 50)]
    return Uneven(rule, *(np.concatenate(p) for p in zip(*parts, strict=True)))


def _uneven(rule: str, nets: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats, Floats]:
    x = rng.standard_normal((nets, FANS[0], 1))
    x /= np.sqrt((x**2).mean(1, keepdims=True))
    weights, gates, rows = [], [], []
    for (n, m), variance in zip(pairwise(FANS), RULES[rule], strict=True):
        weights.append(rng.standard_normal((nets, m, n)) * sqrt(variance))
        y = weights[-1] @ x
        x = np.maximum(y, 0)
        gates.append(y > 0)
        rows.append(((y**2).mean((1, 2)), (x**2).mean((1, 2)), x.mean((1, 2))))
    g, back = rng.standard_normal((nets, FANS[-1], 1)), []  # dy_L
    for layer in range(len(weights) - 1, -1, -1):
        dx = weights[layer].transpose(0, 2, 1) @ g
        back.append((dx**2).mean((1, 2)))
        g = dx * gates[layer - 1] if layer else dx
    y2, x2, x1 = (np.stack([row[i] for row in rows], 1) for i in range(3))
    return y2, x2, x1, np.stack(back[::-1], 1)


def narrow(law: str, nets: int, seed: int = 0) -> Narrow:
    """Draw narrow networks whose weights have He's variance and the given law, and send an input of ones through each.

    Args:
        law: "normal", "uniform" or "skewed".
        nets: how many.
        seed: of everything.

    Returns:
        Narrow.
    """
    rng = np.random.default_rng([33, seed, ("normal", "uniform", "skewed").index(law)])
    parts = [_narrow(law, min(4000, nets - start), rng) for start in range(0, nets, 4000)]
    return Narrow(law, *(np.concatenate(p) for p in zip(*parts, strict=True)))


def _narrow(law: str, nets: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    squares, pairs = [], []
    x, n = np.ones((nets, NARROW[0], 1)), NARROW[0]
    for m in NARROW:
        shape = (nets, m, n)
        if law == "normal":
            w = rng.standard_normal(shape)
        elif law == "uniform":
            w = rng.uniform(-sqrt(3), sqrt(3), shape)
        else:
            w = rng.standard_exponential(shape) - 1
        x, n = np.maximum(sqrt(2 / n) * (w @ x), 0), m
        s = x[..., 0] ** 2
        squares.append(s.mean(1))
        pairs.append((s.sum(1) ** 2 - (s**2).sum(1)) / (m * (m - 1)))
    return np.stack(squares, 1), np.stack(pairs, 1)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """3000 uneven networks a rule and 40,000 narrow ones a law; `smoke`: 100 and 3000.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Recursion.
    """
    wide, thin = (100, 3000) if smoke else (3000, 40_000)
    laws, total = ("normal", "uniform", "skewed"), len(RULES) + 3
    by_rule, by_law = {}, {}
    for rule in RULES:
        by_rule[rule] = uneven(rule, wide)
        if progress:
            progress("networks", len(by_rule), total)
    for law in laws:
        by_law[law] = narrow(law, thin)
        if progress:
            progress("networks", len(by_rule) + len(by_law), total)
    z = np.random.default_rng(5).standard_normal(1_000_000)
    relu, shifted = np.maximum(z, 0), np.maximum(z + 1, 0)
    half = (
        float((relu**2).mean() / z.var()),
        float(relu.var() / z.var()),
        float((shifted > 0).mean()),
        float((shifted**2).mean() / ((z + 1) ** 2).mean()),
    )
    data = Recursion(by_rule, by_law, half)
    return Reproduction(claims(data), data)


def claims(data: Recursion) -> tuple[Claim, ...]:
    """What the proof's steps must show.

    Means over networks may be 4.5 of their own standard errors off: by chance 1 in 150,000 for a normal mean.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    return (*_steps(data), *_rules(data), *_spread(data))


def _steps(data: Recursion) -> list[Claim]:
    """The proof's own steps, and those that are misquoted."""
    he = data.uneven["fan-in"]
    out = []
    for name, u in data.uneven.items():
        wanted = [step.variance for step in forward(FANS, RULES[name])]
        out.append(_match(f"{name}: Var y_l = n Var w E x², layers 1 to 6", wanted, u.y))
        back = [step.variance for step in backward(FANS, RULES[name])][::-1]
        out.append(_match(f"{name}: backward, Var dx_(l-1) = n_l Var w E dy_l², layers 1 to 6", back, u.dx))
    for what, formula, wrong in (
        ("E[x], as some lecture notes have it (it is not even in the right unit)", 1 / sqrt(pi), _wrong(he)[1]),
        ("Var[x]", 1 - 1 / pi, _wrong(he)[2]),
    ):
        out.append(
            Claim(
                f"n Var w {what}, in place of n Var w E[x²] is wrong in every layer after the first",
                f"gives {formula:.3f} of Var y_l where E x² = 1 (wide layers)",
                _row(wrong, 3),
                bool((np.abs(wrong / formula - 1) < 0.06).all()),
            )
        )
    half, variance, above, factor = data.half
    shifted = (2 * float(ndtr(1.0)) + np.exp(-0.5) / sqrt(2 * pi)) / 2
    return [
        *out,
        Claim(
            "The factor 1/2 is E relu(y)² / Var y: a second moment and not the variance of the output",
            f"0.5; variance 1/2 - 1/(2 pi) = {0.5 - 0.5 / pi:.4f}",
            f"{half:.4f}; {variance:.4f}",
            abs(half - 0.5) < 0.006 and abs(variance - 0.5 + 0.5 / pi) < 0.006,
        ),
        Claim(
            "It is not 'because half of the units are off' either: at mean 1 the factor is not the share that is on",
            f"share on {float(ndtr(1.0)):.4f}, factor {shifted:.4f}",
            f"{above:.4f}, {factor:.4f}",
            abs(above - ndtr(1.0)) < 0.003 and abs(factor - shifted) < 0.003,
        ),
    ]


def _rules(data: Recursion) -> list[Claim]:
    """Fan-in, fan-out and the mean between them."""
    out = []
    for name, u in data.uneven.items():
        signal, gradient = u.x[:, -1], u.dx[:, 0] / 2
        ratio = float(signal.mean() / gradient.mean())
        error = sqrt(sum(float(v.var() / v.mean() ** 2) / len(v) for v in (signal, gradient)))
        out.append(
            Claim(
                f"{name}: growth of the signal over growth of the gradient, through all layers, is n_first/n_last",
                f"{FANS[0]}/{FANS[-1]} = {forward_over_backward(FANS):g}",
                f"{signal.mean():.4f} / {gradient.mean():.4f} = {ratio:.3f}",
                abs(ratio / forward_over_backward(FANS) - 1) < 4.5 * error,
            )
        )
    u = data.uneven["harmonic mean"]
    x, dx = np.append(1.0, u.x.mean(0)), np.append(u.dx.mean(0), 2.0)
    ahead, back = x[1:] / x[:-1], dx[:-1] / dx[1:]
    error = 4.5 * sqrt(2 / len(u.x)) * max(float((v.std(0) / v.mean(0)).max()) for v in (u.x, u.dx))
    both = (ahead + back) / 2
    variances = [2 / (1 / a + 1 / b) for a, b in zip(RULES["fan-in"], RULES["fan-out"], strict=True)]
    stds = [(2 / (a**-0.5 + b**-0.5)) ** 2 for a, b in zip(RULES["fan-in"], RULES["fan-out"], strict=True)]
    used = RULES["harmonic mean"]
    return [
        *out,
        Claim(
            "Glorot's 2/(n + n') is the harmonic mean of both VARIANCES, not of the standard deviations, and so the factors of "
            "signal and gradient in a layer have the mean 1",
            "1 in each layer; the squared harmonic mean of the stds is another number "
            f"(by up to {100 * max(abs(a / b - 1) for a, b in zip(stds, used, strict=True)):.0f}%)",
            f"{_row(both, 3)} (forward {_row(ahead, 2)})",
            bool((np.abs(both - 1) < error).all())
            and max(abs(a / b - 1) for a, b in zip(variances, used, strict=True)) < 1e-12
            and max(abs(a / b - 1) for a, b in zip(stds, used, strict=True)) > 0.05,
        ),
    ]


def _spread(data: Recursion) -> list[Claim]:
    """What one network of finite width does, and which assumptions are needed."""
    normal, uniform, skewed = (data.narrow[law] for law in ("normal", "uniform", "skewed"))
    nets, n = len(normal.x), NARROW[0]
    tested = [k for k in range(1, len(NARROW) + 1) if 0.1 * sqrt(samples_needed(NARROW[:k]) / nets) < 0.05]
    wanted = np.array([second_moment(NARROW[:k]) for k in tested])
    seen = (normal.x**2).mean(0)[: len(tested)]
    error = 0.1 * np.sqrt([samples_needed(NARROW[:k]) / nets for k in tested])
    flat = np.array([second_moment(NARROW[:k], excess_kurtosis=-1.2, concentration=1 / n) for k in tested])
    flat_seen = (uniform.x**2).mean(0)[: len(tested)]
    medians = [log_size(NARROW[:k]).median for k in range(1, len(NARROW) + 1)]
    below = (normal.x <= medians).mean(0)
    pairs = normal.pairs.mean(0)[1 : len(tested) + 1]
    pair_error = normal.pairs.std(0)[1 : len(tested) + 1] / sqrt(nets)
    # 2 E relu(y)²/Var y, where y is a gamma variable of shape n less its mean.
    gamma = 2 * float((n + 1) * gammaincc(n + 2, n) - 2 * n * gammaincc(n + 1, n) + n * gammaincc(n, n))
    factor, factor_error = float(skewed.x[:, 0].mean()), float(skewed.x[:, 0].std()) / sqrt(nets)
    return [
        _match(
            f"Narrow networks ({len(NARROW)} layers of {n}), He: the mean over networks stays 1", [1.0] * 10, normal.x
        ),
        Claim(
            "but the second moment grows: prod (1 + 5/n_l)",
            f"{_row(wanted, 3)} (layers 1 to {len(tested)})",
            _row(seen, 3),
            bool((np.abs(seen / wanted - 1) < 4.5 * error).all()),
        ),
        Claim(
            "and the median falls: the mean is made by few networks",
            f"half of the networks below {_row(medians, 3)}",
            f"{_row(below, 3)} (medians {_row(np.median(normal.x, axis=0), 3)})",
            bool((np.abs(below - 0.5) < 4.5 * 0.5 / sqrt(nets)).all()),
        ),
        Claim(
            "'The x of a layer are independent' is false after the first layer (and not needed): E x_i² x_j² of two units",
            f"prod over the layers before of (1 + 5/n): {_row(wanted, 3)} (layers 2 on); 1 if independent",
            _row(pairs, 3),
            bool((np.abs(pairs / wanted - 1) < np.maximum(4.5 * error, 4.5 * pair_error / wanted)).all())
            and pairs[-1] > 1.2,
        ),
        _match("'Normal weights' are not needed: uniform ones have the mean 1", [1.0] * 10, uniform.x),
        Claim(
            "and a slightly smaller second moment, by their kurtosis",
            _row(flat, 3),
            _row(flat_seen, 3),
            bool((np.abs(flat_seen / flat - 1) < 4.5 * error).all()),
        ),
        Claim(
            "Symmetric weights are needed: exponential ones less their mean, of the same variance, give another factor",
            f"layer 1: {gamma:.4f} (gamma law), not 1",
            f"{factor:.4f}; layer 10: {skewed.x[:, -1].mean():.1f}",
            abs(factor - gamma) < 4.5 * factor_error and factor > 1 + 4.5 * factor_error,
        ),
    ]


def _wrong(u: Uneven) -> tuple[Floats, Floats, Floats]:
    """n Var w times E x², E x and Var x of the layer before, over the measured Var y: layers 2 to 6."""
    scale = np.array([n * v for n, v in zip(FANS[1:-1], RULES[u.rule][1:], strict=True)]) / u.y.mean(0)[1:]
    square, mean = u.x.mean(0)[:-1], u.x_mean.mean(0)[:-1]
    return scale * square, scale * mean, scale * (square - mean**2)


def _match(says: str, wanted: Sequence[float], rows: Floats) -> Claim:
    """Whether means over networks are what they should be."""
    mean, error = rows.mean(0), rows.std(0, ddof=1) / sqrt(len(rows))
    z = np.abs(mean - wanted) / error
    return Claim(
        says,
        _row(wanted, 3),
        f"{_row(mean, 3)}; at most {z.max():.1f} standard errors off, {100 * (error / mean).max():.1f}% the largest",
        bool((z < 4.5).all()),
    )


def _row(values: Sequence[float] | Floats, digits: int) -> str:
    return " ".join(f"{v:.{digits}f}" for v in values)


def figure(reproduction: Reproduction) -> Figure:
    """Formulas against Var y; signal and gradient under three rules; mean, median and spread; dependence within a layer.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    data: Recursion = reproduction.data
    from matplotlib.figure import Figure

    from trainability.plots._axes import plain
    from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

    picture = Figure(figsize=(11.0, 7.2), dpi=150, layout="constrained")
    grid = picture.add_gridspec(2, 6)
    first, ahead, back = (picture.add_subplot(grid[0, 2 * i : 2 * i + 2]) for i in range(3))
    third, fourth = (picture.add_subplot(grid[1, 3 * i : 3 * i + 3]) for i in range(2))
    layers = np.arange(1, len(FANS))
    plain(first, "Which formula gives Var y")
    names = (
        ("E[x²]: right", HEALTHY, "o", 1.0),
        ("Var[x]", REMEDY, "^", 1 - 1 / pi),
        ("E[x]: misquoted", UNCHANGED, "s", pi**-0.5),
    )
    for (name, colour, mark, level), values in zip(
        names, [_wrong(data.uneven["fan-in"])[i] for i in (0, 2, 1)], strict=True
    ):
        first.axhline(level, lw=1.1, ls="--", color=colour)
        first.plot(layers[1:], values, mark, ms=6, color=colour, label=name)
    first.set_ylim(0.4, 1.4)
    first.set_xticks(layers[1:])
    first.set_xlabel("layer l", fontsize=9, color=INK)
    first.set_ylabel("n Var w × (…) / measured Var y", fontsize=9, color=INK)
    first.legend(fontsize=8, frameon=False, loc="upper right")
    at = np.arange(len(FANS))
    for axes, title in ((ahead, "Signal in layers of uneven size"), (back, "Gradient in them")):
        plain(axes, title)
        for (name, u), colour, mark in zip(data.uneven.items(), (HEALTHY, UNCHANGED, REMEDY), "os^", strict=True):
            if axes is ahead:
                law, seen = [1.0, *(s.mean_square for s in forward(FANS, RULES[name]))], [1.0, *u.x.mean(0)]
            else:
                law, seen = [*(s.variance for s in backward(FANS, RULES[name]))][::-1], [*u.dx.mean(0)]
            axes.plot(at[: len(law)], law, "--", lw=1.1, color=colour)
            axes.plot(at[: len(law)], seen, mark, ms=5, color=colour, label=name)
        axes.plot([], [], "--", lw=1.1, color=GREY, label="recursion")
        axes.set_yscale("log")
        axes.set_ylim(0.08, 7)
        axes.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
        axes.set_xticks(at, [f"{layer}\n({n})" for layer, n in enumerate(FANS)])
        axes.set_xlabel("layer (units); 0 is the input", fontsize=9, color=INK)
        axes.set_ylabel("E x²" if axes is ahead else "E (dLoss/dx)², 1 at the top y", fontsize=9, color=INK)
    ahead.legend(fontsize=8, frameon=False, loc="upper center", ncols=2)
    deep = np.arange(1, len(NARROW) + 1)
    rows = data.narrow["normal"]
    plain(third, f"One network is not the mean: {NARROW[0]} units a layer")
    third.fill_between(
        deep, *np.quantile(rows.x, (0.1, 0.9), axis=0), color=REMEDY, alpha=0.15, lw=0, label="10% to 90% of networks"
    )
    for name, points, wanted, colour, mark in (
        ("root of the second moment", np.sqrt((rows.x**2).mean(0)),
         [sqrt(second_moment(NARROW[:k])) for k in deep], UNCHANGED, "s"),
        ("mean", rows.x.mean(0), np.ones(len(deep)), HEALTHY, "o"),
        ("median", np.median(rows.x, axis=0), [log_size(NARROW[:k]).median for k in deep], REMEDY, "^"),
    ):  # fmt: skip
        third.plot(deep, wanted, "--", lw=1.1, color=colour)
        third.plot(deep, points, mark, ms=5, color=colour, label=name)
    third.plot([], [], "--", lw=1.1, color=GREY, label="exact law")
    third.set_yscale("log")
    third.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    third.set_xlabel("layer l", fontsize=9, color=INK)
    third.set_ylabel("mean square over that of the input", fontsize=9, color=INK)
    third.legend(fontsize=8, frameon=False, loc="lower left")
    plain(fourth, "Units of a layer are not independent")
    fourth.plot(
        deep,
        [second_moment(NARROW[: k - 1]) if k > 1 else 1.0 for k in deep],
        "--",
        lw=1.1,
        color=GREY,
        label="exact law",
    )
    error = 2 * rows.pairs.std(0) / sqrt(len(rows.pairs))
    fourth.errorbar(deep, rows.pairs.mean(0), yerr=error, fmt="o", ms=5, lw=1, capsize=2, color=HEALTHY,
                    label="normal weights, ± 2 standard errors")  # fmt: skip
    fourth.axhline(1.0, lw=0.9, ls=":", color=INK, label="independent")
    fourth.set_yscale("log")
    fourth.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    fourth.set_xlabel("layer l", fontsize=9, color=INK)
    fourth.set_ylabel("$E\\,x_i^2 x_j^2\\,/\\,(E\\,x^2)^2,\\ i \\neq j$", fontsize=9, color=INK)
    fourth.legend(fontsize=8, frameon=False, loc="upper left")
    return picture
