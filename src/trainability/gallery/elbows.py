"""Where the corners of ReLU units start: their law, the units that miss the data, and what a choice of bias is worth.

A unit relu(w x + b) bends at C = -b/w. Units whose corner misses the data are dead there or linear. Drawn with the package's
initializers and set against the exact laws of `theory.elbows`; then one hidden layer of 32 units is fitted to functions on
[-1, 1] from six bias schemes, the same seeds for each, and the final errors are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import atan, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor

from trainability.gallery import _elbows_figure
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._stacked import descend
from trainability.initializers import biases, he_normal_, torch_default_
from trainability.lab import run_all
from trainability.optimizers import SGD, Adam, Params, Rule
from trainability.theory.elbows import Constant, Elbow, Normal, Uniform, interval_shares, running_mean_scale
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Corners of ReLU units: a Cauchy law, a quarter born dead, and what a choice of bias is worth"
SOURCE = (
    "Lecture notes on initialization and optimizers (one ReLU layer, corner c = -b/w), Sections 1.1 to 1.3, Figure 6.1."
)

Array = NDArray[np.float64]

LAWS = {
    "w, b ~ N (fan-in + 1)": Elbow(Normal(1.0), Normal(1.0)),
    "w, b ~ U (torch's layer)": Elbow(Uniform(1.0), Uniform(1.0)),
    "w He, b ~ U(±1)": Elbow(Normal(sqrt(2)), Uniform(1.0)),
    "w He, b ~ N(0, 0.01²)": Elbow(Normal(sqrt(2)), Normal(0.01)),
    "w He, b = 0.01": Elbow(Normal(sqrt(2)), Constant(0.01)),
}
"""Name -> the exact law for one input."""
SCHEMES = ("b = 0", "b = 0.01", "b ~ N(0, 0.01²)", "fan-in + 1", "torch's layer", "placed on the data")
TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "|x|": torch.abs,
    "sin πx": lambda x: torch.sin(pi * x),
    "sin 2πx": lambda x: torch.sin(2 * pi * x),
}
UNITS, POINTS, RADII = 32, 64, (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Fit:
    """One target and rule, all schemes.

    Args:
        target: a key of `TARGETS`.
        rule: "descent" or "Adam".
        error: (schemes, seeds), final mean squared error.
        start, end: (schemes,), share of units that are bent on the data.
        dead: units dead on the data at the start, all schemes together.
        revived: those of them that are not dead at the end.
    """

    target: str
    rule: str
    error: Array
    start: Array
    end: Array
    dead: int
    revived: int

    def against_zero(self, scheme: str, confidence: float = 0.95) -> tuple[float, float, float]:
        """Mean over seeds of log10(error / error with b = 0) on the same seed, and its t interval."""
        row = np.log10(self.error[SCHEMES.index(scheme)] / self.error[0])
        half = float(student.ppf((1 + confidence) / 2, len(row) - 1) * row.std(ddof=1) / sqrt(len(row)))
        return float(row.mean()), float(row.mean()) - half, float(row.mean()) + half


@dataclass(frozen=True)
class Corners:
    """The numbers behind the figure.

    Args:
        draws: units drawn per law.
        distance: law -> Kolmogorov's largest difference of empirical and exact distribution, times sqrt(draws).
        histogram: law -> counts of corners in 80 bins of [-4, 4].
        beyond: law -> share of |C| above 10^-3, 10^-2.5, .., 10^3.
        shares: (radii, 3), counts of dead, linear and bent units on [-R, R], first law.
        half: thresholds T with the mean of C 1{0 < C < T}, its standard error, and that of both signs, first law.
        means: (paths, n) running means of the first law at `times`; far: paths with |mean| > 1 at each time.
        times: numbers of corners averaged.
        all_paths: paths that `far` counts.
        rugs: scheme -> corners of one network.
        fits: one per target and rule.
    """

    draws: int
    distance: dict[str, float]
    histogram: dict[str, NDArray[np.int64]]
    beyond: dict[str, Array]
    shares: NDArray[np.int64]
    half: tuple[tuple[float, float, float, float], ...]
    means: Array
    far: tuple[int, ...]
    times: tuple[int, ...]
    all_paths: int
    rugs: dict[str, Array]
    fits: tuple[Fit, ...]


def layer(scheme: str, members: int, units: int, seed: int, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Weights (members, units, 1) and biases (members, units) of a layer with one input.

    All but "fan-in + 1" and "torch's layer" have the same weights, He's, at the same seed.
    """
    weight, bias = torch.empty(members, units, 1), torch.empty(members, units)
    he_normal_(weight, batch_dims=1, generator=torch.Generator().manual_seed(seed))
    of_bias = torch.Generator().manual_seed(seed + 500_000)
    fills: dict[str, Callable[..., Tensor]] = {
        "b = 0": biases.zeros_,
        "b = 0.01": biases.constant_,
        "b ~ N(0, 0.01²)": biases.small_normal_,
        "fan-in + 1": partial(biases.fan_in_plus_one_, scheme=he_normal_),
        "torch's layer": biases.torch_default_,
        "placed on the data": partial(biases.elbow_placing_, inputs=x),
    }
    if scheme == "torch's layer":
        torch_default_(weight, batch_dims=1, generator=of_bias)
    fills[scheme](bias, weight, batch_dims=1, generator=of_bias)
    return weight, bias


def corners(law: str, count: int, seed: int) -> Array:
    """Draw corners with the package's initializers."""
    scheme = {"w, b ~ N (fan-in + 1)": "fan-in + 1", "w, b ~ U (torch's layer)": "torch's layer",
              "w He, b ~ N(0, 0.01²)": "b ~ N(0, 0.01²)", "w He, b = 0.01": "b = 0.01"}.get(law)  # fmt: skip
    weight, bias = layer(scheme or "b = 0", 1, count, seed)
    if scheme is None:
        biases.torch_default_(bias, weight, batch_dims=1, generator=torch.Generator().manual_seed(seed + 1))
    found = -bias.double().ravel() / weight.double().ravel()
    return np.asarray(found[found.isfinite()], dtype=np.float64)


def fit(target: str, rule: str, seeds: int, steps: int) -> Fit:
    """Fit one target from every scheme with every seed; all members at once."""
    x = torch.linspace(-1, 1, POINTS)[:, None]
    y = TARGETS[target](x)
    layers = [layer(scheme, seeds, UNITS, 7, x) for scheme in SCHEMES]
    out = torch.empty(seeds, 1, UNITS)
    he_normal_(out, gain=1.0, batch_dims=1, generator=torch.Generator().manual_seed(8))
    members = seeds * len(SCHEMES)
    params = {
        "w": torch.cat([w for w, _ in layers]),
        "b": torch.cat([b for _, b in layers]),
        "a": out.repeat(len(SCHEMES), 1, 1),
        "c": torch.zeros(members, 1, 1),
    }

    def losses(p: Params) -> Tensor:
        hidden = torch.relu(x * p["w"].mT + p["b"][:, None, :])
        return (hidden @ p["a"].mT + p["c"] - y).square().mean((1, 2))

    def units(p: Params) -> tuple[Tensor, Tensor]:
        before = x * p["w"].mT + p["b"][:, None, :]
        return before.amax(1) <= 0, (before.amax(1) > 0) & (before.amin(1) < 0)

    end = descend(losses, params, _rule(rule), steps)
    dead, bent = units(params)
    dead_after, bent_after = units(end)
    error = losses(end).double().reshape(len(SCHEMES), seeds).numpy()

    def by_scheme(kind: Tensor) -> Array:
        return kind.double().mean(1).reshape(len(SCHEMES), seeds).mean(1).numpy()

    revived = int((dead & ~dead_after).sum())
    return Fit(target, rule, error, by_scheme(bent), by_scheme(bent_after), int(dead.sum()), revived)


def _rule(name: str) -> Rule:
    return Adam(lr=3e-3) if name == "Adam" else SGD(lr=0.02)


def law_data(draws: int, paths: int, length: int) -> dict[str, object]:
    """All of `Corners` but the fits."""
    edges, tails = np.linspace(-4, 4, 81), np.geomspace(1e-3, 1e3, 13)
    distance, histogram, beyond = {}, {}, {}
    for i, (name, law) in enumerate(LAWS.items()):
        c = np.sort(corners(name, draws, 40 + i))
        exact, n = law.cdf(c), len(c)
        gap = max((np.arange(1, n + 1) / n - exact).max(), (exact - np.arange(n) / n).max())
        distance[name] = float(gap * sqrt(n))
        histogram[name] = np.histogram(c, edges)[0]
        beyond[name] = np.array([(np.abs(c) > t).mean() for t in tails])
    weight, bias = (v.double().numpy().ravel() for v in layer("fan-in + 1", 1, draws, 60))
    kinds = []
    for radius in RADII:
        ends = np.stack([bias - radius * weight, bias + radius * weight])
        dead, linear = (ends <= 0).all(0), (ends > 0).all(0)
        kinds.append([dead.sum(), linear.sum(), draws - dead.sum() - linear.sum()])
    c = -bias / weight
    half = []
    for top in (1.0, 10.0, 100.0):
        part, both = np.where((c > 0) & (c < top), c, 0.0), np.where(np.abs(c) < top, c, 0.0)
        half.append((top, float(part.mean()), float(part.std() / sqrt(draws)), float(both.mean())))
    times = tuple(int(v) for v in np.unique(np.geomspace(1, length, 120).round()))
    w, b = layer("fan-in + 1", paths, length, 61)
    walk = np.cumsum((-b.double() / w.double().squeeze(-1)).numpy(), axis=1)
    means = walk[:, np.array(times) - 1] / np.array(times)
    x = torch.linspace(-1, 1, POINTS)[:, None]
    rugs = {}
    for scheme in SCHEMES:
        w1, b1 = layer(scheme, 1, UNITS, 9, x)
        rugs[scheme] = (-b1.double().ravel() / w1.double().ravel()).numpy()
    return {"draws": draws, "distance": distance, "histogram": histogram, "beyond": beyond, "shares": np.array(kinds),
            "half": tuple(half), "means": means[:6], "far": tuple(int(v) for v in (np.abs(means) > 1).sum(0)),
            "times": times, "all_paths": paths, "rugs": rugs}  # fmt: skip


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Draw 400 000 units a law and fit 3 targets by 2 rules with 60 seeds; `smoke`: 40 000 units, 2 fits with 12 seeds.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Corners.
    """
    seeds, steps = (12, 700) if smoke else (60, 1500)
    plan = [("|x|", "Adam"), ("sin 2πx", "Adam")] if smoke else [(t, r) for t in TARGETS for r in ("descent", "Adam")]

    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("fit functions from every scheme", count, len(plan) + 1)

    found = law_data(40_000, 300, 2000) if smoke else law_data(400_000, 400, 20_000)
    done(0)
    fits = run_all([partial(fit, *one, seeds, steps) for one in plan], done=done, workers=1 if smoke else None)
    data = Corners(**found, fits=tuple(fits))  # type: ignore[arg-type]
    return Reproduction(claims(data), data)


def claims(data: Corners) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims; what the source says is said in each.
    """
    worst = max(data.distance, key=lambda name: data.distance[name])
    exact = [interval_shares(Normal(1.0), Normal(1.0), -r, r) for r in RADII]
    inside = all(
        lo <= p <= hi
        for row, law in zip(data.shares, exact, strict=True)
        for count, p in zip(row, (law.dead, law.linear, law.bent), strict=True)
        for lo, hi in [interval(int(count), data.draws, 0.9999)]
    )
    dead_at_1 = data.shares[RADII.index(1.0), 0] / data.draws
    late = [i for i, n in enumerate(data.times) if n in (data.times[0], data.times[-1])]
    spans = [interval(data.far[i], data.all_paths, 0.9999) for i in late]
    scale = running_mean_scale(Normal(1.0), Normal(1.0))
    halves = [(top, seen, error, log(1 + top * top) / (2 * pi)) for top, seen, error, _ in data.half]
    start, uniform = data.fits[0].start, LAWS["w, b ~ U (torch's layer)"]
    expected = {
        "fan-in + 1": interval_shares(Normal(1.0), Normal(1.0), -1, 1).bent,
        "torch's layer": 1 - uniform.beyond(1.0),
    }
    seeds = data.fits[0].error.shape[1]
    bends = {s: (round(float(start[SCHEMES.index(s)]) * seeds * UNITS), expected[s]) for s in expected}
    dead, revived = sum(f.dead for f in data.fits), sum(f.revived for f in data.fits)
    small = {(f.target, f.rule): f.against_zero("b = 0.01") for f in data.fits}
    kink = [f for f in data.fits if f.target == "|x|"]
    waves = [f for f in data.fits if f.target == "sin 2πx" and f.rule == "Adam"]
    placed = [f.against_zero("placed on the data") for f in waves]
    others = [f.against_zero("fan-in + 1") for f in kink]
    return (
        Claim(
            "The corner of a unit with normal weight and bias is Cauchy, as the source says; the other schemes have the laws "
            "derived here",
            "sqrt(n) times Kolmogorov's distance below 2.2 for each (exceeded once in 8000 draws)",
            f"largest of {len(data.distance)}: {data.distance[worst]:.2f} ({worst}), n = {data.draws}",
            max(data.distance.values()) < 2.2,
        ),
        Claim(
            "On [-R, R] a share atan(1/R)/pi of units is dead and as many linear: a quarter each at R = 1. Pre-activations of "
            "mean 0 and variance 1 do not prevent dead units, as the source hopes",
            "dead: " + ", ".join(f"R = {r:g}: {atan(1 / r) / pi:.4f}" for r in RADII),
            ", ".join(f"R = {r:g}: {row[0] / data.draws:.4f}" for r, row in zip(RADII, data.shares, strict=True))
            + ("" if inside else " (outside of the 99.99% intervals)"),
            inside and abs(dead_at_1 - 0.25) < 0.01,
        ),
        Claim(
            "Running means of corners do not settle: the mean of many is as wide as one corner",
            f"Cauchy of scale {scale:g} at every n, so that half of the means lie beyond ±{scale:g}",
            "; ".join(f"n = {data.times[i]}: {data.far[i]} of {data.all_paths}" for i in late),
            all(lo <= 0.5 <= hi for lo, hi in spans),
        ),
        Claim(
            'The source\'s "E[C] is undefined due to it diverging" is imprecise: each half of the integral is infinite, while '
            "the symmetric one is 0",
            "mean of C over 0 < C < T is log(1 + T²)/(2 pi): "
            + ", ".join(f"T = {top:g}: {told:.3f}" for top, _, _, told in halves)
            + "; over |C| < T it is 0",
            ", ".join(f"T = {top:g}: {seen:.3f} ± {error:.3f}" for top, seen, error, _ in halves)
            + "; over |C| < T: "
            + ", ".join(f"{row[3]:+.3f}" for row in data.half),
            all(abs(seen - told) < 4.5 * error for _, seen, error, told in halves)
            and all(abs(row[3]) < 4.5 * sqrt(2) * max(row[2], 1e-9) * 1.2 for row in data.half),
        ),
        Claim(
            'In the networks that are fitted, half of the units bend on [-1, 1] with "fan-in + 1" and with torch\'s layer, all '
            "with b = 0 and with corners placed on the data",
            ", ".join(f"{s}: {p:.3f}" for s, (_, p) in bends.items()) + "; 1 and 1",
            ", ".join(f"{s}: {n / seeds / UNITS:.3f}" for s, (n, _) in bends.items())
            + f"; {start[0]:.3f} and {start[-1]:.3f}",
            all(lo <= p <= hi for n, p in bends.values() for lo, hi in [interval(n, seeds * UNITS, 0.999)])
            and start[0] == start[-1] == 1,
        ),
        Claim(
            'A unit of the first layer that is dead on all data never comes back; the source: "usually unable to recover"',
            "0: its gradient is exactly 0",
            f"{revived} of {dead}",
            revived == 0 and dead > 0,
        ),
        Claim(
            'The source: b = 0.01 "sometimes performs better than b = 0". Not seen: in no case is the error lower by a tenth '
            "of a decade with 95% confidence",
            "no interval of log10(error/error with b = 0) below -0.1",
            "; ".join(f"{t}, {r}: {m:+.2f} [{lo:+.2f}, {hi:+.2f}]" for (t, r), (m, lo, hi) in small.items()),
            all(hi > -0.1 for _, _, hi in small.values()),
        ),
        Claim(
            "The source: it doesn't matter what small number is taken. Where corners start does matter: on |x| corners at the "
            'kink (b = 0) win over "fan-in + 1"',
            "log10(error/error with b = 0) above 0 with 95% confidence",
            "; ".join(
                f"{f.rule}: {m:+.2f} [{lo:+.2f}, {hi:+.2f}]" for f, (m, lo, hi) in zip(kink, others, strict=True)
            ),
            all(lo > 0 for _, lo, _ in others),
        ),
        Claim(
            "... and on sin 2πx corners spread over the data win over b = 0",
            "log10(error/error with b = 0) below 0 with 95% confidence",
            "; ".join(
                f"{f.rule}: {m:+.2f} [{lo:+.2f}, {hi:+.2f}]" for f, (m, lo, hi) in zip(waves, placed, strict=True)
            ),
            all(hi < 0 for _, _, hi in placed),
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Laws of corners, shares of dead and bent units, running means, corners over the data, and errors compared.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _elbows_figure.draw(reproduction.data)
