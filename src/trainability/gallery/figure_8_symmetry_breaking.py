"""Figure 8 and Theorem 7 of the founding paper: K students break their symmetry, in a plane that the gradient keeps.

Student j is w_j = x v_j + y sum_{i != j} v_i. `theory.symmetric_dynamics` has the flow of (x, y); here it is held
against the dense gradient and Hessian of all K² weights, and against the published run: explicit Euler, step 0.01,
1000 steps from (1e-3, 0).

Two things the source does not say are measured. Its region is x > y; from x < y the flow goes to another point, for
K = 2 the teacher with its rows exchanged, from K = 3 on the one where every student points away from its teacher, a
minimum of the full problem from K = 6 on. And its curves are those of the step: the first one is longer than the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._figure_8 import LR, START, STEPS, Middle, Sides, Symmetry, X, Y, middle, path, sides
from trainability.theory import symmetric_dynamics as plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

TITLE = "Figure 8: symmetric students break their symmetry, seen from both sides of x = y"
SOURCE = "Tian 2017, arXiv 1703.00560, Figure 8 and Theorem 7; the side x < y and the step's effect were measured here."

EVERY = (0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999)
PUBLISHED = {
    2: ((0.998001, 0.45639, 0.324943, 0.233441, 0.15082, 0.086797, 0.045529, 0.022406, 0.010586, 0.004876, 0.002228),
        0.361163, 221, 808),
    5: ((0.998001, 0.3796543, 0.1283947, 0.03338474, 0.007867422, 0.001783257, 3.974909e-4, 8.793712e-5, 1.938720e-5,
         4.267369e-6, 9.529220e-7), 0.163867, 88, 384),
}  # fmt: skip
"""Squared errors at the steps `EVERY`, highest y and its step, first step below 0.01: the published code's formulas and
protocol in an independent program, printed to six decimals (K = 2) or seven digits."""


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Everything for K up to 20; `smoke`: up to 10, fewer starts, no very small steps.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Symmetry.
    """
    lrs = (3e-3, 1e-3, 3e-4) if smoke else (3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
    sizes = (2, 3, 4, 5, 6, 10) if smoke else (2, 3, 4, 5, 6, 7, 10, 20)
    total = 3 + 2 * len(sizes)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress:
            progress("follow the students", done, total)

    paths, middles, both = [], [], []
    for K in (2, 5, 10):
        paths.append(path(K, lrs))
        tell()
    for K in sizes:
        middles.append(middle(K))
        tell()
    for K in sizes:
        both.append(sides(K, 21 if smoke else 101, 8 if smoke else 32))
        tell()
    data = Symmetry(tuple(paths), tuple(middles), tuple(both))
    return Reproduction(claims(data), data)


def claims(data: Symmetry) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    by = {p.K: p for p in data.paths}
    out = []
    for K, (errors, top, step, first) in PUBLISHED.items():
        p = by[K]
        seen = p.error[list(EVERY)]
        close = np.abs(seen - errors) <= np.maximum(1e-6 * np.array(errors), 5.1e-7 if K == 2 else 0.0)
        out.append(
            Claim(
                f"K = {K}: the published run (Euler, step 0.01, 1000 steps) gives the errors of an independent program "
                "at steps 0, 100, ..., 900, 999, its highest y and the first step with an error below 0.01",
                f"{', '.join(f'{e:.6g}' for e in errors)}; y {top:.6f} at step {step}; step {first}",
                f"{', '.join(f'{e:.6g}' for e in seen)}; y {p.y.max():.6f} at step {int(p.y.argmax())}; step {p.first}",
                bool(close.all()) and abs(p.y.max() - top) < 5.1e-7 and (int(p.y.argmax()), p.first) == (step, first),
            )
        )
    few, most = data.paths, data.sides
    fronts = [p.first for p in few]
    times = [p.time for p in few]
    lowest = [min(p.tops)[0] for p in few]
    gaps = [[1 - value / p.top[1] for _, value in p.tops] for p in few]
    minimum = [s for s in most if s.K > 2]
    apart = [np.hypot(m.slowest[0] - m.saddle, m.slowest[1] - m.saddle) for m in data.middles]
    spectra = [float(np.abs(m.told - m.seen).max()) for m in data.middles]
    return (
        *out,
        Claim(
            "The plane is kept: the same run on all K² weights never leaves it",
            "difference 0 up to rounding, below 1e-11",
            ", ".join(f"K = {p.K}: {p.gap:.0e}" for p in few),
            all(p.gap < 1e-11 for p in few),
        ),
        Claim(
            "Larger K is faster, as the source says: first step with a squared error below 0.01",
            "falling with K, as the flow's times: " + ", ".join(f"{t:.3f}" for t in times),
            ", ".join(f"K = {p.K}: step {p.first}" for p in few),
            bool((np.diff(fronts) < 0).all() and (np.diff(times) < 0).all()),
        ),
        Claim(
            "The detour: y first rises, at a rate that is the same for every K, although it ends at 0",
            f"dy/dt = (1 - x)/4 = {(1 - START[0]) / 4:.5f}, then back: the last y below 10% of the highest",
            ", ".join(f"K = {p.K}: {p.rise:.5f}, up to {p.y.max():.4f}, last {p.y[-1]:.1e}" for p in few),
            all(abs(p.rise - (1 - START[0]) / 4) < 1e-12 and 0 <= p.y[-1] < 0.1 * p.y.max() for p in few),
        ),
        Claim(
            "IMPRECISE in the source: its curves depend on the Euler step, the first of which is longer than the start; "
            f"highest y for steps from {LR:g} down to {lowest[0]:g}, against the flow's",
            ", ".join(f"K = {p.K}: {p.top[1]:.6f}" for p in few)
            + "; 5% or more away at 0.01, nearer with each smaller step, "
            "to 2%",
            "; ".join(
                f"K = {p.K}: {', '.join(f'{value:.6f}' for _, value in p.tops)}; first step {p.first_step:.0f} times the start"
                for p in few
            ),
            all(p.first_step > 1 for p in few)
            and all(g[0] > 0.05 and bool((np.diff(np.abs(g)) < 0).all()) and abs(g[-1]) < 0.02 for g in gaps),
        ),
        Claim(
            "The saddle of Theorem 7: closed form against Newton (10 digits), and against the slowest point of a flow that "
            "starts beside x = y (to 1e-3)",
            ", ".join(f"K = {m.K}: {m.saddle:.10f}" for m in data.middles),
            ", ".join(f"{m.newton[0]:.10f} and {m.slowest[0]:.4f}" for m in data.middles),
            all(abs(m.newton[0] - m.saddle) < 1e-10 for m in data.middles) and all(a < 1e-3 for a in apart),
        ),
        Claim(
            "NOT IN THE SOURCE: a second critical point on x = y, beyond 0, where all students point away",
            ", ".join(f"K = {m.K}: {m.opposite:.8f}" for m in data.middles),
            ", ".join(f"{m.newton[1]:.8f}" for m in data.middles),
            all(abs(m.newton[1] - m.opposite) < 1e-10 for m in data.middles),
        ),
        Claim(
            "The saddle's eigenvalues in the full problem: the lowest (K-1)² times, 0 K-1 times, K/2 + lowest K-1 times, "
            "K/2 once",
            ", ".join(f"K = {m.K}: lowest {m.told[0]:.5f}" for m in data.middles),
            ", ".join(f"{m.seen[0]:.5f}" for m in data.middles) + f" (dense Hessian); all K² to {max(spectra):.0e}",
            all(s < 1e-9 for s in spectra),
        ),
        Claim(
            "From x > y every start reaches the teacher (the source: those with 0 < x <= 1, 0 <= y <= 1)",
            "100%: x = y is not crossed, and one minimum lies on this side",
            ", ".join(f"K = {s.K}: {s.teacher} of {s.right}" for s in most),
            all(0 < s.right == s.teacher and s.minima[0] == 1 for s in most),
        ),
        Claim(
            "NOT COVERED by the source: from x < y every start reaches another point: for K = 2 the teacher with rows "
            "exchanged, from K = 3 on the one with all students flipped (type A)",
            "100% to " + ", ".join(f"K = {s.K}: ({s.told[0]:.6f}, {s.told[1]:.6f})" for s in most),
            ", ".join(f"K = {s.K}: {s.other} of {s.left} to ({s.end[0]:.6f}, {s.end[1]:.6f})" for s in most),
            all(
                0 < s.left == s.other
                and s.minima[1] == 1
                and np.hypot(s.end[0] - s.told[0], s.end[1] - s.told[1]) < 1e-8
                for s in most
            ),
        ),
        Claim(
            "That point attracts in the plane for every K, but is a minimum of the full problem only from K = 6 on: least "
            "eigenvalue of the dense Hessian",
            "below 0 for K = 3, 4, 5; above 0 from K = 6 on",
            ", ".join(f"K = {s.K}: {s.least:+.5f} (loss {s.loss:.5f})" for s in minimum),
            all((s.least > 0) == (s.K >= 6) and s.loss > 0.02 for s in minimum),
        ),
        Claim(
            "So does descent on all weights from beside it: below K = 6 it leaves, from K = 6 on it comes back",
            "none for K = 3, 4, 5; all from K = 6 on",
            ", ".join(f"K = {s.K}: {s.returned} of {s.runs}" for s in minimum),
            all(s.returned == (s.runs if s.K >= 6 else 0) for s in minimum),
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Above: the flow for K = 2 and 5 on both sides of x = y. Below: paths from (1e-3, 0), and their errors.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.figure import Figure

    from trainability.plots._axes import plain
    from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

    data: Symmetry = reproduction.data
    picture = Figure(figsize=(9.6, 8.2), dpi=150, layout="constrained")
    portraits, below = picture.subplots(2, 2, height_ratios=(0.92, 1))
    picture.get_layout_engine().set(wspace=0.06, hspace=0.05)  # type: ignore[union-attr, call-arg]
    lines = [
        _portrait(axes, letter, next(s for s in data.sides if s.K == K), next(m for m in data.middles if m.K == K))
        for axes, letter, K in zip(portraits, "ab", (2, 5), strict=True)
    ]
    bar = picture.colorbar(lines[-1], ax=list(portraits), shrink=0.74, pad=0.01, ticks=[0.03, 0.1, 0.3, 1, 3])
    bar.set_label("speed |d(x, y)/dt|", fontsize=9, color=INK)
    bar.ax.minorticks_off()
    bar.ax.set_yticklabels(["0.03", "0.1", "0.3", "1", "3"], fontsize=8.5)
    bar.outline.set_visible(False)
    left, right = below
    plain(left, "(c) Paths from (0.001, 0): y makes a detour")
    plain(right, "(d) Distance to the teacher")
    styles = ((UNCHANGED, "o"), (REMEDY, "s"), (HEALTHY, "^"))
    for p, (colour, mark) in zip(data.paths, styles, strict=True):
        flow_error = plane.squared_error(p.flow_x, p.flow_y, p.K)
        label = f"K = {p.K}"
        for axes, x, y, flow in (
            (left, p.x, p.y, (p.flow_x, p.flow_y)),
            (right, np.arange(len(p.x)), p.error, (p.t / LR, flow_error)),
        ):
            axes.plot(x, y, "-", marker=mark, markevery=100, ms=4.5, lw=1.5, color=colour, label=label)
            axes.plot(*flow, "--", lw=1.2, color=colour)
    for axes in below:
        axes.plot([], [], "-", color=GREY, lw=1.5, label="Euler steps of 0.01, as published;\na mark every 100")
        axes.plot([], [], "--", color=GREY, lw=1.2, label="limit of small steps: not the same")
    left.set_xlim(-0.02, 1.03)
    left.set_ylim(0, 0.62)
    left.set_xlabel("x, along the own teacher", fontsize=9, color=INK)
    left.set_ylabel("y, along every other teacher", fontsize=9, color=INK)
    left.legend(fontsize=8, frameon=False, loc="upper right")
    right.axhline(0.01, color=GREY, lw=0.8, ls=":")
    right.set_yscale("log")
    right.set_ylim(1e-9, 3)
    right.set_xlim(0, STEPS)
    right.set_xlabel("step of 0.01 (limit: time / 0.01)", fontsize=9, color=INK)
    right.set_ylabel("squared error, (x − 1)² + (K − 1) y²", fontsize=9, color=INK)
    right.legend(fontsize=8, frameon=False, loc="lower left")
    return picture


TEACHERS, OTHERS = "#E6F1F8", "#FBEFE3"


def _portrait(axes: Axes, letter: str, side: Sides, line: Middle) -> LineCollection:
    """Streamlines coloured by speed, critical points, and the border of the two basins."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, LogNorm
    from matplotlib.patheffects import withStroke

    from trainability.plots._style import INK

    K = side.K
    shades = ListedColormap(colormaps["cividis"](np.linspace(0.82, 0.0, 256)))  # its bright end is lost on white
    x, y = np.meshgrid(np.linspace(*X, 82), np.linspace(*Y, 53))
    dx, dy = plane.field(x, y, K)
    stream = axes.streamplot(
        x, y, dx, dy, color=np.clip(np.hypot(dx, dy), 0.03, 3), norm=LogNorm(0.03, 3), cmap=shades, density=1.15,
        linewidth=0.9, arrowsize=0.8,
    )  # fmt: skip
    axes.fill_between(Y, Y, Y[0], color=TEACHERS, lw=0, zorder=0)
    axes.fill_between((X[1], Y[1]), Y[0], Y[1], color=TEACHERS, lw=0, zorder=0)
    axes.fill_between((X[0], *Y), (Y[0], *Y), Y[1], color=OTHERS, lw=0, zorder=0)
    axes.plot(Y, Y, "--", color=INK, lw=1.4)
    halo = [withStroke(linewidth=2.5, foreground="white")]
    end = "teacher,\nrows exchanged" if K == 2 else "all students flipped\n(a minimum from K = 6 on)"
    s, o = line.saddle, line.opposite
    marks = (
        ("teacher", (1.0, 0.0), "*", 15, (0, 9), "center", "bottom"),
        ("saddle", (s, s), "X", 9, (9, -2), "left", "top"),
        ("opposite point", (o, o), "v", 7, (9, -5), "left", "top"),
        (end, side.end, "D", 7.5, (9, 0) if K == 2 else (-24, 9), "left", "center" if K == 2 else "bottom"),
    )
    for name, where, mark, size, offset, ha, va in marks:
        axes.plot(*where, mark, ms=size, color="#D55E00", mec="white", mew=1.0, zorder=5, clip_on=False)
        axes.annotate(
            name, where, xytext=offset, textcoords="offset points", ha=ha, va=va, fontsize=8.5, color=INK,
            fontweight="bold", path_effects=halo, zorder=6,
        )  # fmt: skip
    axes.annotate("x = y", (0.85, 0.85), xytext=(4, -4), textcoords="offset points", va="top", fontsize=8.5, color=INK,
                  path_effects=halo, zorder=6)  # fmt: skip
    axes.set_xlim(*X)
    axes.set_ylim(*Y)
    axes.set_aspect("equal")
    axes.set_xticks([-0.5, 0.0, 0.5, 1.0])
    axes.set_yticks([0.0, 0.5, 1.0])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=8.5, colors=INK)
    axes.set_title(
        f"({letter}) Flow of K = {K} students, and the two basins",
        loc="left",
        fontsize=10,
        fontweight="bold",
        color=INK,
    )
    axes.set_xlabel("x, along the own teacher", fontsize=9, color=INK)
    axes.set_ylabel("y, along every other teacher", fontsize=9, color=INK)
    return stream.lines
