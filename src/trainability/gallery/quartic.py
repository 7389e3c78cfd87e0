"""Gradient descent on x⁴: for which start and learning rate it converges, for ever flips, and diverges.

    x <- x - lr 4x³ = x (1 - u),   u = 4 lr x²,   u <- u (1 - u)²

Prediction: all depends on u0 = 4 lr x0² alone. Below 2 |x| shrinks at every step, at 2 it flips between x0 and -x0 for
ever, above 2 it grows. The runs take the package's update rule and autograd's gradient of x⁴.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import single_thread
from trainability.optimizers import SGD
from trainability.theory.stability import quartic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Gradient descent on x⁴: start and learning rate decide together whether it converges"
SOURCE = (
    "A public question, a ReLU network that does not converge from weights in [-1, 1], and its answer: the toy example "
    "x⁴ and the condition |lr grad| < 1."
)

Array = NDArray[np.float64]
CREEPS, OVERSHOOTS, DIVERGES, UNDECIDED = 0, 1, 2, 3
"""Kinds in the plane: converges with its sign kept, converges having changed it, diverges, and none of these."""

EXAMPLES = ((0.4, 3.2), (10.0, 0.004), (0.25, 8.0))
"""(x0, lr): |lr f'| < 1 and diverges; > 1 and converges; < 1 on the whole path and flips for ever."""


@dataclass(frozen=True)
class Quartic:
    """The numbers behind the figure.

    Args:
        starts: x0 `(S,)`; lrs: `(L,)` of the plane.
        kinds: what was seen, codes of this module, `(L, S)`.
        edge_starts: x0 at which the largest lr that converges was searched for by bisection; edges: what was found.
        flips: (x0, lr, largest difference from |x0| in 10⁴ steps, changes of sign) where u0 = 2 to the last digit.
        repelled: factor per step by which u leaves 2.
        late_lrs: lrs of long runs; late_starts: their x0; late_times: steps at which they were looked at `(T,)`.
        late: |x| at those times `(T, M)`.
        examples: for each of `EXAMPLES`: |lr f'| at the start, the largest on the path, |x| after 2000 steps.
    """

    starts: Array
    lrs: Array
    kinds: NDArray[np.int64]
    edge_starts: Array
    edges: Array
    flips: tuple[tuple[float, float, float, int], ...]
    repelled: float
    late_lrs: Array
    late_starts: Array
    late_times: Array
    late: Array
    examples: tuple[tuple[float, float, float], ...]

    @property
    def product(self) -> Array:
        """u0 = 4 lr x0² in the plane `(L, S)`."""
        return np.asarray(4 * self.lrs[:, None] * self.starts**2)

    @property
    def told_kinds(self) -> NDArray[np.int64]:
        """The kinds that u0 tells: below 1, below 2, above."""
        u = self.product
        return np.where(u < 1, CREEPS, np.where(u < 2, OVERSHOOTS, DIVERGES))

    @property
    def small_step(self) -> NDArray[np.bool_]:
        """Where the source's condition holds at the start: |lr f'(x0)| < 1."""
        return np.asarray(4 * self.lrs[:, None] * self.starts**3 < 1)


def descend(starts: Array, lrs: Array, steps: int, keep: Array | None = None) -> Array:
    """Run the package's SGD on x⁴, one member for each pair.

    Args:
        starts: x0 `(E,)`; lrs: `(E,)`.
        steps: how many.
        keep: steps to give, whole numbers, rising; all if not told.

    Returns:
        x at those steps `(len(keep), E)`; not finite where it diverged.
    """
    rule = SGD(lr=torch.from_numpy(np.ascontiguousarray(lrs)))
    params = {"x": torch.from_numpy(np.array(starts, dtype=np.float64))[:, None]}
    state, wanted = rule.init(params), set(range(steps + 1) if keep is None else keep.astype(int).tolist())
    out = [params["x"][:, 0].numpy().copy()] if 0 in wanted else []
    for t in range(1, steps + 1):
        x = params["x"].requires_grad_()
        (slope,) = torch.autograd.grad((x * x * x * x).sum(), x)
        params = {"x": x.detach()}
        rule.step_(params, {"x": slope}, state)
        if t in wanted:
            out.append(params["x"][:, 0].numpy().copy())
    return np.stack(out)


def kinds(starts: Array, lrs: Array, steps: int) -> NDArray[np.int64]:
    """What becomes of each pair, by its path alone.

    Args:
        starts: x0 > 0 `(E,)`; lrs: `(E,)`.
        steps: how many; 60 are enough, since u leaves 2 by a factor 5 per step.

    Returns:
        Codes `(E,)`: diverges if not finite or 1000 times the start, converges if |x| fell at every step.
    """
    path = descend(starts, lrs, steps)
    with np.errstate(all="ignore"):
        size, changed = np.abs(path), (path[1:] * path[:-1] < 0).any(axis=0)
        falls = ((size[1:] < size[:-1]) | (size[1:] == 0)).all(axis=0)
        found = np.where(falls, np.where(changed, OVERSHOOTS, CREEPS), UNDECIDED)
        return np.asarray(np.where(~(size[-1] < 1e3 * starts), DIVERGES, found))


def edges(starts: Array, steps: int = 100) -> Array:
    """The largest lr that converges, for each start, by bisection on runs.

    Args:
        starts: x0 > 0.
        steps: of each run.

    Returns:
        lr `(S,)`.
    """
    low, high = np.full(len(starts), 1e-9), np.full(len(starts), 1e9)
    for _ in range(75):
        middle = np.sqrt(low * high)
        with np.errstate(all="ignore"):
            shrinks = np.abs(descend(starts, middle, steps, np.array([steps]))[-1]) < starts
        low, high = np.where(shrinks, middle, low), np.where(shrinks, high, middle)
    return np.asarray(np.sqrt(low * high))


def flip(start: float, steps: int = 10_000) -> tuple[float, float, float, int]:
    """Run from u0 = 2, which for a start that is a power of 2 is exact."""
    lr = float(quartic.largest_stable_lr(start))
    path = descend(np.array([start]), np.array([lr]), steps)[:, 0]
    return start, lr, float(np.abs(np.abs(path) - start).max()), int((path[1:] * path[:-1] < 0).sum())


def leaves() -> float:
    """Factor per step by which u leaves 2, from a start 1e-13 off."""
    u = 4 * 0.5 * descend(np.array([1 + 1e-13]), np.array([0.5]), 12)[:, 0] ** 2
    return float(((u[12] - 2) / (u[2] - 2)) ** 0.1)


def example(start: float, lr: float, steps: int = 2000) -> tuple[float, float, float]:
    """One of `EXAMPLES`: |lr f'| at the start and at most on the path, and |x| in the end."""
    path = descend(np.array([start]), np.array([lr]), steps)[:, 0]
    with np.errstate(all="ignore"):
        step = np.abs(4 * lr * path**3)
    return float(step[0]), float(np.nanmax(step)), float(np.abs(path[-1]))


@single_thread()  # tensors are small: threads would wait for each other
def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """A plane of 240 × 240 runs and long runs of 10⁵ steps; `smoke`: 60 × 60 and 10⁴.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Quartic.
    """
    size = 60 if smoke else 240
    starts, lrs = np.geomspace(0.05, 20.0, size), np.geomspace(5e-4, 200.0, size)
    seen = kinds(np.tile(starts, size), np.repeat(lrs, size), 60).reshape(size, size)
    if progress:
        progress("run the plane", 1, 3)
    edge_starts = np.geomspace(0.05, 20.0, 9 if smoke else 41)
    found = edges(edge_starts)
    if progress:
        progress("search the edge", 2, 3)
    u0, late_starts = np.array([0.02, 0.3, 1.5, 1.9]), np.array([0.1, 1.0, 3.0, 0.5])
    late_lrs = u0 / (4 * late_starts**2)
    last = 4 if smoke else 5
    times = np.unique(np.round(np.geomspace(1, 10**last, int(8 * last) + 1))).astype(np.float64)
    late = np.abs(descend(late_starts, late_lrs, int(times[-1]), times))
    if progress:
        progress("run long", 3, 3)
    data = Quartic(
        starts=starts,
        lrs=lrs,
        kinds=seen,
        edge_starts=edge_starts,
        edges=found,
        flips=tuple(flip(start, 1000 if smoke else 10_000) for start in (0.25, 1.0, 8.0)),
        repelled=leaves(),
        late_lrs=late_lrs,
        late_starts=late_starts,
        late_times=times,
        late=late,
        examples=tuple(example(*pair) for pair in EXAMPLES),
    )
    return Reproduction(claims(data), data)


def claims(data: Quartic) -> tuple[Claim, ...]:
    """What the runs must show.

    Args:
        data: from `run`.

    Returns:
        Claims; where the source is wrong or imprecise, the claim says so.
    """
    cells = data.kinds.size
    wrong = int((data.kinds != data.told_kinds).sum())
    edge = float(np.abs(data.edges / quartic.largest_stable_lr(data.edge_starts) - 1).max())
    last = data.late_times[-1]
    ratio = data.late[-1] / quartic.late(data.late_lrs, last)
    # 1/u grows by 2 + 3u + ... in a step, and u is near 1/(2t): by 2 and (3/2) ln(1/u) in all.
    begin = int(np.abs(data.late_times - last / 10).argmin())
    inverse = 1 / (4 * data.late_lrs * data.late[[begin, -1]] ** 2)
    grown = inverse[1] - inverse[0] - 2 * (last - data.late_times[begin])
    told_grown = 1.5 * np.log(inverse[1] / inverse[0])
    passes = (data.small_step & (data.kinds == DIVERGES)).sum(), (~data.small_step & (data.kinds < DIVERGES)).sum()
    told_passes = (
        int((data.small_step & (data.told_kinds == DIVERGES)).sum()),
        int((~data.small_step & (data.told_kinds < DIVERGES)).sum()),
    )
    one, two, three = data.examples
    fates = [quartic.fate(*pair) for pair in EXAMPLES]
    return (
        Claim(
            "Descent converges iff 0 < 4 lr x0² < 2, and diverges above; below 1 it keeps its sign",
            f"the kind of all {cells} runs of the plane",
            f"{wrong} differ",
            wrong == 0,
        ),
        Claim(
            "The largest lr that converges from x0 is 1/(2 x0²), three times 2 over the curvature there, 12 x0²",
            "4 lr x0² = 2; lr times the curvature at the start 6",
            f"within {edge:.1e} at {len(data.edges)} starts; {float(np.median(12 * data.edges * data.edge_starts**2)):.6f}",
            edge < 1e-6,
        ),
        Claim(
            "At 4 lr x0² = 2, which the source leaves out, x flips between x0 and -x0 for ever",
            "|x| the same to the last digit, a change of sign at every step",
            "; ".join(f"from {x:g}: off by {off:g}, {n} changes" for x, _, off, n in data.flips),
            all(off == 0 and n >= 1000 for *_, off, n in data.flips)
            and all(quartic.fate(x, lr) == "flips" for x, lr, _, _ in data.flips),
        ),
        Claim(
            "That cycle repels: a start beside it leaves by a factor 5 per step, the slope of u (1 - u)² at 2",
            "5",
            f"{data.repelled:.4f}",
            abs(data.repelled - 5) < 0.01,
        ),
        Claim(
            f"Convergence is slower than any rate^t: x over 1/sqrt(8 lr t), from four starts, at t = {last:.0f}",
            f"1, to {60 / last:.1g}",
            ", ".join(f"{r:.5f}" for r in ratio),
            bool((np.abs(ratio - 1) < 60 / last).all()),
        ),
        Claim(
            "In the last tenfold of steps 1/u = 1/(4 lr x²) grows by 2 a step, and by (3/2) ln of its own growth more",
            ", ".join(f"{g:.4f}" for g in told_grown) + " more",
            ", ".join(f"{g:.4f}" for g in grown),
            bool((np.abs(grown - told_grown) < 20 / data.late_times[begin]).all()),
        ),
        Claim(
            "The source's |lr grad| < 1 at the start is not sufficient: x0 = 0.4, lr = 3.2",
            f"|lr grad| = {4 * 3.2 * 0.4**3:.4f}, {fates[0]}",
            f"{one[0]:.4f}, |x| after 2000 steps {one[2]:g}",
            one[0] < 1 and not one[2] < 1e3 and fates[0] == "diverges",
        ),
        Claim(
            "Nor is it necessary: x0 = 10, lr = 0.004",
            f"|lr grad| = {4 * 0.004 * 10.0**3:.4f}, {fates[1]}, |x| after 2000 steps {quartic.late(0.004, 2000):.4f} or so",
            f"{two[0]:.4f}, |x| {two[2]:.4f}",
            two[0] > 1 and fates[1] == "converges" and abs(two[2] / quartic.late(0.004, 2000) - 1) < 0.02,
        ),
        Claim(
            "It does not help to ask for it along the whole path, as the source does: x0 = 1/4, lr = 8",
            "|lr grad| = 0.5 for ever, and |x| = 1/4 for ever",
            f"at most {three[1]:g}; |x| after 2000 steps {three[2]:g}",
            three[1] == 0.5 and three[2] == 0.25 and fates[2] == "flips",
        ),
        Claim(
            "Runs of the plane that the source's condition judges wrongly: passed and diverged, failed and converged",
            f"{told_passes[0]} and {told_passes[1]} of {cells}",
            f"{passes[0]} and {passes[1]}",
            tuple(int(p) for p in passes) == told_passes and min(told_passes) > 0,
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """The plane of start and lr, paths around the edge, and the late rate.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._quartic_figure import draw

    return draw(reproduction.data)
