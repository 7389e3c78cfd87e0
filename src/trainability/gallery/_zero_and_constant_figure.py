"""The figure of the entry `zero-and-constant`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.zero_and_constant import Symmetry

PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
LINES: dict[str, tuple[str, Any, str]] = {
    "all 0": ("#000000", "-", "o"),
    "weights 0, biases 0.1": (GREY, "--", "s"),
    "weights 0.1, biases 0": (UNCHANGED, "-", "D"),
    "weights 0.1, biases 0.1": (UNCHANGED, "--", "^"),
    "weights 0.1, mini-batches": (UNCHANGED, ":", "v"),
    "every unit twice": (ORANGE, "-", "P"),
    "weights 0.1 + noise 1e-6": (PURPLE, "-", "X"),
    "weights 0, random biases": (SKY, "-", "<"),
    "last layer 0, rest Xavier": (HEALTHY, "--", ">"),
    "Xavier": (REMEDY, "-", "*"),
}
OF_K = {3: (SKY, "o"), 5: (UNCHANGED, "s"), 10: (REMEDY, "D")}


def draw(data: Symmetry) -> Figure:
    """Four panels; see `zero_and_constant.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.0, 10.4), dpi=150, layout="constrained")
    grid = picture.subplots(2, 2)
    _ranks(grid[0, 0], data)
    _losses(grid[0, 1], data)
    _growth(grid[1, 0], data)
    _times(grid[1, 1], data)
    handles, names = grid[0, 0].get_legend_handles_labels()
    picture.legend(handles, names, fontsize=8.5, frameon=False, loc="outside upper center", ncols=5,
                   title="start of a 64-16-16-10 tanh network (a, b)", title_fontsize=9)  # fmt: skip
    return picture


def _ranks(axes: Axes, data: Symmetry) -> None:
    plain(axes, "a  Rank of the second hidden layer's outputs on digits")
    for i, w in enumerate(data.watched):
        colour, style, mark = LINES[w.start]
        # Lines that coincide are drawn side by side.
        shift = 0.09 * (i - (len(data.watched) - 1) / 2)
        axes.plot(_log(w.steps), w.rank_outputs[:, 1] + shift, ls=style, marker=mark, ms=4, markevery=(i % 4, 4), lw=1.3,
                  color=colour, label=w.start)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yticks([0, 1, 4, 8, 12, 16])
    _start(axes)
    _labels(axes, "step of gradient descent", "rank (above 10⁻⁹ of the largest; lines moved a little)")


def _losses(axes: Axes, data: Symmetry) -> None:
    plain(axes, "b  Loss, and accuracy at the end")
    ends = sorted(((float(w.loss[-1]), w) for w in data.watched), key=lambda pair: pair[0])
    for i, w in enumerate(data.watched):
        colour, style, mark = LINES[w.start]
        axes.plot(_log(w.steps), w.loss, ls=style, marker=mark, ms=4, markevery=(i % 4, 4), lw=1.3, color=colour)
    axes.axhline(data.entropy, color=INK, lw=0.9, ls=(0, (1, 3)))
    axes.text(0.99, data.entropy * 1.04, "best constant answer", fontsize=8, color=INK, ha="right", va="bottom",
              transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    _start(axes)
    words = "accuracy at the end\n" + "\n".join(f"{w.accuracy[-1]:.2f}  {w.start}" for _, w in reversed(ends))
    axes.text(0.02, 0.03, words, transform=axes.transAxes, fontsize=8, color=INK, va="bottom", linespacing=1.35)
    _labels(axes, "step of gradient descent", "training cross-entropy (nats)")


def _growth(axes: Axes, data: Symmetry) -> None:
    p = next(p for p in data.parted if p.K == 5)
    plain(axes, f"c  {p.K} equal ReLU students with noise ε: how they part")
    shades = np.linspace(0.15, 0.85, len(p.eps))
    from matplotlib import colormaps

    step = np.arange(p.distance.shape[1])
    for eps, row, shade in zip(p.eps, p.distance, shades, strict=True):
        colour = colormaps["cividis"](shade)
        axes.plot(step, row, color=colour, lw=1.5)
        axes.text(
            step[0] - 4, row[0], f"{eps:.0e}".replace("e-0", "e-"), fontsize=7.5, color=INK, ha="right", va="center"
        )
    late = p.distance[-1]
    at = int(np.argmax(late > 1e-2))
    growth = late[at] * np.exp((step - at) * np.log1p(p.lr * p.rate))
    axes.plot(
        step[:at], growth[:at] * 0.2, "--", color="black", lw=1.4, label=f"(1 + lr · {p.rate:.4f})ᵗ, the saddle's rate"
    )
    axes.axhline(0.1, color=GREY, lw=0.9, ls=":")
    axes.text(step[-1], 0.12, "parted", fontsize=8, ha="right", color=INK)
    axes.plot([], [], color=colormaps["cividis"](0.5), lw=1.5, label="measured, one line per ε (at its left end)")
    axes.set_yscale("log")
    axes.set_xlim(-0.11 * len(step), len(step))
    axes.set_ylim(min(p.eps) / 30, 30)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    _labels(axes, f"step of gradient descent (lr {p.lr:g})", "distance of students from their mean")


def _times(axes: Axes, data: Symmetry) -> None:
    plain(axes, "d  Steps until they part, against the noise")
    for p in data.parted:
        colour, mark = OF_K[p.K]
        eps = np.array(p.eps)
        axes.plot(eps, p.parting, mark, ms=5.5, mfc="none", color=colour, label=f"K = {p.K}, measured")
        middle = int(np.argmin(np.abs(eps - 1e-8)))
        told = p.parting[middle] + p.told * -np.log10(eps / eps[middle])
        axes.plot(eps, told, color=colour, lw=1.3, label=f"K = {p.K}, theory: {p.told:.1f} steps a decade")
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_ylim(0, None)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    _labels(axes, "noise ε on equal weights (standard deviation)", "steps until the distance is 0.1")


def _log(steps: tuple[int, ...]) -> np.ndarray:
    return np.maximum(np.array(steps, dtype=float), 0.5)


def _start(axes: Axes) -> None:
    axes.set_xticks([0.5, 1, 10, 100, 1000], ["start", "1", "10", "100", "1000"])
    axes.minorticks_off()


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
