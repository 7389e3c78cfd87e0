"""The figure of the entry `elbows`."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.elbows import Corners

PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (REMEDY, UNCHANGED, HEALTHY, PURPLE, ORANGE)
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def draw(data: Corners) -> Figure:
    """Six panels; see `elbows.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.5, 11.4), dpi=150, layout="constrained")
    grid = picture.subplots(3, 2)
    _density(grid[0, 0], data)
    _tails(grid[0, 1], data)
    _shares(grid[1, 0], data)
    _means(grid[1, 1], data)
    _rugs(grid[2, 0], data)
    _errors(grid[2, 1], data)
    return picture


def _density(axes: Axes, data: Corners) -> None:
    from trainability.gallery.elbows import LAWS

    plain(axes, "a  Density of the corner c = −b/w")
    edges, c = np.linspace(-4, 4, 81), np.linspace(-4, 4, 801)
    middle = (edges[1:] + edges[:-1]) / 2
    for (name, law), colour, style, mark in list(zip(LAWS.items(), COLOURS, STYLES, "osDv^", strict=True))[:3]:
        axes.plot(c, law.pdf(c), ls=style, lw=1.6, color=colour, label=name)
        seen = data.histogram[name] / data.draws / (edges[1] - edges[0])
        axes.plot(middle[::2], seen[::2], mark, ms=3.5, mfc="none", color=colour)
    axes.plot([], [], "o", ms=3.5, mfc="none", color=INK, label=f"{data.draws} units drawn")
    _labels(axes, "corner c (units of the input)", "density")
    axes.set_ylim(0, 0.48)
    axes.legend(fontsize=8, frameon=False, loc="upper right")


def _tails(axes: Axes, data: Corners) -> None:
    from trainability.gallery.elbows import LAWS

    plain(axes, "b  All but b = 0 have tails like 1/c: no mean")
    seen_at, c = np.geomspace(1e-3, 1e3, 13), np.geomspace(1e-3, 1e3, 200)
    for (name, law), colour, style, mark in zip(LAWS.items(), COLOURS, STYLES, "osDv^", strict=True):
        axes.plot(c, 2 * law.sf(c), ls=style, lw=1.6, color=colour, label=name)
        seen = data.beyond[name]
        axes.plot(seen_at[seen > 0], seen[seen > 0], mark, ms=4, mfc="none", color=colour)
    axes.axvline(1, color=GREY, lw=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-6, 2)
    _labels(axes, "c (units of the input)", "share of corners with |C| > c")
    axes.legend(fontsize=8, frameon=False, loc="lower left")


def _shares(axes: Axes, data: Corners) -> None:
    from trainability.gallery.elbows import RADII
    from trainability.theory.wilson import interval

    plain(axes, "c  Units on inputs in [−R, R], normal w and b")
    r = np.geomspace(0.2, 5, 200)
    dead = np.arctan(1 / r) / pi
    axes.plot(r, 100 * (1 - 2 * dead), color=REMEDY, lw=1.6, label="bent: 1 − 2 atan(1/R)/π")
    axes.plot(r, 100 * dead, "--", color=UNCHANGED, lw=1.6, label="dead, and linear: atan(1/R)/π")
    for kind, colour, mark, shift in ((2, REMEDY, "o", 1.0), (0, UNCHANGED, "s", 0.97), (1, HEALTHY, "D", 1.03)):
        share = data.shares[:, kind] / data.draws
        span = np.array([interval(int(n), data.draws) for n in data.shares[:, kind]])
        label = {2: "bent", 0: "dead", 1: "linear"}[kind] + ", drawn"
        axes.errorbar(np.array(RADII) * shift, 100 * share, yerr=100 * np.abs(span.T - share), fmt=mark, ms=4.5, mfc="none",
                      color=colour, label=label)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(RADII, [f"{v:g}" for v in RADII])
    axes.minorticks_off()
    axes.set_ylim(0, 100)
    _labels(axes, "R (std of b / std of w = 1)", "share of units (%)")
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)


def _means(axes: Axes, data: Corners) -> None:
    plain(axes, "d  Mean of the first n corners (Cauchy): it never settles")
    for i, path in enumerate(data.means):
        axes.plot(data.times, path, lw=1.2, color=(*COLOURS, SKY)[i])
    axes.axhspan(-1, 1, color=GREY, alpha=0.15, lw=0)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([-100, -10, -1, 0, 1, 10, 100], ["−100", "−10", "−1", "0", "1", "10", "100"])
    share = 100 * np.array(data.far) / data.all_paths
    axes.text(0.02, 0.03, f"grey: half of all means at every n; of {data.all_paths} paths {share[-1]:.0f}% are outside at "
              f"n = {data.times[-1]}", transform=axes.transAxes, fontsize=8, color=INK)  # fmt: skip
    top = max(3.0, float(np.abs(data.means).max()))
    axes.set_ylim(-3 * top, 1.5 * top)
    _labels(axes, "n, corners averaged", "running mean (units of the input)")


def _rugs(axes: Axes, data: Corners) -> None:
    from trainability.gallery.elbows import SCHEMES

    plain(axes, "e  Corners of 32 units over the data, one network per scheme")
    axes.axvspan(-1, 1, color=SKY, alpha=0.22, lw=0)
    for i, scheme in enumerate(SCHEMES):
        c = data.rugs[scheme]
        out = np.abs(c) > 3
        axes.plot(c[~out], np.full((~out).sum(), i), "|", ms=13, mew=1.2, color=REMEDY)
        inside = int((np.abs(c) < 1).sum())
        axes.text(3.1, i, f"{inside} on the data\n{out.sum()} beyond ±3", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(SCHEMES)), SCHEMES)
    axes.set_ylim(len(SCHEMES) - 0.4, -0.6)
    axes.set_xlim(-3, 4.6)
    axes.set_xticks(range(-3, 4))
    axes.grid(visible=False)
    _labels(axes, "corner c; shaded: the data, x in [−1, 1]", "")


def _errors(axes: Axes, data: Corners) -> None:
    from trainability.gallery.elbows import SCHEMES

    seeds = data.fits[0].error.shape[1]
    plain(axes, f"f  Final error against b = 0, {seeds} seeds in pairs (95% intervals)")
    marks = "osDv^P"
    for j, fit in enumerate(data.fits):
        colour = {"|x|": REMEDY, "sin πx": HEALTHY, "sin 2πx": UNCHANGED}[fit.target]
        for i, scheme in enumerate(SCHEMES[1:]):
            mean, low, high = fit.against_zero(scheme)
            y = i + 0.7 * ((j + 0.5) / len(data.fits) - 0.5)
            axes.errorbar(mean, y, xerr=[[mean - low], [high - mean]], fmt=marks[j], ms=4.5, color=colour, lw=1.2,
                          mfc=colour if fit.rule == "Adam" else "white",
                          label=f"{fit.target}, {fit.rule}" if i == 0 else None)  # fmt: skip
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_yticks(range(len(SCHEMES) - 1), SCHEMES[1:])
    axes.set_ylim(len(SCHEMES) - 1.4, -0.6)
    axes.grid(visible=False)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    _labels(axes, "log₁₀ (mean squared error / that of b = 0);  left: better than b = 0", "")


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    if y:
        axes.set_ylabel(y, fontsize=9, color=INK)
