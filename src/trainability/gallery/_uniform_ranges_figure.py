"""The figure of the entry `uniform-ranges`."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._uniform_ranges_mechanism import LETTERS
from trainability.gallery._uniform_ranges_runs import SCHEMES, mechanisms
from trainability.plots._axes import plain
from trainability.plots._style import GREY, INK, REMEDY, UNCHANGED, power
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from trainability.gallery.uniform_ranges import Ranges

WORDS = {
    "softmax": "softmax sure and wrong (squared error)", "saturated": "sigmoid layer flat", "dead": "ReLU layer dead",
    "vanished": "signal too weak, unless it grows", "too slow": "lr too low for the steps", "too fast": "lr above the limit",
    "not finite": "left the numbers",
}  # fmt: skip


def draw(data: Ranges) -> Figure:
    """Heat maps of one activation, loss and depth each, and the start against theory; see `uniform_ranges.figure`."""
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys(key[:3] for key in sorted(data.runs, key=lambda k: k[2])))
    columns = min(4, len(groups))
    rows = -(-len(groups) // columns)
    picture = Figure(figsize=(max(3.3 * columns, 9.6), 3.05 * rows + 3.5), dpi=150, layout="constrained")
    grid = picture.add_gridspec(rows + 1, 12, height_ratios=[1.0] * rows + [1.0])
    wide = 12 // columns
    maps = []
    for i, group in enumerate(groups):
        axes = picture.add_subplot(grid[i // columns, wide * (i % columns) : wide * (i % columns + 1)])
        maps.append(axes)
        shown = _map(axes, data, group, names=i % columns == 0)
    picture.colorbar(shown, ax=maps, label="share of seeds that trained", shrink=0.7, aspect=30)
    _start(picture.add_subplot(grid[rows, :4]), data, "signal")
    _start(picture.add_subplot(grid[rows, 4:8]), data, "limit")
    _legend(picture.add_subplot(grid[rows, 8:]), data)
    return picture


def _map(axes: Axes, data: Ranges, group: tuple[str, str, int], names: bool) -> AxesImage:
    from matplotlib.patches import Rectangle

    activation, loss, depth = group
    schemes, rates = [s for s in SCHEMES if (*group, s) in data.runs], data.rates
    share = np.array([[data.share((*group, s), lr) for lr in rates] for s in schemes])
    shown = axes.imshow(share, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for i, scheme in enumerate(schemes):
        key = (*group, scheme)
        for j, lr in enumerate(rates):
            runs = data.runs[key][lr]
            good = sum(r.mechanism is None for r in runs)
            low, high = interval(good, len(runs))
            ink = "black" if share[i, j] > 0.5 else "white"
            letters = mechanisms(runs)
            if low < 0.5 < high:
                axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="///", ec=ink, lw=0, alpha=0.45))
            if letters:
                axes.text(j - (0.17 if good else 0), i, next(iter(letters)), ha="center", va="center", fontsize=9,
                          color=ink, fontweight="bold")  # fmt: skip
            if good:
                axes.text(j + (0.2 if letters else 0), i, f"{good}", ha="center", va="center", fontsize=8, color=ink)
            if data.predicted[key].trained.get(lr, 0) >= 0.5:
                axes.add_patch(Rectangle((j - 0.43, i - 0.43), 0.86, 0.86, fill=False, ec=UNCHANGED, lw=1.6))
    axes.set_title(f"{activation}, {loss}, {depth} hidden", loc="left", fontsize=9, fontweight="bold", color=INK)
    axes.set_xticks(range(len(rates)), [power(lr) for lr in rates], fontsize=8)
    axes.set_yticks(range(len(schemes)), schemes if names else [""] * len(schemes), fontsize=8)
    axes.set_xlabel("learning rate", fontsize=8.5, color=INK)
    axes.tick_params(length=0)
    return shown


def _start(axes: Axes, data: Ranges, what: str) -> None:
    title = {"signal": "Signal: |gradient telling inputs apart|²", "limit": "Largest stable lr at the start"}[what]
    plain(axes, "")
    axes.set_title(title, loc="left", fontsize=8.8, fontweight="bold", color=INK)
    seen: dict[str, list[tuple[float, float]]] = {}
    for key, told in data.predicted.items():
        if not told.trained:
            continue
        first = [r.case for r in data.runs[key][data.rates[0]]]
        values = [c.start.signal if what == "signal" else c.limit for c in first]
        pair = (told.reading.signal if what == "signal" else told.limit, float(np.median(values)))
        group = "softmax sure" if told.reading.gap > log(data.steps) else key[0]
        if all(1e-12 < v < 1e9 for v in pair):
            seen.setdefault(group, []).append(pair)
    marks = {"ReLU": ("o", REMEDY), "sigmoid": ("s", UNCHANGED), "softmax sure": ("x", GREY)}
    both = [v for pairs in seen.values() for pair in pairs for v in pair]
    ends = [min(both) / 2, max(both) * 2]
    axes.plot(ends, ends, color=INK, lw=1.0, label="equal")
    for name, (mark, colour) in marks.items():
        if name in seen:
            x, y = np.array(seen[name]).T
            axes.plot(x, y, mark, ms=5, mfc="none", mec=colour, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("predicted (wide network)", fontsize=8.5, color=INK)
    axes.set_ylabel("measured (median of seeds)", fontsize=8.5, color=INK)
    axes.legend(fontsize=7, frameon=False, loc="upper left", handlelength=1.2, borderaxespad=0.1)


def _legend(axes: Axes, data: Ranges) -> None:
    """What the letters, numbers, frames and hatches mean."""
    from matplotlib.patches import Patch, Rectangle

    axes.set_axis_off()
    seeds = len(next(iter(data.runs.values()))[data.rates[0]])
    lines = ["Cause of most failing runs, by rule:"]
    lines += [f"  {letter}  {WORDS[cause]}" for cause, letter in LETTERS.items()]
    lines += ["  s a d v  the same, brought about in training", f"Number: of {seeds} seeds that trained (none: 0)."]
    axes.text(0, 1.0, "\n".join(lines), fontsize=8.2, va="top", ha="left", color=INK, linespacing=1.35,
              transform=axes.transAxes)  # fmt: skip
    axes.legend(
        handles=[
            Rectangle((0, 0), 1, 1, fill=False, ec=UNCHANGED, lw=1.6, label="theory (kernel of the start): half train"),
            Patch(facecolor="white", edgecolor=GREY, hatch="///", label="95% Wilson interval contains 50%"),
        ],
        loc="lower left", bbox_to_anchor=(-0.02, -0.16), fontsize=8, frameon=False,
    )  # fmt: skip
