"""The figure of the entry `lr-momentum`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import INK
from trainability.theory.stability import spectral_radius

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.lr_momentum import Kind, Phases, Plane

LEVELS = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95]
GROWS, EDGE, DAMPED, BEST = "#F3C9AE", "#000000", "#B23B00", "#004D38"


def draw(data: Phases) -> Figure:
    """Three panels; see `lr_momentum.figure`."""
    from matplotlib.figure import Figure

    from trainability.gallery.lr_momentum import KINDS

    picture = Figure(figsize=(13.2, 5.6), dpi=150, layout="constrained")
    grid = picture.subplots(1, 3)
    shown: Any = None
    for axes, (name, plane) in zip(grid, data.planes.items(), strict=True):
        shown = _plane(axes, KINDS[name], plane)
    picture.colorbar(shown, ax=grid, label="measured factor per step (below 1 converges)", shrink=0.85, pad=0.01,
                     extend="max")  # fmt: skip
    handles, labels = grid[0].get_legend_handles_labels()
    legend = picture.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8.5, frameon=True)
    legend.get_frame().set(edgecolor="none")
    return picture


def _plane(axes: Axes, kind: Kind, plane: Plane) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    plain(axes, kind.title)
    axes.set_yscale("log")
    axes.set_xlim(0, 0.98)
    axes.set_ylim(plane.lrs[0], plane.lrs[-1])
    colours = ListedColormap(colormaps["Blues_r"](np.linspace(0.22, 1.0, 256))).with_extremes(over=GROWS)
    shown = axes.pcolormesh(
        plane.kept, plane.lrs, plane.growth, cmap=colours, vmin=0.2, vmax=1.0, shading="nearest", rasterized=True
    )
    kept, lrs = np.linspace(0.0, 0.98, 300), np.geomspace(plane.lrs[0], plane.lrs[-1], 400)
    share, rate = np.meshgrid(kept, lrs)
    radius = spectral_radius(kind.rule, rate, 1.0, **kind.hyper(share))
    lines = axes.contour(kept, lrs, radius, levels=LEVELS, colors=[INK], linewidths=0.7)
    axes.clabel(lines, fontsize=7, fmt="%g")
    axes.plot([], [], color=INK, lw=0.9, label="spectral radius (theory)")
    axes.plot(kept, kind.limit(kept), color=EDGE, lw=2, label="stability limit (theory)")
    axes.plot(plane.edge_kept, plane.edges, "o", ms=4.5, mfc="white", color=EDGE, label="measured")
    critical = kind.critical(lrs)
    inside = np.isfinite(critical) & (critical <= 0.98) & (lrs <= kind.limit(np.nan_to_num(critical)))
    axes.plot(critical[inside], lrs[inside], color=DAMPED, lw=1.8, ls="--", label="critical damping (theory)")
    axes.plot(plane.damping, plane.damping_lrs, "s", ms=4, mfc="white", color=DAMPED, label="measured")
    for kappa, mark in ((10.0, "D"), (100.0, "^")):
        lr, b, best = kind.best(kappa)
        axes.plot([b, b], [lr / kappa, lr], "-", marker=mark, ms=6, lw=1.6, color=BEST, mfc="white", mew=1.2, zorder=4)
        axes.annotate(f"k = {kappa:g}\nrate {best:.3f}", (b, lr / kappa), (-7, -2), textcoords="offset points", fontsize=8,
                      color=BEST, ha="right", va="center",
                      bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 1})  # fmt: skip
    axes.plot(
        [],
        [],
        "-",
        marker="D",
        ms=6,
        lw=1.6,
        color=BEST,
        mfc="white",
        mew=1.2,
        label="best for curvatures 1/k to 1 (theory)",
    )
    axes.grid(visible=False)
    axes.text(
        0.03,
        float(np.sqrt(kind.limit(np.array(0.0)) * plane.lrs[-1])) * 1.1,
        "diverges",
        fontsize=9,
        color=INK,
        va="center",
    )
    axes.set_xlabel(
        "1 − B: share of the old average kept" if kind.rule == "low_pass" else "momentum b", fontsize=9, color=INK
    )
    axes.set_ylabel("learning rate × curvature", fontsize=9, color=INK)
    return shown
