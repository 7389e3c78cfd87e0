"""The catapult: with an lr between 2 and 4 over the first sharpness, descent flies off to a flatter place and converges.

f = u.v/sqrt n, one sample x = 1 with target 0, loss f²/2: where f = 0 its one curvature that is not 0 is
lam = (|u|² + |v|²)/n. One step of descent on all 2n weights, u' = u - lr f v/sqrt n and v' = v - lr f u/sqrt n, gives

    u'.v' = u.v (1 + lr² f²/n) - lr f/sqrt n (|u|² + |v|²)       f'   = f (1 - lr lam + lr² f²/n)
    |u'|² + |v'|² = n lam (1 + lr² f²/n) - 4 lr f²               lam' = lam + lr f²/n (lr lam - 4)

or, with c = lr lam and g = lr² f²/n, two numbers in which neither n nor lr stands any more:

    c' = c + g (c - 4),   g' = g (1 - c + g)²,   0 <= 4 g <= c²

From which, for g > 0 (starts that hit g = 0 exactly left aside):

- c < 4: c falls and stays above 0, so that the sum of g (4 - c) is finite and g tends to 0: descent converges. It cannot
  end above c = 2, where g grows by (1 - c)² > 1.
- c < 2 and a wide network: g0 is of order 1/n, and c changes by g0 (c - 4)/(c (2 - c)) only: lazy.
- c > 4: c rises. Were it bounded, g would tend to 0, but g grows by (1 - c + g)² > 9 there: it diverges.
- c = 4: c stays. With g = 4 sin² t, a step is t' = 3t: chaos, neither converging nor diverging.

In a ReLU network units also die. That takes sharpness away, so that it survives lr's at which the linear one diverges;
how often is measured, and predicted in `_catapult_theory` from a wide network's four numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery import _catapult_figure
from trainability.gallery._catapult_theory import Array, advance, wide_ends, wide_relu
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import run_all
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The catapult: learning rates of 2 to 4 over the sharpness end in flatter places; and how ReLU shifts that"
SOURCE = (
    "Lewkowycz, Bahri, Dyer, Sohl-Dickstein and Gur-Ari 2020, arXiv 2003.02218: the model of two vectors, and lr 2 and 4 "
    "over the sharpness. The forms in c and g, what happens at 4, and the theory of the ReLU network were derived here."
)

LAZY, FLYING, LOST = (0.5, 1.0, 1.5, 1.8), (2.1, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 3.7, 3.9), (4.1, 4.5, 5.0)
RELU = (2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.25, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 10.0, 12.0, 16.0, 24.0)
GONE = 1e3
ALIVE = 0.01
"""Share of units that must be active for a ReLU network to count as alive."""


@dataclass(frozen=True)
class Linear:
    """Networks f = u.v/sqrt n of one width and one lr · sharpness.

    Args:
        n: width.
        c0: lr times the first sharpness, the same for all seeds.
        g0: (seeds,), first lr² f²/n.
        c, g: (seeds,), at the end.
        rose: (seeds,), highest loss over the first.
        error: largest difference of network and recursion in c and in sqrt(g), over all seeds and steps, as a share of
            c once that is above 1.
        path_c, path_g: (steps + 1,), of the first seed.
    """

    n: int
    c0: float
    g0: Array
    c: Array
    g: Array
    rose: Array
    error: float
    path_c: Array
    path_g: Array


@dataclass(frozen=True)
class Relu:
    """ReLU networks of one lr · sharpness, and theory.

    Args:
        c0: lr times the first sharpness.
        n: width.
        seeds: networks.
        alive: that converged, to |lr f/sqrt n| < 0.01 and lr · sharpness < 2, with at least 1% of their units active.
        any_unit: that converged with at least one unit active.
        diverged: all that did not converge.
        told: share alive by theory.
    """

    c0: float
    n: int
    seeds: int
    alive: int
    any_unit: int
    diverged: int
    told: float


@dataclass(frozen=True)
class Catapult:
    """The numbers behind the figure.

    Args:
        linear: of one width, by c0.
        wider: at c0 = 2.5, by width.
        chaos: (steps + 1, 2), c and g of one network that starts at c0 = 4.
        bands: c0 -> ends of lr · sharpness in the limit of infinite width, (phases,).
        relu: by c0.
    """

    linear: tuple[Linear, ...]
    wider: tuple[Linear, ...]
    chaos: Array
    bands: dict[float, Array]
    relu: tuple[Relu, ...]


def descend(n: int, c0: float, seeds: int, steps: int) -> Linear:
    """Train all weights of a stack of linear networks, next to the recursion of two numbers.

    Args:
        n: width.
        c0: lr times the first sharpness.
        seeds: networks; seed s draws u and v from `default_rng(s)`, so that they are the same for every c0.
        steps: most updates; fewer where all have converged or diverged.

    Returns:
        Linear.
    """
    weights = np.stack([np.random.default_rng(s).normal(size=(2, n)) for s in range(seeds)])
    u, v = weights[:, 0].copy(), weights[:, 1].copy()
    lr = c0 / _sharpness(u, v)
    told_c, told_g = np.full(seeds, c0), lr**2 * _output(u, v) ** 2
    g0, rose, error = told_g.copy(), np.ones(seeds), 0.0
    path = []
    for step in range(steps + 1):
        root, c = lr * _output(u, v), lr * _sharpness(u, v)
        path.append((c[0], root[0] ** 2))
        error = max(error, float((np.abs(c - told_c) / np.maximum(1, c)).max()))
        error = max(error, float((np.abs(np.abs(root) - np.sqrt(told_g)) / np.maximum(1, c)).max()))
        rose = np.maximum(rose, root**2 / g0)
        if step == steps or bool(((root**2 < 1e-24) & (c < 2)).all()) or bool((c > GONE).any()):
            break
        told_c, told_g = advance(told_c, told_g)
        u, v = u - root[:, None] * v, v - root[:, None] * u
    path_c, path_g = np.array(path).T
    return Linear(n, c0, g0, c, root**2, rose, error, path_c, path_g)


def _output(u: Array, v: Array) -> Array:
    """f/sqrt n of every network."""
    return np.asarray(np.einsum("ij,ij->i", u, v) / u.shape[1])


def _sharpness(u: Array, v: Array) -> Array:
    return np.asarray((np.einsum("ij,ij->i", u, u) + np.einsum("ij,ij->i", v, v)) / u.shape[1])


def descend_relu(n: int, c0: float, seeds: int, steps: int = 400) -> Relu:
    """Train ReLU networks f = u.relu(v)/sqrt n on one sample x = 1 with target 0, and let theory predict how many live.

    Args:
        n: width.
        c0: lr times the first sharpness.
        seeds: networks.
        steps: most updates.

    Returns:
        Relu.
    """
    rng = np.random.default_rng([round(100 * c0), n])
    u, v = rng.normal(size=(2, seeds, n))
    lr = np.zeros(seeds)
    alive = any_unit = diverged = 0
    for step in range(steps + 1):
        on = v > 0
        u, v = np.where(on, u, 0.0), np.where(on, v, 0.0)  # a unit that is off stays off: its gradient is 0
        c = _sharpness(u, v)
        lr = c0 / c if step == 0 else lr
        root, c, count = lr * _output(u, v), lr * c, on.sum(1)
        small = (np.abs(root) < 1e-8) & (c < 2)
        ended = small | (count == 0) | ~np.isfinite(root) | (step == steps)
        settled = ended & (np.abs(root) < 1e-2) & (c < 2)
        diverged += int((ended & ~settled).sum())
        alive += int((settled & (count >= ALIVE * n)).sum())
        any_unit += int((settled & (count > 0)).sum())
        u, v, lr, root = u[~ended], v[~ended], lr[~ended], root[~ended]
        if not len(u):
            break
        u, v = u - root[:, None] * v, v - root[:, None] * u
    first = np.random.default_rng(5).normal(0.0, (2 * n) ** -0.5, 4000)
    wide = wide_relu(c0, first, steps)
    told = float(((wide.active >= ALIVE) & (np.abs(wide.output) < 1e-2)).mean())
    return Relu(c0, n, seeds, alive, any_unit, diverged, told)


def chaos(n: int, steps: int = 12) -> Array:
    """c and g of the network of seed 0 that starts at lr · sharpness = 4."""
    found = descend(n, 4.0, 1, steps)
    return np.stack([found.path_c, found.path_g], 1)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Linear networks of width 1000 and to 100,000, ReLU networks of width 4096 with 200 seeds; `smoke`: fewer.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Catapult.
    """
    n, seeds, steps = (300, 8, 500) if smoke else (1000, 30, 3000)
    widths, wide_seeds = ((100, 1000), 8) if smoke else ((100, 1000, 10_000, 100_000), 10)
    starts = (1.5, 2.1, 2.5, 3.0, 3.5, 3.9, 4.1, 5.0) if smoke else (*LAZY, *FLYING, *LOST)
    relu_n, relu_seeds = (1024, 60) if smoke else (4096, 200)
    relu_starts = (2.5, 3.5, 4.5, 7.0, 12.0) if smoke else RELU
    grid = (2.1, 2.5, 3.0, 3.5, 3.9) if smoke else tuple(np.round(np.arange(2.05, 3.99, 0.05), 2).tolist())
    phases, long = (40, 700) if smoke else (300, 4000)
    linear = [partial(descend, n, c0, seeds, steps) for c0 in starts]
    wider = [partial(descend, w, 2.5, wide_seeds, 200) for w in widths]
    relu = [partial(descend_relu, relu_n, c0, relu_seeds, 150 if smoke else 400) for c0 in relu_starts]
    ends = [partial(wide_ends, c0, phases, long) for c0 in grid]
    count, total = 0, len(linear) + len(wider) + len(relu) + len(ends)

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("descend", count, total)

    workers = 1 if smoke else None
    trained = run_all([*linear, *wider], done=done, workers=workers)
    rectified = run_all(relu, done=done, workers=workers)
    bands = dict(zip(grid, run_all(ends, done=done, workers=workers), strict=True))
    data = Catapult(tuple(trained[: len(linear)]), tuple(trained[len(linear) :]), chaos(n), bands, tuple(rectified))
    return Reproduction(claims(data), data)


def claims(data: Catapult) -> tuple[Claim, ...]:
    """What the networks must show. ReLU: theory within the 99.9% interval of each count.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    lazy, flying, lost = ([r for r in data.linear if low < r.c0 < high] for low, high in ((0, 2), (2, 4), (4, np.inf)))
    told = [r.g0 * (r.c0 - 4) / (r.c0 * (2 - r.c0)) for r in lazy]
    change = [float((r.c - r.c0).sum() / t.sum()) for r, t in zip(lazy, told, strict=True)]
    limit = float(data.bands[2.5].mean())
    away = [float(np.abs(r.c - limit).mean()) for r in data.wider]
    outside = {
        r.c0: float(np.maximum(r.c - data.bands[r.c0].max(), data.bands[r.c0].min() - r.c).max())
        for r in flying if r.c0 in data.bands
    }  # fmt: skip
    room = {r.c0: 2 * float(r.g0.max()) / (r.c0 - 2) for r in flying}
    c, g = data.chaos.T
    tripled = 4 * np.sin(3 * np.arcsin(np.minimum(1, np.sqrt(g[:-1]) / 2))) ** 2
    out = [
        Claim(
            "The recursion of two numbers is the network's own descent on all its weights",
            "c and sqrt(g) equal to 1e-10 at every step, of every seed and lr",
            f"{max(r.error for r in (*data.linear, *data.wider)):.0e} in {sum(len(r.c) for r in data.linear)} networks",
            max(r.error for r in (*data.linear, *data.wider)) < 1e-10,
        ),
        Claim(
            "Below 2 it is lazy: lr · sharpness changes by g0 (c - 4)/(c (2 - c)), of order 1/n",
            "1 ± 0.1 of that, summed over seeds; every loss falls from the first step on",
            ", ".join(f"{r.c0:g}: {x:.3f} of {t.mean():.5f}" for r, x, t in zip(lazy, change, told, strict=True)),
            all(abs(x - 1) < 0.1 for x in change) and all((r.rose < 1 + 1e-12).all() for r in lazy),
        ),
        Claim(
            "Between 2 and 4 the loss first rises and then converges where lr · sharpness is below 2, flatter than the start",
            "every network: a rise (its median is told), and an end below 2 with g below 1e-3",
            ", ".join(f"{r.c0:g}: to {r.c.min():.3f}..{r.c.max():.3f}, rise {np.median(r.rose):.0f}-fold" for r in flying),
            all((r.c < 2).all() and (r.g < 1e-3).all() and (r.rose > 1).all() for r in flying),
        ),
        Claim(
            "Where it lands is, for a wide network, a function of c0 and of the phase of g0 alone",
            "within the range over all phases, up to 2 g0/(c0 - 2)",
            ", ".join(f"{c0:g}: out by {max(0.0, d):.4f} (allowed {room[c0]:.3f})" for c0, d in outside.items()),
            bool(outside) and all(d <= room[c0] for c0, d in outside.items()),
        ),
        Claim(
            "At c0 = 2.5 that is a single value, whatever the seed: mean distance from it falls like 1/n",
            f"{limit:.5f}; distance times n the same within a factor of 4",
            ", ".join(f"n = {r.n:,}: {d:.1e}" for r, d in zip(data.wider, away, strict=True)),
            max(d * r.n for d, r in zip(away, data.wider, strict=True))
            < 4 * min(d * r.n for d, r in zip(away, data.wider, strict=True)),
        ),
        Claim(
            "Above 4 every network diverges, with the sharpness never falling",
            f"all, to lr · sharpness above {GONE:g}",
            ", ".join(f"{r.c0:g}: {r.c.max():.0e} in {len(r.path_c) - 1} steps" for r in lost),
            all(r.c.max() > GONE and (r.c > r.c0).all() and (np.diff(r.path_c) >= 0).all() for r in lost),
        ),
        Claim(
            "At 4 exactly the sharpness stays and g = 4 sin² t triples its t: chaos",
            f"c = 4 and g' = 4 sin² 3t to 1e-6 in {len(c) - 1} steps",
            f"{np.abs(c - 4).max():.0e} and {np.abs(tripled - g[1:]).max():.0e}; g from {g.min():.4f} to {g.max():.2f}",
            bool(np.abs(c - 4).max() < 1e-6 and np.abs(tripled - g[1:]).max() < 1e-6 and g.max() > 0.1),
        ),
        Claim(
            "ReLU: up to lr · sharpness = 3 every network converges alive (at least 1% of units active)",
            "all, by theory as well",
            ", ".join(f"{r.c0:g}: {r.alive} of {r.seeds}" for r in data.relu if r.c0 <= 3),
            all(r.alive == r.seeds and r.told > 0.999 for r in data.relu if r.c0 <= 3),
        ),
        Claim(
            "ReLU: beyond, the share that stays alive is what the wide network's four numbers predict",
            "; ".join(f"{r.c0:g}: {r.told:.3f}" for r in data.relu if r.c0 > 3),
            "; ".join(f"{r.c0:g}: {r.alive / r.seeds:.3f}" for r in data.relu if r.c0 > 3) + f" of {data.relu[0].seeds}",
            all(_within(r) for r in data.relu if r.c0 > 3),
        ),
        Claim(
            "ReLU never diverges here: units die instead, and with all of them dead f = 0 is the target only because that is 0",
            "0",
            f"{sum(r.diverged for r in data.relu)} of {sum(r.seeds for r in data.relu)}, up to {data.relu[-1].c0:g}",
            sum(r.diverged for r in data.relu) == 0,
        ),
        Claim(
            "NOT SEEN: an lr of 12 over the sharpness as the limit of ReLU networks, a number remembered without a source. "
            "The share alive falls from 3.5 on without a step, and is not 0 at 12",
            "theory at 12: " + ", ".join(f"{r.told:.3f}" for r in data.relu if r.c0 == 12),
            ", ".join(f"{r.alive} of {r.seeds} ({r.any_unit} with any unit)" for r in data.relu if r.c0 == 12),
            all(_within(r) and 0.02 < r.told < 0.5 for r in data.relu if r.c0 == 12),
        ),
    ]  # fmt: skip
    return tuple(out)


def _within(r: Relu) -> bool:
    low, high = interval(r.alive, r.seeds, 0.999)
    return low <= r.told <= high


def figure(reproduction: Reproduction) -> Figure:
    """Loss and lr · sharpness along four runs; where runs land; share of ReLU networks that stay alive.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _catapult_figure.draw(reproduction.data)
