"""The figure of the entry `order-to-chaos`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.order_to_chaos import Chaos

COLOURS = (REMEDY, HEALTHY, UNCHANGED)
MARKS = ("o", "s", "D")


def draw(data: Chaos) -> Figure:
    """Four panels; see `order_to_chaos.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.0, 9.8), dpi=150, layout="constrained")
    grid = picture.subplots(2, 2)
    _phases(grid[0, 0], data)
    _trained(grid[0, 1], data)
    _correlations(grid[1, 0], data)
    _gradients(grid[1, 1], data)
    return picture


def _phases(axes: Axes, data: Chaos) -> None:
    plain(axes, "a  Phases of tanh: factor χ₁ per layer on gradients")
    levels = [0.4, 0.6, 0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.4]
    shown = axes.pcolormesh(
        data.at_w, data.at_b, np.log(data.chi), cmap="PuOr_r", vmin=-0.6, vmax=0.6, shading="gouraud"
    )
    lines = axes.contour(data.at_w, data.at_b, data.chi, levels=levels, colors=[INK], linewidths=0.7)
    axes.clabel(lines, fontsize=7.5, fmt="%g")
    axes.plot(data.edge[:, 1], data.edge[:, 0], color="black", lw=2.2)
    axes.axhline(0.05, color="black", lw=0.9, ls=":")
    axes.text(4.35, 0.054, "the other panels", ha="right", va="bottom", fontsize=8, color=INK)
    axes.text(0.66, 0.4, "ordered:\ngradients vanish,\ninputs become alike", fontsize=8.5, color="white", va="center")
    axes.text(3.2, 0.0035, "chaotic: gradients explode,\ninputs drift apart", fontsize=8.5, color="black", va="center",
              ha="center")  # fmt: skip
    at = int(len(data.edge) * 0.86)
    axes.annotate("edge of chaos,\nχ₁ = 1", (data.edge[at, 1], data.edge[at, 0]), (3.25, 0.33), fontsize=8.5, va="center",
                  arrowprops={"arrowstyle": "-", "lw": 0.8})  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlim(data.at_w[0], data.at_w[-1])
    axes.set_ylim(data.at_b[0], data.at_b[-1])
    axes.grid(visible=False)
    axes.figure.colorbar(shown, ax=axes, label="ln χ₁ (cut at ±0.6)", shrink=0.8)
    _labels(axes, "σ_w² = weight variance × fan_in", "σ_b², bias variance")


def _trained(axes: Axes, data: Chaos) -> None:
    plain(axes, f"b  Accuracy on digits after {data.budgets[-1]} steps of SGD")
    w, depth = np.array(data.weights), np.array(data.depths, dtype=float)
    shown = axes.pcolormesh(
        _edges(w), np.exp(_edges(np.log(depth))), data.accuracy[-1], cmap="cividis", vmin=0.1, vmax=1
    )
    xi = data.scales
    for factor, style, name in ((1, "-", "ξ_c (theory)"), (6, "--", "6 ξ_c (empirical rule)")):
        axes.plot(xi[:, 0], factor * xi[:, 1], color="white", lw=4.0)  # a halo, as the ground is dark and light
        axes.plot(xi[:, 0], factor * xi[:, 1], color="black", lw=1.7, ls=style, label=name)
    for i, (steps, mark) in enumerate(zip(data.budgets, "^so", strict=False)):
        found = data.learned_depth(i)
        good = np.isfinite(found) & (found > 0)
        axes.plot(w[good], found[good], "-", marker=mark, ms=5, lw=0.8, color="#FF9E4A", mec="black", mew=0.6,
                  label=f"measured: accuracy 0.5 at {steps} steps")  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlim(_edges(w)[0], _edges(w)[-1])
    low, high = np.exp(_edges(np.log(depth)))[[0, -1]]
    axes.set_ylim(low, high)
    axes.set_yticks(data.depths, [str(d) for d in data.depths])
    axes.minorticks_off()
    axes.grid(visible=False)
    axes.figure.colorbar(shown, ax=axes, label="training accuracy (chance: 0.1)", shrink=0.8)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)
    _labels(axes, "σ_w² (σ_b² = 0.05)", "layers with weights, L")


def _correlations(axes: Axes, data: Chaos) -> None:
    wide = data.wide[0]
    plain(axes, f"c  Correlation of two inputs, width {wide.width}")
    layers = np.arange(1, wide.c.shape[1] + 1)
    for found, colour, mark in zip(data.wide, COLOURS, MARKS, strict=True):
        for seen, told in zip(found.c, found.told_c, strict=True):
            axes.plot(layers, told, color=colour, lw=1.4)
            axes.plot(layers[::2], seen[::2], mark, ms=4, mfc="none", color=colour)
        axes.plot([], [], "-", marker=mark, ms=4, mfc="none", color=colour, label=f"σ_w² = {found.sigma_w2:g}")
    axes.plot([], [], color=INK, lw=1.4, label="theory: c′ = C(c)")
    axes.plot([], [], "o", ms=4, mfc="none", color=INK, label=f"measured, mean of {wide.nets} networks")
    axes.set_ylim(-0.05, 1.04)
    _labels(axes, "layer", "correlation c of pre-activations")
    axes.legend(fontsize=8, frameon=False, loc="lower right", ncols=2)


def _gradients(axes: Axes, data: Chaos) -> None:
    wide = data.wide[0]
    plain(axes, f"d  Mean square gradient, width {wide.width}")
    layers = np.arange(1, len(wide.gradient) + 1)
    for found, colour, mark in zip(data.wide, COLOURS, MARKS, strict=True):
        axes.plot(layers, found.told_gradient, color=colour, lw=1.4)
        axes.plot(
            layers[::2], found.gradient[::2], mark, ms=4, mfc="none", color=colour, label=f"σ_w² = {found.sigma_w2:g}"
        )
    axes.plot([], [], color=INK, lw=1.4, label="theory: χ₁ per layer")
    axes.axhline(1, color=GREY, lw=0.8)
    axes.set_yscale("log")
    _labels(axes, "layer", "mean square of dLoss/dz over the last layer's")
    axes.legend(fontsize=8, frameon=False, loc="upper right")


def _edges(at: np.ndarray) -> np.ndarray:
    """Borders of cells around these centres."""
    middle = (at[1:] + at[:-1]) / 2
    return np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
