"""Basins of the exact loss: which critical point each start of a plane reaches, how long it takes, and where the line runs.

Three planes of starts, gradient descent on the population loss from each. (a) Six students that share a symmetry, w_1 =
(x, y, ..., y): x > y goes to the teacher, x < y to the spurious minimum of type A; the separatrix is x = y, and two critical
points lie on it. (b) Seven students, the plane through two orders of the teacher and the spurious minimum of type II. (c)
One ReLU: every start arrives, but for the ray opposite to the teacher; starts near it take T = 2 log(pi r/(delta tol)).

The boundaries are smooth, so that the uncertainty exponent is 1, the dimension 1, and the basin entropy that of a line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._basins_planes import (
    GAPS,
    LR,
    SIDE,
    TOL,
    UNITS,
    Data,
    K,
    One,
    Plane,
    one_relu,
    random_plane,
    settled,
    symmetric_plane,
    time_per_decade,
    zoomed,
)
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.theory import single_relu, symmetric_dynamics, wilson
from trainability.theory.families import flipped
from trainability.theory.teacher_student import minimum_spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Basins: which critical point each start reaches, and when"
SOURCE = (
    "Tian 2017, arXiv 1703.00560, Theorem 5 (one ReLU) and Theorem 7 (the symmetric plane); Safran and Shamir 2018, arXiv "
    "1712.08968 (the spurious minimum). The maps, times and boundaries are measured here."
)

SURE = 0.999
"""Confidence of the intervals that claims are tested with; figures show 0.95."""


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Map the three planes on some 40,000 to 50,000 starts each; `smoke` on some 1500.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Data.
    """

    def tell(done: int) -> None:
        if progress:
            progress("map the planes", done, 3)

    shape, random = ((40, 35), 300) if smoke else ((220, 215), 4000)
    symmetric = symmetric_plane(shape, random)
    tell(1)
    # The small version follows two boundaries that settle within two rounds; others take 14, or more than 40.
    plane = random_plane(shape, random, slice(4, 6) if smoke else slice(8))
    tell(2)
    one = one_relu((40, 40) if smoke else (200, 200), 0.04 if smoke else 0.01)
    tell(3)
    data = Data(symmetric, plane, zoomed(plane, (60, 55) if smoke else shape), one, time_per_decade())
    return Reproduction(claims(data), data)


def claims(data: Data) -> tuple[Claim, ...]:
    """What the maps must show.

    Args:
        data: from `run`.

    Returns:
        Claims. An interval that a claim is tested with covers 99.9%.
    """
    return (*_symmetric(data), *_plane(data.plane), *_boundaries(data), *_one(data.one))


def _symmetric(data: Data) -> list[Claim]:
    plane = data.symmetric
    s, t = plane.made.slice.axes
    wrong = int((plane.made.labels != (t[:, None] > s[None, :])).sum())
    off = float(np.abs(plane.line.points[:, 0] - plane.line.points[:, 1]).max()) if len(plane.line.points) else math.nan
    whole = 2 * SIDE * math.sqrt(2)
    seen = [float(p.point[0, 0]) for p in plane.passed]
    told = [symmetric_dynamics.saddle(K)[0], symmetric_dynamics.opposite_point(K)[0]]
    low, many = symmetric_dynamics.saddle_spectrum(K)[0]
    saddle, teacher, other = plane.passed[0].saddle, plane.ends[0], plane.ends[1]
    slope = LR * math.log(10) / math.log1p(-LR * low)
    exact = symmetric_dynamics.newton(-0.66, 0.33, K) or (math.nan, math.nan)
    apart = max(abs(other.W[0, 0] - exact[0]), abs(other.W[0, 1] - exact[1]))
    return [
        Claim(
            f"Symmetric plane, K = {K}: x > y reaches the teacher and x < y type A, also far outside the square of Theorem 7",
            "0 starts otherwise",
            f"{wrong} of {plane.made.labels.size}",
            wrong == 0,
        ),
        Claim(
            "Both ends are minima of the full problem, the second of them spurious",
            f"the plane's field vanishes at ({exact[0]:.6f}, {exact[1]:.6f})",
            f"least eigenvalues {teacher.spectrum[0]:.5f}, {other.spectrum[0]:+.5f}; type A at {apart:.0e} from there, loss "
            f"{other.loss:.6f}",
            teacher.kind == other.kind == "minimum" and apart < 1e-8 and other.loss > 0.05 and other.name == "type A",
        ),
        Claim(
            "The separatrix is x = y, for x > 0 and for x < 0",
            f"|x - y| = 0 on a line of length {whole:.3f}, less a cell",
            f"|x - y| <= {off:.0e}, bisected to {plane.line.accuracy:.0e}; length {plane.line.length:.3f}",
            off <= 2 * plane.line.accuracy + 1e-12 and 0.95 * whole < plane.line.length <= whole,
        ),
        Claim(
            "Starts bisected to 1e-12 from it are slowest at the critical points of the line: the saddle of Theorem 7, and for "
            "x < 0 one that is not in the paper",
            "x = y = " + " and ".join(f"{v:.6f}" for v in told),
            ", ".join(f"{v:.6f}" for v in seen),
            len(seen) == 2 and all(abs(a - b) < 2e-3 for a, b in zip(seen, told, strict=True)),
        ),
        Claim(
            "That saddle has index 1 in the plane only; in the full problem (K - 1)² directions go down",
            f"{many} eigenvalues of {low:.5f}",
            f"{saddle.index} negative, {saddle.spectrum[0]:.5f} to {saddle.spectrum[max(saddle.index - 1, 0)]:.5f}",
            saddle.index == many and bool(np.abs(saddle.spectrum[:many] - low).max() < 1e-3),
        ),
        Claim(
            "A start ten times nearer to the separatrix takes longer by lr log 10/log(1 + lr |eigenvalue|)",
            f"{slope:.4f}",
            f"{data.decade:.4f}",
            abs(data.decade - slope) < 0.03 * slope,
        ),
        Claim(
            "Descent on the two variables of Theorem 7 sends starts to the same ends",
            "all",
            f"{plane.agreed} of {plane.checked}",
            plane.agreed == plane.checked > 0,
        ),
    ]


def _plane(plane: Plane) -> list[Claim]:
    kinds = [p.name for p in plane.ends]
    spectrum = minimum_spectrum(UNITS)
    teachers = [p for p in plane.ends if p.name == "global minimum"]
    others = [p for p in plane.ends if p.name == "type II"]
    far = max((float(np.abs(p.spectrum - spectrum).max()) for p in teachers), default=math.nan)
    off = max((abs(p.loss - flipped(UNITS, 1).loss) for p in others), default=math.nan)
    grid = {i: float((plane.made.labels == i).mean()) for i in range(-1, len(kinds))}
    spans = {i: wilson.interval(int((plane.drawn == i).sum()), plane.drawn.size, SURE) for i in grid}
    shown = [i for i in grid if i >= 0 and grid[i] > 0.02]
    teacher = sum(grid[i] for i, name in enumerate(kinds) if name == "global minimum")
    counted = sum(int((plane.drawn == i).sum()) for i, name in enumerate(kinds) if name == "global minimum")
    span = wilson.interval(counted, plane.drawn.size, SURE)
    rest = settled(plane)
    return [
        Claim(
            f"Plane through three minima, k = {UNITS}: every run ends, in an order of the teacher or a minimum of type II",
            "Hessians of the teacher with the closed form's spectrum; of type II positive definite, the exact family's loss",
            f"{len(teachers)} orders of the teacher (spectrum to {far:.0e}), {len(others)} of type II (loss to {off:.0e}, "
            f"least eigenvalue {min((p.spectrum[0] for p in others), default=math.nan):.6f}), {grid[-1]:.0%} without end",
            len(teachers) >= 2
            and len(others) >= 1
            and len(teachers) + len(others) == len(kinds)
            and far < 1e-7
            and off < 1e-10
            and all(p.kind == "minimum" for p in plane.ends)
            and grid[-1] == 0,
        ),
        Claim(
            "Up to the order of units, the grid's share of the teacher is that of random starts",
            f"{100 * span[0]:.1f}% to {100 * span[1]:.1f}% ({plane.drawn.size} random starts)",
            f"{100 * teacher:.1f}% of the grid",
            span[0] <= teacher <= span[1],
        ),
        Claim(
            "and so is the share of every single order",
            ", ".join(f"{100 * spans[i][0]:.1f} to {100 * spans[i][1]:.1f}%" for i in shown),
            ", ".join(f"{100 * grid[i]:.1f}%" for i in shown),
            all(spans[i][0] <= share <= spans[i][1] for i, share in grid.items()),
        ),
        Claim(
            "Runs kept on a boundary come to rest at a saddle of index 1",
            "index 1; at least three of four boundaries settle",
            f"{len(rest)} of {len(plane.passed)} settled, index {', '.join(str(p.saddle.index) for p in rest)}, losses "
            f"{', '.join(f'{p.saddle.loss:.5f}' for p in rest)}, nearest "
            f"{max((p.distance for p in rest), default=math.nan):.0e} at most"
            + "".join(
                f"; one still moves at gradient norm {p.gradient_norm:.0e}" for p in plane.passed if p not in rest
            ),
            len(rest) >= max(1, 0.75 * len(plane.passed))
            and all(p.saddle.index == 1 and p.saddle.nullity == 0 and p.saddle.gradient_norm < 1e-10 for p in rest),
        ),
        Claim(
            "Gradient flow sends starts two cells or more from a boundary to the same ends",
            "all",
            f"{plane.agreed} of {plane.checked}",
            plane.agreed == plane.checked > 0,
        ),
    ]


def _boundaries(data: Data) -> list[Claim]:
    out = []
    for name, edge in (("x = y", data.symmetric.edge), ("teacher against type II", data.zoom)):
        low, high = edge.exponent.interval()
        dimension, share = edge.boxes.dimension, edge.exponent.uncertain
        room = 0.03
        out += [
            Claim(
                f"Smooth boundary, {name}: uncertainty exponent 1, and dimension 1 by counting boxes",
                f"1 in the fit's 95% interval widened by {room}; 2 - dimension equal to the exponent to {2 * room}",
                f"exponent {edge.exponent.exponent:.3f} ({low:.3f} to {high:.3f}), dimension {dimension:.3f}",
                low - room <= 1 <= high + room and abs(2 - dimension - edge.exponent.exponent) < 2 * room,
            ),
            Claim(
                f"{name}: the uncertain share is 2 eps times the extent of the boundary over the area",
                ", ".join(f"{v:.4f}" for v in edge.share),
                ", ".join(f"{v:.4f}" for v in share),
                bool(np.all(np.abs(share - edge.share) <= 0.06 * edge.share)),
            ),
            Claim(
                f"{name}: the basin entropy is that of a line, below log 2 in its boxes",
                f"S_b {edge.smooth.total:.4f}, S_bb {edge.smooth.boundary:.4f}",
                f"S_b {edge.entropy.total:.4f}, S_bb {edge.entropy.boundary:.4f}",
                abs(edge.entropy.total / edge.smooth.total - 1) < 0.1
                and abs(edge.entropy.boundary / edge.smooth.boundary - 1) < 0.1
                and edge.entropy.boundary < math.log(2),
            ),
        ]
    whole = data.plane.edge.exponent
    slopes = np.diff(np.log(whole.uncertain)) / np.diff(np.log(whole.distance))
    out.append(
        Claim(
            "In the whole plane basins taper to points, narrower than the errors: the fitted exponent is below 1 though every "
            "boundary is smooth, and its slope rises as errors get smaller",
            "slope below 1, above 0.9 at the smallest errors, less at the largest",
            f"fit {whole.exponent:.3f}; slopes {', '.join(f'{v:.3f}' for v in slopes)}",
            bool(slopes[-1] < slopes[0] < 1) and slopes[0] > 0.9,
        )
    )
    return out


def _one(one: One) -> list[Claim]:
    law = np.array([single_relu.time_law(1.0, gap, 2 * TOL) for gap in GAPS])
    ratio = one.sample[:, 0] / one.sample[:, 1]
    return [
        Claim(
            "One ReLU in the plane: every start off the opposite ray reaches the teacher (the theorem has half a small disc)",
            "all",
            f"{one.arrived} of {one.starts}",
            one.arrived == one.starts,
        ),
        Claim(
            "Starts on the ray end at w = 0, which is no critical point but has no gradient",
            f"|w| = {2 * TOL:.0e}, where the gradient norm is {TOL:.0e}",
            f"|w| <= {one.ray.max():.1e}",
            bool((one.ray <= 2 * TOL).all()),
        ),
        Claim(
            "The time from angle delta off the ray tends to 2 log(pi r/(delta tol)); lr extrapolated to 0",
            ", ".join(f"{v:.3f}" for v in law),
            ", ".join(f"{v:.3f}" for v in one.times),
            bool(np.all(np.abs(one.times - law)[1:] < 0.06) and abs(one.times - law)[0] < 0.3),
        ),
        Claim(
            "The map's times are those of gradient flow in polar coordinates, to the order of lr",
            f"ratio within {one.made.lr / 2:.3f} of 1",
            f"{ratio.min():.4f} to {ratio.max():.4f}",
            bool(np.all(np.abs(ratio - 1) < one.made.lr / 2)),
        ),
    ]


def figure(reproduction: Reproduction) -> Figure:
    """The three planes: basins as colours, the time to reach as their darkness, separatrices, and critical points.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.figure import Figure

    from trainability.gallery._basins_panels import one_panel, plane_panel, symmetric_panel
    from trainability.plots import basins as plot

    data: Data = reproduction.data
    picture = Figure(figsize=(13.5, 6.4), dpi=150, layout="constrained")
    drawn = (symmetric_panel(data.symmetric), plane_panel(data.plane), one_panel(data.one))
    plot.draw_matplotlib(plot.Basins(drawn), list(picture.subplots(1, 3)))
    return picture
