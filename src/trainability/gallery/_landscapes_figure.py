"""The figure of the entry `landscapes`."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
import torch

from trainability.gallery import _landscapes as lands
from trainability.plots._axes import plain
from trainability.plots._style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.landscapes import Landscapes

LINES = {
    "SGD": ("#000000", "-", "o"),
    "Momentum": ("#0072B2", "-", "s"),
    "Adam": ("#D55E00", "-", "D"),
    "RMSprop": ("#E69F00", "--", "^"),
    "Newton, sizes": ("#009E73", "-", "*"),
}
VIEW = {"quadratic, turned": (-2.9, 2.9, -2.9, 2.9), "Rosenbrock": (-2.0, 2.0, -1.0, 3.0)}


def draw(data: Landscapes) -> Figure:
    """Two tables above, paths below; see `landscapes.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.4, 15.4), dpi=150, layout="constrained")
    grid = picture.add_gridspec(3, 2, height_ratios=(1.45, 0.8, 1.0))
    _table(picture.add_subplot(grid[0, :]), data, tuned=True)
    _table(picture.add_subplot(grid[1, :]), data, tuned=False)
    for i, name in enumerate(VIEW):
        _paths(picture.add_subplot(grid[2, i]), data, name, "cd"[i])
    return picture


def _table(axes: Axes, data: Landscapes, *, tuned: bool) -> None:
    rules = list(dict.fromkeys(e.rule for e in data.entries))
    names = [land.name for land in lands.ALL]
    share = np.empty((len(rules), len(names)))
    for i, rule in enumerate(rules):
        for j, name in enumerate(names):
            e = data.at(rule, name)
            times = e.arrived if tuned else e.at_default
            share[i, j] = np.isfinite(times).mean()
            words = f"{share[i, j]:.0%}"
            if tuned:
                low, high = e.wilson
                words += f" ({100 * low:.0f} to {100 * high:.0f})"
                m = e.median
                if isfinite(m.value):
                    top = f"{m.high:.0f}" if isfinite(m.high) else "∞"
                    words += f"\n{m.value:.0f} ({m.low:.0f} to {top})"
                words += f"\nlr {e.lr:.2g}"
            elif isfinite(middle := float(np.median(np.nan_to_num(times, posinf=np.inf)))) and share[i, j] > 0.5:
                words += f", {middle:.0f} steps"
            axes.text(j, i, words, ha="center", va="center", fontsize=7.0, linespacing=1.25,
                      color="black" if share[i, j] > 0.5 else "white")  # fmt: skip
    axes.imshow(share, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names, fontsize=9)
    axes.set_yticks(
        range(len(rules)), rules if tuned else [f"{r}: {data.at(r, names[0]).default:g}" for r in rules], fontsize=9
    )
    axes.tick_params(length=0, labelcolor=INK)
    for side in axes.spines.values():
        side.set_visible(False)
    budget = max(e.steps for e in data.entries)
    newton = min(e.steps for e in data.entries)
    count = len(data.entries[0].arrived)
    title = (
        f"a  Share of {count} starts that arrive (gap below 10⁻⁴) and median steps, with 95% intervals, at the lr best from "
        f"other starts\n    (budget {budget} steps, Newton {newton})"
        if tuned
        else "b  The same at the default lr (beside the name): share, and median steps where most arrive"
    )
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)


def _paths(axes: Axes, data: Landscapes, name: str, letter: str) -> None:
    low, high, bottom, top = VIEW[name]
    x, y = np.meshgrid(np.linspace(low, high, 240), np.linspace(bottom, top, 240))
    gap = lands.get(name).value(torch.from_numpy(np.stack((x, y), -1))).numpy()
    levels = np.logspace(-2, 3, 16)
    axes.contour(x, y, gap, levels=levels, colors="#9AA1AC", linewidths=0.6)
    plain(axes, f"{letter}  Paths on {name}, each at its lr of table a")
    axes.grid(False)
    for rule, (colour, style, mark) in LINES.items():
        path = data.paths[name, rule]
        outside = ~(
            (path[:, 0] > low - 9) & (path[:, 0] < high + 9) & (path[:, 1] > bottom - 9) & (path[:, 1] < top + 9)
        )
        if outside.any():
            path = path[: int(np.argmax(outside)) + 1]
        lr = data.at(rule, name).lr
        axes.plot(path[:, 0], path[:, 1], style, color=colour, lw=1.3, label=f"{rule}, lr {lr:.2g}",
                  marker=mark, ms=3.4 if mark != "*" else 7, markevery=[*range(0, min(len(path), 12), 1)])  # fmt: skip
    where = {"quadratic, turned": (0.0, 0.0), "Rosenbrock": (1.0, 1.0)}[name]
    axes.plot(*where, "x", color="black", ms=9, mew=2.2, zorder=5)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    axes.set_xlabel("first weight", fontsize=9, color=INK)
    axes.set_ylabel("second weight", fontsize=9, color=INK)
    axes.legend(
        fontsize=8,
        frameon=True,
        framealpha=0.85,
        edgecolor="none",
        loc="upper left" if letter == "c" else "upper center",
    )
