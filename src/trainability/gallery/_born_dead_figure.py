"""The figure of the entry `born-dead`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.dead_units import one_point
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.born_dead import BornDead

COLOURS = {2: UNCHANGED, 3: "#E69F00", 5: HEALTHY, 10: REMEDY}
MARKS = {2: "o", 3: "s", 5: "D", 10: "^"}
SCHEME_COLOURS = (UNCHANGED, "#E69F00", REMEDY)


def draw(data: BornDead) -> Figure:
    """Four panels and a row of functions; see `born_dead.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.0, 10.6), dpi=150, layout="constrained")
    grid = picture.add_gridspec(2, 6, height_ratios=(1.15, 1))
    _depth(picture.add_subplot(grid[0, :3]), data)
    _schemes(picture.add_subplot(grid[0, 3:]), data)
    _fates(picture.add_subplot(grid[1, :2]), data)
    first = None
    for i, trained in enumerate((data.trained[0], data.trained[2])):
        axes = picture.add_subplot(grid[1, 2 + 2 * i : 4 + 2 * i], sharey=first)
        _functions(axes, trained.scheme, trained.outputs, "de"[i], trained.steps)
        first = first or axes
    return picture


def _depth(axes: Axes, data: BornDead) -> None:
    from trainability.gallery.born_dead import chain

    plain(axes, "a  Born dead on a line: He's weights, zero biases")
    layers = np.arange(2, len(data.dead[2]) + 2)
    for width, dead in data.dead.items():
        share, colour = dead / data.nets, COLOURS[width]
        axes.plot(layers[1:], chain(width).none[1:], color=colour, lw=1.5, label=f"width {width}")
        axes.plot(layers, [one_point([width] * (L - 1)) for L in layers], ":", color=colour, lw=1.2)
        span = np.array([interval(int(count), data.nets) for count in dead])
        seen = dead > 0
        axes.errorbar(layers[seen], share[seen], yerr=np.abs(span.T - share)[:, seen], fmt=MARKS[width], ms=4, mfc="none",
                      lw=0.9, color=colour)  # fmt: skip
    axes.plot([], [], color=INK, lw=1.5, label="two rays (theory)")
    axes.plot([], [], ":", color=INK, lw=1.2, label="one input: 1 − Π(1 − 2⁻ᴺ), an upper bound")
    axes.plot([], [], "o", ms=4, mfc="none", color=INK, label=f"{data.nets} nets drawn (95% Wilson)")
    axes.set_yscale("log")
    axes.set_ylim(8e-6, 1.6)
    axes.set_xticks([2, 5, 10, 15, 20])
    axes.set_xlabel("layers with weights, L", fontsize=9, color=INK)
    axes.set_ylabel("share of nets born dead", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _schemes(axes: Axes, data: BornDead) -> None:
    from trainability.gallery.born_dead import CELLS, SCHEMES

    plain(axes, "b  Born dead on 101 points, three ways to draw a net")
    nets = data.nets // 10
    for i, (scheme, colour) in enumerate(zip(SCHEMES, SCHEME_COLOURS, strict=True)):
        x = np.arange(len(CELLS)) + 0.27 * (i - 1)
        count = np.array([data.cells[scheme, c][0] for c in CELLS])
        span = np.array([interval(int(k), nets) for k in count])
        axes.bar(x, 100 * count / nets, 0.25, color=colour, alpha=0.75, label=f"{scheme}", hatch=("", "//", "..")[i],
                 edgecolor="white", lw=0)  # fmt: skip
        axes.errorbar(x, 100 * count / nets, yerr=100 * np.abs(span.T - count / nets), fmt="none", ecolor=INK, lw=1)
        told = [100 * data.cells[scheme, c][1] for c in CELLS]
        axes.plot(x, told, "_", ms=13, mew=1.6, color="black", label="an independent program" if i == 2 else None)
    axes.set_xticks(range(len(CELLS)), [f"{w} wide\n{L} layers" for w, L in CELLS], fontsize=8.5)
    axes.set_ylim(0, 122)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel(f"share of {nets} nets born dead (%)", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper right")


def _fates(axes: Axes, data: BornDead) -> None:
    plain(axes, f"c  Trained on |x|, {data.trained[0].steps} steps")
    kinds = (
        ("born dead", "#4B5563", ""),
        ("constant after training", "#B6BBC4", "//"),
        ("other", "#F4C07A", ".."),
        ("solved (error < 0.01)", HEALTHY, ""),
    )
    for i, t in enumerate(data.trained):
        parts = (t.dead, t.constant, t.alive - t.constant - t.solved, t.solved)
        bottom = 0.0
        for (name, colour, hatch), part in zip(kinds, parts, strict=True):
            height = 100 * part / t.nets
            axes.bar(i, height, 0.72, bottom=bottom, color=colour, hatch=hatch, edgecolor="white", lw=0,
                     label=name if i == 0 else None)  # fmt: skip
            if height > 4:
                axes.text(i, bottom + height / 2, f"{height:.0f}%", ha="center", va="center", fontsize=8.5,
                          color="white" if colour in ("#4B5563", HEALTHY) else INK)  # fmt: skip
            bottom += height
        share = (t.dead + t.constant) / t.nets
        low, high = interval(t.dead + t.constant, t.nets)
        yerr = [[100 * (share - low)], [100 * (high - share)]]
        axes.errorbar(i + 0.28, 100 * share, yerr=yerr, color="black", lw=1.2, capsize=2)
    labels = ["\n".join([*t.scheme.split(", ", 1), f"{t.nets} nets"]) for t in data.trained]
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(0, 138)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("share of nets (%)", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper center", ncols=2)


def _functions(axes: Axes, scheme: str, outputs: np.ndarray, letter: str, steps: int) -> None:
    from trainability.gallery.born_dead import CONSTANT, SOLVED, points

    x = points().numpy()
    plain(axes, f"{letter}  {scheme}: {len(outputs)} nets not born dead")
    axes.plot(x, outputs.T, color=REMEDY, lw=0.9, alpha=0.35)
    axes.plot([], [], color=REMEDY, lw=0.9, label=f"after {steps} steps")
    axes.plot(x, np.abs(x), "--", color="black", lw=1.4, label="target |x|")
    axes.axhline(np.abs(x).mean(), color=GREY, lw=1.0, ls=":", label="best constant")
    solved = int((np.square(outputs - np.abs(x)).mean(1) < SOLVED).sum())
    flat = int((np.ptp(outputs, axis=1) < CONSTANT).sum())
    axes.text(0.02, 0.02, f"{solved} solved, {flat} constant, {len(outputs) - solved - flat} other (many lines coincide)",
              transform=axes.transAxes, fontsize=8, color=INK)  # fmt: skip
    axes.set_ylim(-0.25, 2.3)
    axes.set_xlabel("x", fontsize=9, color=INK)
    if letter == "d":
        axes.set_ylabel("output", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper center")
