"""How well the population's gating function describes a sample: against the angle, the sample size, and uniform inputs.

Measured with random inputs and compared with the exact law of the relative error,
sqrt( ((d + 2) A/f - 1)/N ). The error is taken relative to the population's value; the source divides by the sample's
own, which can be near zero when the two directions are nearly opposite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory import gating

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The gating formula against samples: angle, sample size, uniform inputs"
SOURCE = "Tian 2017, arXiv 1703.00560, Theorem 1, Section 7.1, Figure 7."

Floats = NDArray[np.float64]

ANGLES = (0.02, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.95)
"""In units of pi."""
D = 10


@dataclass(frozen=True)
class Data:
    """The numbers behind the figure.

    Args:
        sizes: sample sizes N. draws: samples of each.
        squares: (len(sizes), len(ANGLES), draws), squared relative errors of each sample, d = 10.
        dims: dimensions of the uniform inputs.
        uniform: (len(dims),), relative root mean square error up to one scale. scales: the scale fitted.
        uniform_samples: N of the uniform inputs.
        sphere: root mean square error of inputs on the unit sphere, relative to 1/d of the Gaussian formula, at
            each of ANGLES; sphere_samples: its N.
    """

    sizes: tuple[int, ...]
    draws: int
    squares: Floats
    dims: tuple[int, ...]
    uniform: Floats
    scales: Floats
    uniform_samples: int
    sphere: Floats
    sphere_samples: int


def pair_at(t: float, d: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two unit vectors at angle t, otherwise random."""
    q = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
    return q[0], np.cos(t) * q[0] + np.sin(t) * q[1]


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Draw the samples and compare.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Data.
    """
    rng = np.random.default_rng(7)
    sizes, draws = ((300, 3000), 120) if smoke else ((1000, 10_000, 100_000), 200)
    dims = (2, 5, 30) if smoke else (2, 3, 5, 10, 30, 100)
    trials, samples = (12, 50_000) if smoke else (60, 100_000)
    total = len(sizes) + len(dims) + 1
    squares = np.empty((len(sizes), len(ANGLES), draws))
    for i, n in enumerate(sizes):
        for k in range(draws):
            X = rng.standard_normal((n, D))
            for j, part in enumerate(ANGLES):
                e, w = pair_at(part * np.pi, D, rng)
                F = gating.population(e, w)
                squares[i, j, k] = np.sum((gating.sampled(e, w, X) - F) ** 2) / np.sum(F**2)
        if progress:
            progress("Gaussian inputs", i + 1, total)
    errors, scales = [], []
    for i, d in enumerate(dims):
        seen, wanted = [], []
        for _ in range(trials):
            e, w = pair_at(rng.uniform(0, np.pi / 2), d, rng)
            seen.append(gating.sampled(e, w, rng.random((samples, d)) - 0.5))
            wanted.append(gating.population(e, w))
        got, formula = np.array(seen), np.array(wanted)
        scale = np.sum(got * formula) / np.sum(formula**2)
        relative = np.sum((got - scale * formula) ** 2, axis=1) / np.sum((scale * formula) ** 2, axis=1)
        errors.append(np.sqrt(np.mean(relative)))
        scales.append(scale)
        if progress:
            progress("uniform inputs", len(sizes) + i + 1, total)
    n_sphere = 200_000 if smoke else 2_000_000
    X = rng.standard_normal((n_sphere, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    sphere = []
    for part in ANGLES:
        e, w = pair_at(part * np.pi, 3, rng)
        F = gating.population(e, w, second_moment=1 / 3)
        sphere.append(np.linalg.norm(gating.sampled(e, w, X) - F) / np.linalg.norm(F))
    if progress:
        progress("inputs on a sphere", total, total)
    data = Data(sizes, draws, squares, dims, np.array(errors), np.array(scales), samples, np.array(sphere), n_sphere)
    return Reproduction(claims(data), data)


def law(data: Data) -> Floats:
    """The exact squared errors, (len(sizes), len(ANGLES))."""
    return np.array([gating.relative_error(np.pi * np.array(ANGLES), D, n) ** 2 for n in data.sizes])


def claims(data: Data) -> tuple[Claim, ...]:
    """What the samples must show.

    Args:
        data: from `run`.

    Returns:
        Claims. A mean over draws is compared within 4.5 of its standard errors, estimated from the same draws.
    """
    exact = law(data)
    mean, error = data.squares.mean(axis=2), data.squares.std(axis=2, ddof=1) / np.sqrt(data.draws)
    off = np.abs(mean - exact) / error
    slope = np.polyfit(np.log(data.sizes), 0.5 * np.log(mean).mean(axis=1), 1)[0]
    rms = np.sqrt(mean[-1])
    near = float(gating.relative_error(np.pi - 1e-6, D, 1)) / np.sqrt(4 * np.pi * (D + 2) / 3e-6)
    floor = np.array([floor_of(d, data.uniform_samples) for d in data.dims])
    excess = np.sqrt(np.maximum(data.uniform**2 - floor**2, 0))
    sphere_floor = gating.relative_error(np.pi * np.array(ANGLES), 3, data.sphere_samples)
    return (
        Claim(
            "The relative error follows the exact law at every angle and sample size",
            "mean square within 4.5 standard errors of ((d + 2) A/f - 1)/N",
            f"largest deviation {off.max():.1f} over {off.size} means",
            bool(off.max() < 4.5),
        ),
        Claim(
            "It grows with the angle",
            f"{np.sqrt(exact[-1, 0]):.4f} at 0.02 pi to {np.sqrt(exact[-1, -1]):.4f} at 0.95 pi (N = {data.sizes[-1]})",
            f"{rms[0]:.4f} to {rms[-1]:.4f}",
            bool(rms[-1] > 2 * rms[0]),
        ),
        Claim(
            "and without bound as the directions become opposite, like the square root of 1/(pi - t)",
            "ratio to sqrt(4 pi (d + 2)/(3 (pi - t) N)) tends to 1",
            f"{near:.6f} at pi - t = 10⁻⁶",
            bool(abs(near - 1) < 1e-5),
        ),
        Claim(
            "It falls with the sample size (Figure 7(b); the text says 7(a))",
            "slope -1/2 in the logarithms",
            f"{slope:.3f}",
            bool(abs(slope + 0.5) < 0.03),
        ),
        Claim(
            "Uniform inputs on [-1/2, 1/2]^d follow the formula up to the scale 1/12 (Figure 7(c); the text says 7(d))",
            "1/12 = 0.0833",
            ", ".join(f"d={d}: {s:.4f}" for d, s in zip(data.dims, data.scales, strict=True)),
            bool(np.all(np.abs(data.scales * 12 - 1) < 0.02)),
        ),
        Claim(
            "better and better as d grows: what exceeds the sampling error vanishes",
            "above 0.05 at d = 2, below 0.02 from d = 30 on",
            ", ".join(f"d={d}: {x:.3f}" for d, x in zip(data.dims, excess, strict=True)),
            bool(excess[0] > 0.05 and all(x < 0.02 for d, x in zip(data.dims, excess, strict=True) if d >= 30)),
        ),
        Claim(
            "For inputs that are truly isotropic the Gaussian formula is exact up to the scale E|x|²/d "
            "(unit sphere, d = 3: 1/3)",
            "within 4 times the Gaussian sampling error at every angle",
            f"largest ratio {np.max(data.sphere / sphere_floor):.2f}",
            bool(np.all(data.sphere < 4 * sphere_floor)),
        ),
    )


def floor_of(d: int, samples: int) -> float:
    """Sampling error of Gaussian inputs, as root mean square over angles uniform in [0, pi/2]."""
    t = (np.arange(2000) + 0.5) * (np.pi / 4000)
    return float(np.sqrt(np.mean(gating.relative_error(t, d, samples) ** 2)))


def figure(reproduction: Reproduction) -> Figure:
    """Error against angle, against sample size, and for uniform inputs against dimension.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    data: Data = reproduction.data
    picture = Figure(figsize=(11.5, 3.7), dpi=150, layout="constrained")
    left, middle, right = picture.subplots(1, 3)
    t = np.linspace(0, 0.995, 300)
    root = np.sqrt(data.squares)
    for i, (n, colour) in enumerate(zip(data.sizes, (UNCHANGED, HEALTHY, REMEDY), strict=False)):
        left.semilogy(t, gating.relative_error(np.pi * t, D, n), color=colour, linewidth=1.2)
        low, high = np.quantile(root[i], (0.05, 0.95), axis=1)
        rms = np.sqrt(data.squares[i].mean(axis=1))
        left.errorbar(
            ANGLES, rms, yerr=[np.maximum(rms - low, 0), np.maximum(high - rms, 0)], fmt="o", markersize=3.5,
            color=colour, elinewidth=0.8, label=f"N = {n:,}".replace(",", "\u202f"),
        )  # fmt: skip
    left.plot([], [], color=GREY, linewidth=1.2, label="exact law")
    left.set(xlabel="angle between e and w, in units of π", ylabel="relative RMS error", xlim=(0, 1))
    left.legend(fontsize=7.5, frameon=False, loc="upper left")
    left.set_title("(a) Against the angle, d = 10", fontsize=10, loc="left")

    span = np.logspace(np.log10(data.sizes[0]) - 0.3, np.log10(data.sizes[-1]) + 0.3, 50)
    for j, colour in ((0, REMEDY), (4, HEALTHY), (8, UNCHANGED)):
        line = float(gating.relative_error(np.pi * ANGLES[j], D, 1)) / np.sqrt(span)
        middle.loglog(span, line, color=colour, linewidth=1.2)
        middle.loglog(
            data.sizes, np.sqrt(data.squares[:, j].mean(axis=1)), "o", color=colour, markersize=4,
            label=f"angle {ANGLES[j]:g} π",
        )  # fmt: skip
    middle.plot([], [], color=GREY, linewidth=1.2, label="exact law, slope −1/2")
    middle.set(xlabel="sample size N", ylabel="relative RMS error")
    for axis in (middle.xaxis, middle.yaxis):
        axis.set_minor_formatter(NullFormatter())
    middle.legend(fontsize=7.5, frameon=False, loc="lower left")
    middle.set_title("(b) Against the sample size, d = 10", fontsize=10, loc="left")

    right.semilogx(
        data.dims, data.uniform, "o-", color=UNCHANGED, markersize=4, label="uniform inputs, one scale fitted"
    )
    d = np.unique(np.round(np.logspace(np.log10(2), np.log10(max(data.dims)), 30)).astype(int))
    right.plot(
        d, [floor_of(int(i), data.uniform_samples) for i in d], color=INK, linestyle="--",
        label="sampling error of Gaussian inputs",
    )  # fmt: skip
    right.set(xlabel="dimension d", ylabel="relative RMS error", ylim=(0, None))
    right.set_xticks(data.dims, [str(i) for i in data.dims])
    right.minorticks_off()
    right.legend(fontsize=7.5, frameon=False, loc="upper right")
    right.set_title(f"(c) Uniform inputs, N = {data.uniform_samples:,}".replace(",", "\u202f"), fontsize=10, loc="left")
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    return picture
