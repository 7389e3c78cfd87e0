"""Where a random start of a single ReLU must fall for the source's theorem to promise convergence, and what happens.

The theorem needs w inside the ball |w - v| < |v|. For starts uniform in a small ball around 0 that has probability
(1 - eps)/2 at least; the exact value is the volume of a lens. Gradient descent arrives from every start all the same,
but for a set of volume zero, in two or more dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory import ball_probability, single_relu

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Starts of one ReLU: the theorem's ball against what converges"
SOURCE = "Tian 2017, arXiv 1703.00560, Theorems 5 and 6, Figure 5."

Floats = NDArray[np.float64]

EPSILONS = (0.01, 0.1, 0.3, 0.5, 0.9)
DIMENSIONS = (2, 10, 100)
NORMAL_DIMENSIONS = (1, 2, 3, 5, 10, 30)


@dataclass(frozen=True)
class Data:
    """The numbers behind the figure.

    Args:
        exact: (len(DIMENSIONS), len(EPSILONS)), the exact probability at the theorem's radius.
        counted: likewise, the share of random starts. draws: their number each.
        in_ball: (len(NORMAL_DIMENSIONS),), share of N(0, 1/d) starts inside the theorem's ball.
        arrived: likewise, share from which gradient descent arrived. starts: their number each.
        large: (radius, d, exact, counted) for balls larger than the teacher.
    """

    exact: Floats
    counted: Floats
    draws: int
    in_ball: Floats
    arrived: Floats
    starts: int
    large: tuple[tuple[float, int, float, float], ...]


def uniform_in_ball(n: int, d: int, radius: float, rng: np.random.Generator) -> Floats:
    """Points uniform in a ball, (n, d)."""
    z = rng.standard_normal((n, d))
    return radius * rng.random((n, 1)) ** (1 / d) * z / np.linalg.norm(z, axis=1, keepdims=True)


def share_in_ball(w: Floats) -> float:
    """Share of rows inside the ball of radius 1 around the first unit vector."""
    return float(np.mean(np.sum(w * w, axis=1) < 2 * w[:, 0]))


def arrivals(d: int, n: int, rng: np.random.Generator, lr: float = 0.5, steps: int = 800) -> tuple[float, float]:
    """Gradient descent on the population loss from N(0, 1/d): (share that started in the ball, share that arrived)."""
    v = np.eye(d)[0]
    w = rng.standard_normal((n, d)) / np.sqrt(d)
    inside = share_in_ball(w)
    for _ in range(steps):
        w = w - lr * single_relu.gradient(w, v)
    return inside, float(np.mean(np.linalg.norm(w - v, axis=1) < 1e-6))


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Count random starts in the ball, and run gradient descent from them.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Data.
    """
    rng = np.random.default_rng(5)
    draws, starts = (20_000, 300) if smoke else (400_000, 2000)
    exact = np.array(
        [[ball_probability.probability(d, ball_probability.radius(d, e)) for e in EPSILONS] for d in DIMENSIONS]
    )
    counted = np.empty_like(exact)
    total = len(DIMENSIONS) + len(NORMAL_DIMENSIONS)
    for i, d in enumerate(DIMENSIONS):
        unit = uniform_in_ball(draws // (4 if d == 100 else 1), d, 1.0, rng)
        counted[i] = [share_in_ball(ball_probability.radius(d, e) * unit) for e in EPSILONS]
        if progress:
            progress("starts in the ball", i + 1, total)
    large = []
    for radius, d in ((1.5, 2), (2.0, 2), (3.0, 2), (1.5, 10)):
        large.append(
            (radius, d, ball_probability.probability(d, radius), share_in_ball(uniform_in_ball(draws, d, radius, rng)))
        )
    pairs = []
    for i, d in enumerate(NORMAL_DIMENSIONS):
        pairs.append(arrivals(d, starts, rng, steps=200 if smoke else 800))
        if progress:
            progress("gradient descent", len(DIMENSIONS) + i + 1, total)
    in_ball, arrived = np.array(pairs).T
    data = Data(exact, counted, draws, in_ball, arrived, starts, tuple(large))
    return Reproduction(claims(data), data)


def claims(data: Data) -> tuple[Claim, ...]:
    """What the counts must show.

    Args:
        data: from `run`.

    Returns:
        Claims. A count is compared within 4.5 standard errors: a false alarm in 1 of 4000 runs over all 19 counts.
    """

    def z(count: float, p: float, n: float) -> float:
        return abs(count - p) / np.sqrt(p * (1 - p) / n)

    sizes = np.array([data.draws // (4 if d == 100 else 1) for d in DIMENSIONS])[:, None]
    worst = float(np.max(np.abs(data.counted - data.exact) / np.sqrt(data.exact * (1 - data.exact) / sizes)))
    spare = data.exact - (1 - np.array(EPSILONS)) / 2
    large = [z(count, p, data.draws) for _, _, p, count in data.large]
    normal = [
        z(count, ball_probability.normal_probability(d, d**-0.5), data.starts)
        for d, count in zip(NORMAL_DIMENSIONS, data.in_ball, strict=True)
    ]
    many = data.arrived[1:]
    scaled = ball_probability.entry_std(10**6, ball_probability.radius(10**6, 0.1)) * 10**6 / 0.1
    return (
        Claim(
            "The promise (1 - eps)/2 is kept, with room to spare",
            "exact probability above the bound for every d and eps",
            f"margin {spare.min():.4f} to {spare.max():.3f}",
            bool(spare.min() > 0),
        ),
        Claim(
            "The exact probability is the volume of the lens",
            "counts within 4.5 standard errors",
            f"largest deviation {worst:.1f}",
            worst < 4.5,
        ),
        Claim(
            "In a large ball the success rate of the promise is at most (|v|/r)^d, equal from r = 2|v| on "
            "(printed the other way up in the source)",
            ", ".join(f"d={d}, r={r:g}: {p:.4g}" for r, d, p, _ in data.large),
            ", ".join(f"{count:.4g}" for _, _, _, count in data.large),
            max(large) < 4.5 and all(p <= r**-d * (1 + 1e-12) for r, d, p, _ in data.large),
        ),
        Claim(
            "The theorem's radius bounds |w|; one entry's standard deviation is O(eps/d), not the abstract's O(eps/sqrt d)",
            "std × d / eps tends to sqrt(2 pi) = 2.5066",
            f"{scaled:.4f} at d = 10⁶",
            bool(abs(scaled - np.sqrt(2 * np.pi)) < 1e-4),
        ),
        Claim(
            "So usual initial weights N(0, 1/d) fall outside the theorem's ball",
            ", ".join(f"d={d}: {ball_probability.normal_probability(d, d**-0.5):.4f}" for d in NORMAL_DIMENSIONS),
            ", ".join(f"{share:.4f}" for share in data.in_ball),
            max(normal) < 4.5,
        ),
        Claim(
            "and still arrive, from every start in two or more dimensions (far more than the theorem promises)",
            "share that arrives: 1 for d >= 2, 1/2 for d = 1",
            f"d=1: {data.arrived[0]:.3f}; d >= 2: {many.min():.4f} at least",
            bool(many.min() == 1 and z(data.arrived[0], 0.5, data.starts) < 4.5),
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """The geometry, the probability against the radius, and what truly converges.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    data: Data = reproduction.data
    picture = Figure(figsize=(11.5, 3.9), dpi=150, layout="constrained")
    left, middle, right = picture.subplots(1, 3)

    r = 0.62
    left.add_patch(Circle((1, 0), 1, facecolor="none", edgecolor=REMEDY, linewidth=1.5))
    left.add_patch(Circle((0, 0), r, facecolor="none", edgecolor=INK, linewidth=1.2))
    points = uniform_in_ball(420, 2, r, np.random.default_rng(1))
    inside = np.sum(points**2, axis=1) < 2 * points[:, 0]
    left.scatter(*points[inside].T, s=5, color=REMEDY, label="promised: in Ω", linewidth=0)
    left.scatter(*points[~inside].T, s=5, color=UNCHANGED, label="not promised", linewidth=0)
    left.plot([-2, 0], [0, 0], color=INK, linewidth=1.6, linestyle=(0, (3, 2)), label="never arrives")
    left.plot(1, 0, marker="*", markersize=11, color=HEALTHY)
    left.annotate("w*", (1, 0), textcoords="offset points", xytext=(7, 4), fontsize=9)
    left.text(1.15, 0.62, "Ω", fontsize=11, color=REMEDY, ha="center")
    left.text(-0.46, 0.52, "$B_r$", fontsize=10, color=INK, ha="right")
    left.set(xlim=(-1.1, 2.15), ylim=(-1.25, 1.65), aspect="equal", xlabel="w₁ / |w*|", ylabel="w₂ / |w*|")
    left.legend(fontsize=7.5, frameon=False, loc="upper center", ncols=3, columnspacing=0.8, handletextpad=0.3)
    left.set_title("(a) Starts in two dimensions", fontsize=10, loc="left")

    epsilon = np.linspace(0.005, 1, 200)
    for d, colour, row in zip(DIMENSIONS, (REMEDY, HEALTHY, "#CC79A7"), data.counted, strict=True):
        exact = [ball_probability.probability(d, ball_probability.radius(d, e)) for e in epsilon]
        middle.plot(epsilon, exact, color=colour, label=f"exact, d = {d}")
        middle.plot(EPSILONS, row, "o", color=colour, markersize=4)
    middle.plot([], [], "o", color=GREY, markersize=4, label="counted")
    middle.plot(epsilon, (1 - epsilon) / 2, color=INK, linestyle="--", label="promised, (1 − ε)/2")
    middle.set(
        xlabel="ε, with r = ε √(2π/(d + 1)) |w*|", ylabel="probability of a start in Ω", ylim=(0, 0.52), xlim=(0, 1)
    )
    middle.legend(fontsize=7.5, frameon=False, loc="lower left")
    middle.set_title("(b) Uniform in a small ball", fontsize=10, loc="left")

    dims = np.unique(np.round(np.logspace(0, 1.6, 40)).astype(int))
    right.semilogy(
        dims, [ball_probability.normal_probability(int(d), float(d) ** -0.5) for d in dims], color=UNCHANGED,
        label="start in Ω, exact",
    )  # fmt: skip
    shown = data.in_ball > 0
    right.semilogy(
        np.array(NORMAL_DIMENSIONS)[shown], data.in_ball[shown], "o", color=UNCHANGED, markersize=4, label="counted"
    )
    right.semilogy(NORMAL_DIMENSIONS, data.arrived, "s-", color=HEALTHY, markersize=5, label="gradient descent arrives")
    right.set(xlabel="dimension d", ylabel="share of starts", xscale="log", ylim=(5e-4, 2))
    right.set_xticks([1, 2, 5, 10, 30], ["1", "2", "5", "10", "30"])
    right.minorticks_off()
    right.legend(fontsize=7.5, frameon=False, loc="lower left")
    right.set_title("(c) Usual weights, N(0, 1/d)", fontsize=10, loc="left")
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    return picture
