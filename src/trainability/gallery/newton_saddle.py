"""Newton's method at saddles: the textbook formula goes to them, gradient descent leaves them, a repaired Newton leaves faster.

Double wells, f = e (x² - 1)²/4 + y²/2: minima at x = ±1, a saddle at 0 with curvatures -e and 1. Prediction for
w <- w - lr (H + damping)^-1 g, with m = damping/e: the saddle attracts iff m < (2 - lr)/2, and then exactly the starts with

    x² < (2 - lr - 2 m) / (6 - lr)

go to it; at their edge the map swaps x and -x. In d dimensions, f = sum (w_i² - 1)²/4, starts uniform in (-a, a): each
coordinate is caught alone, so that a share (1 - 1/(a √5))^d arrives at a minimum. Away from the saddle gradient descent
multiplies its offset by 1 + lr e a step, |H|^-1 by 1 + lr whatever e is, the damped form by |1 + lr/(m - 1)|.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log, log1p, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._himmelblau import HEIGHT, MINIMA, critical_points, himmelblau
from trainability.optimizers import SGD, Newton, Rule
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = (
    "Newton's formula goes to saddles; gradient descent leaves them, and Newton with positive curvatures leaves faster"
)
SOURCE = (
    "Lecture notes on the optimization of neural networks, section 'Newton's method' (theta - lr H^-1 g, without a condition "
    "on H); Dauphin et al. 2014, arXiv 1406.2572 (saddle-free Newton); Lee, Simchowitz, Jordan and Recht 2016, arXiv "
    "1602.04915; Himmelblau 1972, Applied Nonlinear Programming (the function of two variables)."
)

Floats = NDArray[np.float64]
Curved = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Points (E, d) to gradients (E, d) and Hessians (E, d, d)."""

WIDTH, WEAK, NEAR = 1.5, 0.05, 0.1
"""Half the width of the starts; e of the double well; the offset at which a run has left the saddle."""
FORMS = ((1.0, 0.0), (0.5, 0.0), (1.5, 0.0), (1.0, 0.25), (1.0, 0.45), (1.0, 0.55), (1.0, 2.0))
"""(lr, damping/e) of the textbook's Newton."""
COMPARED = ("gradient descent", "Newton, textbook", "Newton, sizes", "Newton, damped")


@dataclass(frozen=True)
class Fates:
    """Runs of one form of Newton's step on the double well, start by start.

    Args:
        lr: learning rate; damping: over e.
        x: first coordinate of the starts.
        caught: whether a run ended at the saddle; arrived: at a minimum.
    """

    lr: float
    damping: float
    x: Floats
    caught: NDArray[np.bool_]
    arrived: NDArray[np.bool_]

    @property
    def edge(self) -> float:
        """Where the saddle's basin ends, by theory: 0 if it has none."""
        return sqrt(max(0.0, (2 - self.lr - 2 * self.damping) / (6 - self.lr)))


@dataclass(frozen=True)
class Dimension:
    """Runs on the sum of d double wells.

    Args:
        d: dimensions; runs: how many; zeros: number of coordinates that each Newton run ends with at 0, -1 if it ends nowhere.
        descent: runs of gradient descent that arrived at a minimum.
    """

    d: int
    runs: int
    zeros: NDArray[np.int64]
    descent: int

    @property
    def told(self) -> float:
        """The share of starts from which Newton arrives at a minimum, by theory."""
        return (1 - 1 / (WIDTH * sqrt(5))) ** self.d

    @property
    def arrived(self) -> int:
        """How many did."""
        return int((self.zeros == 0).sum())


@dataclass(frozen=True)
class Escape:
    """Steps until the offset from the saddle is 0.1.

    Args:
        rule: a name; curvature: e.
        offsets: at the start; steps: seen; told: by theory, infinite where the saddle attracts.
    """

    rule: str
    curvature: float
    offsets: Floats
    steps: Floats
    told: Floats


@dataclass(frozen=True)
class Basins:
    """Where runs end on Himmelblau's function.

    Args:
        points: (9, 2), its critical points; index: number of negative curvatures of each.
        height: f at the maximum.
        maps: rule -> (m, m), which point a grid of starts ends at, -1 for none.
        ends: rule -> the same from random starts.
        negative: number of negative curvatures at each random start.
    """

    points: Floats
    index: NDArray[np.int64]
    height: float
    maps: dict[str, NDArray[np.int64]]
    ends: dict[str, NDArray[np.int64]]
    negative: NDArray[np.int64]

    def share(self, rule: str, index: int) -> tuple[float, float, float]:
        """Share of random starts that end at points with so many negative curvatures, and its 95% interval."""
        ends = self.ends[rule]
        hits = int(((ends >= 0) & (self.index[ends] == index)).sum())
        return hits / len(ends), *interval(hits, len(ends))


@dataclass(frozen=True)
class Saddles:
    """The numbers behind the figure.

    Args:
        fates: forms of Newton on the double well.
        dimensions: d double wells.
        escapes: from near a saddle.
        basins: on Himmelblau's function.
    """

    fates: tuple[Fates, ...]
    dimensions: tuple[Dimension, ...]
    escapes: tuple[Escape, ...]
    basins: Basins


def well(curvature: float) -> Curved:
    """The double well in (x, y) with curvatures -e and 1 at its saddle: gradients and Hessians."""

    def curved(w: Tensor) -> tuple[Tensor, Tensor]:
        x, y = w.T
        bend = torch.stack((curvature * (3 * x * x - 1), torch.ones_like(y)), 1)
        return torch.stack((curvature * (x**3 - x), y), 1), torch.diag_embed(bend)

    return curved


def wells(w: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of d double wells: gradients and Hessians."""
    return w**3 - w, torch.diag_embed(3 * w * w - 1)


def descend(rule: Rule, curved: Curved, starts: Tensor, steps: int) -> Tensor:
    """Every point after so many updates.

    Args:
        rule: Newton is given the Hessian.
        curved: the function.
        starts: (E, d), float64.
        steps: updates.

    Returns:
        (E, d).
    """
    params = {"w": starts.clone()}
    state = rule.init(params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # singular Hessians are part of what is measured
        for _ in range(steps):
            gradient, hessian = curved(params["w"])
            if isinstance(rule, Newton):
                rule.step_(params, {"w": gradient}, state, hessian=hessian)
            else:
                rule.step_(params, {"w": gradient}, state)
    return params["w"]


def textbook(lr: float, damping: float = 0.0) -> Newton:
    """Newton's step with the signs of the curvatures left as they are."""
    return Newton(lr=lr, damping=damping, absolute=False, floor=0.0)


def draw(count: int, d: int, seed: int, width: float = WIDTH) -> Tensor:
    """Uniform starts in (-width, width)^d: (count, d), float64."""
    u = torch.rand(count, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return width * (2 * u - 1)


def fates(lr: float, damping: float, count: int) -> Fates:
    """Run one form of Newton's step on the double well; see `Fates`."""
    starts = draw(count, 2, 0)
    end = descend(textbook(lr, damping * WEAK), well(WEAK), starts, 120)
    x, flat = end[:, 0].abs(), end[:, 1].abs() < 1e-3
    return Fates(
        lr, damping, starts[:, 0].numpy(), ((x < 1e-3) & flat).numpy(), (((x - 1).abs() < 1e-3) & flat).numpy()
    )


def dimension(d: int, count: int, steps: int) -> Dimension:
    """Run Newton and gradient descent on d double wells; see `Dimension`."""
    starts = draw(count, d, d)
    # Coordinates of a diagonal Hessian do not meet: each is a problem in one dimension.
    end = descend(textbook(1.0), wells, starts.reshape(-1, 1), 60).view(count, d)
    zero, one = end.abs() < 1e-6, (end.abs() - 1).abs() < 1e-6
    zeros = torch.where((zero | one).all(1), zero.sum(1), -1)
    down = descend(SGD(lr=0.4), wells, starts, steps)
    return Dimension(d, count, zeros.numpy(), int(((down.abs() - 1).abs() < 1e-3).all(1).sum()))


def escapes(offsets: Floats) -> tuple[Escape, ...]:
    """Steps away from the saddle, seen and told; see `Escape`."""
    out = []
    for e in (WEAK, WEAK / 10):
        rules: dict[str, tuple[Rule, float]] = {
            "gradient descent, lr 1": (SGD(lr=1.0), 1 + e),
            "Newton, sizes": (Newton(), 2.0),
            "Newton, damping 1.5 e": (textbook(1.0, 1.5 * e), 3.0),
            "Newton, damping 11 e": (textbook(1.0, 11 * e), 1.1),
            "Newton, textbook": (textbook(1.0), 0.0),
        }
        for name, (rule, factor) in rules.items():
            told = np.log(NEAR / offsets) / log(factor) if factor > 1 else np.full(len(offsets), inf)
            longest = int(1.2 * told.max()) + 10 if factor > 1 else 100
            out.append(Escape(name, e, offsets, _leave(rule, e, offsets, longest), told))
    return tuple(out)


def _leave(rule: Rule, e: float, offsets: Floats, most: int) -> Floats:
    now = torch.stack((torch.from_numpy(offsets), torch.full((len(offsets),), 0.5, dtype=torch.float64)), 1)
    params, state, curved = {"w": now}, rule.init({"w": now}), well(e)
    steps = np.full(len(offsets), inf)
    for t in range(most + 1):
        left = (params["w"][:, 0].abs() >= NEAR).numpy()
        steps[left & np.isinf(steps)] = t
        if np.isfinite(steps).all():
            break
        gradient, hessian = curved(params["w"])
        more = {"hessian": hessian} if isinstance(rule, Newton) else {}
        rule.step_(params, {"w": gradient}, state, **more)
    return steps


def basins(size: int, count: int, steps: int) -> Basins:
    """Run four rules on Himmelblau's function from a grid and from random starts.

    Args:
        size: of the grid's side; count: random starts; steps: of gradient descent.

    Returns:
        Basins.
    """
    points, index = critical_points()
    line = torch.linspace(-6, 6, size, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(-1, 2)
    random = draw(count, 2, 5, width=6.0)
    starts = torch.cat((grid, random))
    rules: dict[str, tuple[Rule, int]] = {
        "gradient descent": (SGD(lr=0.005), steps),
        "Newton, textbook": (textbook(1.0), 40),
        "Newton, sizes": (Newton(), 40),
        # Above the most negative curvature anywhere near: at the maximum it is -44.8.
        "Newton, damped": (textbook(1.0, 60.0), 150),
    }
    maps, ends = {}, {}
    for name, (rule, budget) in rules.items():
        end = descend(rule, himmelblau, starts, budget).numpy()
        distance = np.linalg.norm(end[:, None] - points, axis=-1)
        distance = np.where(np.isfinite(distance), distance, inf)
        where = np.where(distance.min(1) < 1e-2, distance.argmin(1), -1)
        maps[name], ends[name] = where[: size * size].reshape(size, size), where[size * size :]
    negative = (torch.linalg.eigvalsh(himmelblau(random)[1]) < 0).sum(1).numpy()
    top = points[index == 2][0]
    x, y = top
    return Basins(points, index, float((x * x + y - 11) ** 2 + (x + y * y - 7) ** 2), maps, ends, negative)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """2000 starts on each function and basins on a grid of 220 x 220; `smoke`: 200 starts, 40 x 40.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are Saddles.
    """
    count, size = (200, 40) if smoke else (2000, 220)
    many = (1, 2, 5, 10, 20)
    total, seen = len(FORMS) + len(many) + 2, 0

    def done() -> None:
        nonlocal seen
        seen += 1
        if progress:
            progress("run Newton at saddles", seen, total)

    forms, dimensions = [], []
    for form in FORMS:
        forms.append(fates(*form, count))
        done()
    for d in many:
        dimensions.append(dimension(d, count, 200))
        done()
    left = escapes(np.power(10.0, -np.arange(2.0, 11.0, 4.0 if smoke else 1.0)))
    done()
    data = Saddles(tuple(forms), tuple(dimensions), left, basins(size, count, 300))
    done()
    return Reproduction(claims(data), data)


def claims(data: Saddles) -> tuple[Claim, ...]:
    """What the runs must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    return (*_well_claims(data), *_escape_claims(data), *_basin_claims(data.basins))


def _well_claims(data: Saddles) -> list[Claim]:
    plain, n = data.fates[0], len(data.fates[0].x)
    wrong = [int((f.caught != (np.abs(f.x) < f.edge)).sum()) for f in data.fates]
    lost = [int((~(f.caught | f.arrived)).sum()) for f in data.fates]
    low, high = interval(int(plain.caught.sum()), n)
    pull = [f for f in data.fates if f.edge > 0]
    free = [f for f in data.fates if f.edge == 0]
    off = [
        abs(x.arrived - x.told * x.runs) / sqrt(x.runs * x.told * (1 - x.told) + 1e-12 + 0.25) for x in data.dimensions
    ]
    mean, rate = data.dimensions[-1], 1 / (WIDTH * sqrt(5))
    caught = mean.zeros[mean.zeros >= 0]
    error = sqrt(mean.d * rate * (1 - rate) / max(1, len(caught)))
    return [
        Claim(
            "Newton's formula without a condition on the Hessian, as the source prints it, converges to the saddle from every "
            "start with |x| < 1/√5, and to a minimum from the others; gradient descent from none",
            f"{rate:.1%} of starts uniform in ±{WIDTH}",
            f"{plain.caught.mean():.1%} ({low:.1%} to {high:.1%}) of {n} starts",
            abs(plain.caught.mean() - rate) < 4 * sqrt(rate * (1 - rate) / n),
        ),
        Claim(
            "The saddle's basin is x² < (2 - lr - 2 m)/(6 - lr), m = damping/e, to every single start, for every lr and "
            "damping tried",
            "no start ends elsewhere than predicted",
            "; ".join(
                f"lr {f.lr:g}, m {f.damping:g}: {f.caught.mean():.1%} caught, edge {f.edge:.4f}, {w} wrong"
                for f, w in zip(data.fates, wrong, strict=True)
            ),
            sum(wrong) == 0 and sum(lost) == 0,
        ),
        Claim(
            "Damping frees Newton from a saddle only if it is more than (2 - lr)/2 of the negative curvature's size; a smaller "
            "one only makes the basin smaller",
            "caught: " + ", ".join(f"m {f.damping:g} (lr {f.lr:g})" for f in pull),
            "caught: " + ", ".join(f"m {f.damping:g} (lr {f.lr:g})" for f in data.fates if f.caught.any()),
            all(f.caught.any() for f in pull) and all(f.arrived.all() for f in free),
        ),
        Claim(
            "The more dimensions, the fewer starts from which Newton finds a minimum: (1 - 1/(a√5))^d",
            ", ".join(f"d = {x.d}: {x.told:.2%}" for x in data.dimensions),
            ", ".join(f"{x.arrived / x.runs:.2%}" for x in data.dimensions),
            all(o < 4.5 for o in off),
        ),
        Claim(
            f"In {mean.d} dimensions it goes to saddles with many negative curvatures, binomially many",
            f"{mean.d * rate:.2f} negative curvatures in the mean",
            f"{caught.mean():.2f}, standard error {error:.2f}",
            abs(caught.mean() - mean.d * rate) < 4.5 * error,
        ),
        Claim(
            "Gradient descent ends at a minimum from every one of these starts",
            ", ".join(f"d = {x.d}: {x.runs} of {x.runs}" for x in data.dimensions),
            ", ".join(str(x.descent) for x in data.dimensions),
            all(x.descent == x.runs for x in data.dimensions),
        ),
    ]


def _escape_claims(data: Saddles) -> list[Claim]:
    leaving = [e for e in data.escapes if np.isfinite(e.told).all()]
    staying = [e for e in data.escapes if not np.isfinite(e.told).all()]

    def at(rule: str, e: float) -> float:
        return next(x for x in data.escapes if x.rule == rule and x.curvature == e).steps[-1]

    weak, weaker = WEAK, WEAK / 10
    far = data.escapes[0].offsets[-1]
    ratio = [at("gradient descent, lr 1", e) / at("Newton, sizes", e) for e in (weak, weaker)]
    return [
        Claim(
            "Leaving a saddle takes ln(0.1/offset)/ln(factor) steps: factor 1 + lr e for gradient descent, 2 for the sizes of "
            "the eigenvalues, |1 + 1/(m - 1)| for damping m e",
            "; ".join(f"{e.rule}, e = {e.curvature:g}: {e.told[-1]:.1f} from {far:.0e}" for e in leaving),
            "; ".join(f"{e.steps[-1]:.0f}" for e in leaving),
            # The cubic term slows the last step or two.
            all((np.abs(e.steps - np.ceil(e.told - 1e-9)) <= 1 + 0.01 * e.told).all() for e in leaving),
        ),
        Claim(
            "Newton with positive curvatures leaves faster than gradient descent, by a factor that grows as the saddle gets "
            "flatter",
            f"ln 2/ln(1 + e): {log(2) / log1p(weak):.1f} and {log(2) / log1p(weaker):.1f} times",
            f"{ratio[0]:.1f} and {ratio[1]:.1f} times",
            all(abs(r * log1p(e) / log(2) - 1) < 0.1 for r, e in zip(ratio, (weak, weaker), strict=True)),
        ),
        Claim(
            "The textbook's formula never leaves: it comes closer",
            "never",
            ", ".join(
                f"e = {e.curvature:g}: {int(np.isfinite(e.steps).sum())} of {len(e.steps)} leave" for e in staying
            ),
            all(np.isinf(e.steps).all() for e in staying),
        ),
    ]


def _basin_claims(b: Basins) -> list[Claim]:
    counts = [int((b.index == i).sum()) for i in range(3)]
    lowest = sorted(map(tuple, b.points[b.index == 0]))
    near = max(float(np.abs(np.array(p) - q).max()) for p, q in zip(sorted(MINIMA), lowest, strict=True)) \
        if len(lowest) == 4 else inf  # fmt: skip
    down, book, sizes, damped = ({i: b.share(rule, i) for i in range(3)} for rule in COMPARED)

    def words(shares: dict[int, tuple[float, float, float]], index: int) -> str:
        value, low, high = shares[index]
        return f"{value:.1%} ({low:.1%} to {high:.1%})"

    same = {
        i: float(
            ((b.ends["Newton, textbook"] >= 0) & (b.index[b.ends["Newton, textbook"]] == i))[b.negative == i].mean()
        )
        for i in range(3)
    }
    return [
        Claim(
            "Himmelblau's function has 4 minima, 4 saddles and 1 maximum, at the published places",
            f"4, 4, 1 (their alternating sum must be 1); maximum {HEIGHT}",
            f"{counts}; minima within {near:.0e} of the published ones, maximum {b.height:.3f}",
            counts == [4, 4, 1] and near < 1e-5 and abs(b.height - HEIGHT) < 1e-3,
        ),
        Claim(
            "There textbook Newton ends at saddles, and at the maximum, from a good part of random starts; gradient descent "
            "and both repaired forms from none",
            "textbook: more than 10% saddles and more than 1% maximum; others: 0",
            f"textbook: {words(book, 1)} saddles, {words(book, 2)} maximum; gradient descent: {words(down, 1)}; sizes: "
            f"{words(sizes, 1)}; damped: {words(damped, 1)}",
            book[1][1] > 0.1 and book[2][1] > 0.01 and all(s[i][0] == 0 for s in (down, sizes, damped) for i in (1, 2)),
        ),
        Claim(
            "Gradient descent and the repaired forms end at minima",
            "more than 99% of starts",
            f"gradient descent {words(down, 0)}; sizes {words(sizes, 0)}; damped {words(damped, 0)}",
            all(s[0][0] > 0.99 for s in (down, sizes, damped)),
        ),
        Claim(
            "The number of negative curvatures where it starts tells most often where textbook Newton ends",
            "more often than not, for each number",
            ", ".join(f"{i} negative: {share:.0%} end at a point with {i}" for i, share in same.items()),
            all(share > 0.5 for share in same.values()),
        ),
    ]


def figure(reproduction: Reproduction) -> Figure:
    """Basins of three rules above; below: the share caught in d dimensions, and the steps to leave.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._newton_saddle_figure import draw as draw_figure

    return draw_figure(reproduction.data)
