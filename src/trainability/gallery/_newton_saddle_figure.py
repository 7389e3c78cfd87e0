"""The figure of the entry `newton-saddle`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, INK
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.newton_saddle import Basins, Saddles

BLUES = ("#0B3C5D", "#0072B2", "#56B4E9", "#A6D5F2")
REDS = ("#D55E00", "#E69F00", "#F2C14E", "#B5541C")
LINES = {
    "gradient descent, lr 1": ("#000000", "o"),
    "Newton, damping 11 e": ("#E69F00", "s"),
    "Newton, sizes": ("#0072B2", "D"),
    "Newton, damping 1.5 e": ("#009E73", "^"),
}


def draw(data: Saddles) -> Figure:
    """Four basins above, three panels below; see `newton_saddle.figure`."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    picture = Figure(figsize=(13.0, 7.6), dpi=150, layout="constrained")
    rows = picture.add_gridspec(2, 1, height_ratios=(1.0, 1.0))
    upper, lower = rows[0].subgridspec(1, 4), rows[1].subgridspec(1, 3)
    for i, rule in enumerate(data.basins.maps):
        _basin(picture.add_subplot(upper[0, i]), data.basins, rule, "abcd"[i])
    _wells(picture.add_subplot(lower[0, 0]), data)
    _dimensions(picture.add_subplot(lower[0, 1]), data)
    _escapes(picture.add_subplot(lower[0, 2]), data)
    handles = [
        Patch(color=BLUES[1], label="ends at a minimum (one blue each)"),
        Patch(color=REDS[0], label="at a saddle (one orange each)"),
        Patch(color="#CC79A7", label="at the maximum"),
        Patch(facecolor="white", edgecolor=GREY, label="nowhere in its budget"),
        Line2D([], [], ls="", marker="o", mfc="white", mec="black", label="minimum"),
        Line2D([], [], ls="", marker="X", mfc="white", mec="black", label="saddle"),
        Line2D([], [], ls="", marker="^", mfc="white", mec="black", label="maximum"),
    ]
    picture.legend(handles=handles, loc="outside upper center", ncols=7, fontsize=8.5, frameon=False)
    return picture


def _basin(axes: Axes, b: Basins, rule: str, letter: str) -> None:
    from matplotlib.colors import to_rgb

    colours = np.ones((len(b.points) + 1, 3))
    shades: dict[int, tuple[str, ...]] = {0: BLUES, 1: REDS, 2: ("#CC79A7",)}
    for index, given in shades.items():
        for at, colour in zip(np.flatnonzero(b.index == index), given, strict=False):
            colours[at] = to_rgb(colour)
    axes.imshow(colours[b.maps[rule]], origin="lower", extent=(-6, 6, -6, 6), interpolation="nearest")
    for index, mark in enumerate("oX^"):
        axes.plot(*b.points[b.index == index].T, mark, ms=6, mfc="white", mec="black", mew=1)
    plain(axes, f"{letter}  {rule[0].upper()}{rule[1:]}")
    axes.grid(False)
    value, low, high = b.share(rule, 0)
    axes.set_xlabel(f"x (to a minimum: {value:.1%}, {low:.1%} to {high:.1%})", fontsize=8.5, color=INK)
    axes.set_ylabel("y" if letter == "a" else "", fontsize=9, color=INK)


def _wells(axes: Axes, data: Saddles) -> None:
    plain(axes, "e  Double well: share caught by the saddle")
    names, seen, low, high, told = [], [], [], [], []
    for f in data.fates:
        n, hits = len(f.x), int(f.caught.sum())
        ends = interval(hits, n)
        names.append(f"{f.lr:g}\n{f.damping:g}")
        seen.append(hits / n)
        low.append(hits / n - ends[0])
        high.append(ends[1] - hits / n)
        told.append(f.edge / 1.5)
    at = np.arange(len(names))
    axes.bar(at, told, width=0.6, color="#F2C14E", label="theory: edge of the basin / 1.5")
    axes.errorbar(at, seen, yerr=(low, high), fmt="o", color="black", ms=4, capsize=3, label="measured, 95% interval")
    axes.set_xticks(at, names)
    axes.set_xlabel("lr (above), damping over the negative curvature's size (below)", fontsize=9, color=INK)
    axes.set_ylabel("share of starts caught", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper right")


def _dimensions(axes: Axes, data: Saddles) -> None:
    plain(axes, "f  d double wells: share at a minimum")
    d = np.array([x.d for x in data.dimensions])
    smooth = np.linspace(1, d.max(), 200)
    axes.plot(smooth, data.dimensions[0].told ** smooth, color="#D55E00", lw=1.5, label="(1 - 1/(1.5 √5))^d")
    for count, colour, mark, name in (
        ([x.arrived for x in data.dimensions], "#D55E00", "o", "Newton, textbook"),
        ([x.descent for x in data.dimensions], "#000000", "s", "gradient descent"),
    ):
        n = data.dimensions[0].runs
        share = np.array(count) / n
        ends = np.array([interval(c, n) for c in count])
        axes.errorbar(d, share, yerr=(share - ends[:, 0], ends[:, 1] - share), fmt=mark, color=colour, ms=5, capsize=3,
                      label=f"{name}, 95% interval")  # fmt: skip
    axes.set_ylim(-0.03, 1.08)
    axes.set_xticks(d)
    axes.set_xlabel("dimensions d", fontsize=9, color=INK)
    axes.set_ylabel("share of starts", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="center right")


def _escapes(axes: Axes, data: Saddles) -> None:
    plain(axes, "g  Steps to leave the saddle's neighbourhood")
    strong = max(e.curvature for e in data.escapes)
    for e in data.escapes:
        if e.rule not in LINES:
            continue
        colour, mark = LINES[e.rule]
        first = e.curvature == strong
        axes.plot(e.offsets, e.told, "-" if first else ":", color=colour, lw=1.4)
        axes.plot(e.offsets, e.steps, mark, color=colour, ms=5, mfc=colour if first else "none",
                  label=e.rule if first else None)  # fmt: skip
    axes.plot([], [], "-", color=GREY, label=f"theory, e = {strong:g} (filled)")
    axes.plot([], [], ":", color=GREY, label=f"theory, e = {strong / 10:g} (open)")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_xaxis()
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 30)
    axes.set_xlabel("first distance from the saddle's stable manifold", fontsize=9, color=INK)
    axes.set_ylabel("steps until that distance is 0.1", fontsize=9, color=INK)
    axes.legend(fontsize=7.8, frameon=False, loc="upper left", ncols=2)
