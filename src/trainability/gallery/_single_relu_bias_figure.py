"""The figure of the entry `single-relu-bias`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.one_relu import descent, loss_surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.single_relu_bias import Bias, Plane

DEAD, LATE = "#C9CDD4", "#F4C07A"
KINDS = {
    "relu(x)": (HEALTHY, ""),
    "straight line": ("#56B4E9", "//"),
    "constant": (UNCHANGED, ".."),
    "other": (GREY, ""),
}
QUADRANT_LINES = {
    "w > 0, b > 0": (HEALTHY, "-"),
    "w > 0, b < 0": ("#E69F00", "--"),
    "w < 0, b > 0": (REMEDY, "-."),
    "w < 0, b < 0": (UNCHANGED, ":"),
}
PATHS = ((-1.5, 1.7), (-1.6, 0.7), (-0.8, -0.7), (-1.7, -1.4), (0.35, -1.7), (1.8, -1.3), (1.4, 1.8), (-0.4, 1.6))


def draw(data: Bias) -> Figure:
    """Four panels: the plane, success against steps, outcomes by sign pattern, the functions that are fitted."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11.5, 9.6), dpi=150, layout="constrained")
    picture.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    (a, b), (c, d) = picture.subplots(2, 2)
    _plane(picture, a, data)
    _steps(b, data)
    _patterns(c, data)
    _functions(d, data)
    return picture


def _plane(picture: Figure, axes: Axes, data: Bias) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grid, side = data.grid, data.side
    half = (side - 1) // 2
    edge = 2 + 1 / half
    steps = np.full((side, side), np.nan)
    kind = np.full((side, side), np.nan)
    column, row = (np.rint(v * half / 2).astype(int) + half for v in (grid.weight, grid.bias))
    good = grid.reached >= 0
    steps[row[good], column[good]] = np.maximum(grid.reached[good], 1)
    # On w = 0 > b no gradient is left either.
    kind[row[~good], column[~good]] = np.where(grid.weight[~good] > 0, 1.0, 0.0)
    extent = (-edge, edge, -edge, edge)
    image: Any = axes.imshow(
        np.log10(steps), origin="lower", extent=extent, cmap="viridis_r", vmin=2, vmax=math.log10(grid.steps),
        interpolation="nearest",
    )  # fmt: skip
    from matplotlib.colors import ListedColormap

    axes.imshow(kind, origin="lower", extent=extent, cmap=ListedColormap([DEAD, LATE]), vmin=0, vmax=1,
                interpolation="nearest")  # fmt: skip
    fine = np.linspace(-edge, edge, 240)
    w, b = np.meshgrid(fine, fine)
    levels = (0.02, 0.1, 0.25, 0.5, 1, 2, 4, 8)
    lines = axes.contour(fine, fine, 2 * loss_surface.loss(w, b), levels, colors="white", linewidths=0.7)
    axes.clabel(lines, fontsize=7, fmt="%g")
    for x, y in _paths(grid.steps):
        axes.plot(x, y, color="white", lw=2.4, solid_capstyle="round")
        axes.plot(x, y, color="black", lw=1.2)
        axes.plot(x[0], y[0], "o", ms=4.5, mfc="white", mec="black", mew=1.0)
        axes.plot(x[-1], y[-1], "o", ms=3.5, color="black")
    axes.plot(1, 0, "*", ms=13, color="#D55E00", mec="white", mew=0.8)
    axes.axhline(0, color=INK, lw=0.8)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_xlim(-edge, edge)
    axes.set_ylim(-edge, edge)
    axes.set_xlabel("weight w", fontsize=9, color=INK)
    axes.set_ylabel("bias b", fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5)
    axes.set_title(f"(a) relu(wx + b): {side} × {side} starts, lr 0.01", loc="left", fontsize=10,
                   fontweight="bold", color=INK)  # fmt: skip
    bar = picture.colorbar(image, ax=axes, shrink=0.85, pad=0.02)
    ticks = [2.0, 3.0, 4.0]
    bar.set_ticks(ticks, labels=["≤ 100", "1,000", "10,000"])
    bar.set_label("steps to a mean squared error of 0.001", fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8)
    handles: list[Any] = [
        Patch(color=DEAD, label="never: dead unit"),
        Patch(color=LATE, label=f"not within {grid.steps:,} steps"),
        Line2D([], [], color="black", lw=1.2, marker="o", mfc="white", ms=4.5, label="path of descent"),
        Line2D([], [], color="#D55E00", marker="*", ms=10, lw=0, label="target"),
        Line2D([], [], color=GREY, lw=0.9, label="mean squared error (drawn white)"),
    ]
    axes.legend(handles=handles, fontsize=7.5, loc="upper center", bbox_to_anchor=(0.55, -0.11), ncols=3, frameon=False,
                handlelength=1.6, columnspacing=1.1)  # fmt: skip


def _paths(steps: int) -> Any:
    """Weight and bias from each of `PATHS`, at steps that are close together at first: (paths, 2, looks)."""
    here = np.array([[*start, 1.0, 0.0] for start in PATHS])
    looks = np.unique(np.geomspace(1, steps, 120).astype(int))
    seen = [here[:, :2]]
    for count in np.diff(looks, prepend=0):
        here = descent.descend(here, lr=0.01, steps=int(count), learn=("weight", "bias"), convention="mse").parameters
        seen.append(here[:, :2])
    return np.moveaxis(np.array(seen), 0, 2)


def _steps(axes: Axes, data: Bias) -> None:
    plain(axes, "(b) Starts that have succeeded, by quadrant")
    for name, (colour, style) in QUADRANT_LINES.items():
        of = data.grid.inside(name)
        x, y = _curve(data.grid, of)
        if name == "w > 0, b < 0":  # these were followed for longer
            later = np.sort(data.late.reached[data.late.reached >= 0])
            x = np.concatenate([x, data.grid.steps + later, [10 * data.grid.steps]])
            more = y[-1] + np.arange(1, len(later) + 1) / of.sum()
            y = np.concatenate([y, more, [more[-1] if len(more) else y[-1]]])
        axes.step(x, 100 * y, where="post", color=colour, ls=style, lw=2, label=name)
    x, y = _curve(data.grid, np.ones(len(data.grid.weight), bool))
    axes.step(x, 100 * y, where="post", color="black", lw=1.2, label="whole square")
    marks = (2_000, 10_000, 60_000)
    for steps, published in zip(marks, (0.525, 0.621, 0.624), strict=True):
        axes.plot(steps, 100 * published, "D", ms=5, mfc="white", mec="black", zorder=5,
                  label="independent program" if steps == marks[0] else None)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(30, 10 * data.grid.steps)
    axes.set_ylim(-3, 103)
    axes.set_xlabel("steps of gradient descent", fontsize=9, color=INK)
    axes.set_ylabel("share of the starts on the grid (%)", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.06))


def _curve(grid: Plane, of: Any) -> tuple[Any, Any]:
    at = np.sort(grid.reached[of & (grid.reached >= 0)])
    x = np.concatenate([[1], np.maximum(at, 1), [grid.steps]])
    y = np.concatenate([[0], np.arange(1, len(at) + 1), [len(at)]]) / of.sum()
    return x, y


def _patterns(axes: Axes, data: Bias) -> None:
    from matplotlib.patches import Patch

    plain(axes, f"(c) a · relu(wx + b) + c: {len(data.patterns[0].loss)} starts each with b = c = 0")
    axes.grid(visible=False)
    places, names, y = [], [], 0.0
    by_signs: dict[tuple[int, int], list[Any]] = {}
    for p in data.patterns:
        by_signs.setdefault(p.signs, []).append(p)
    for signs, group in by_signs.items():
        for p in sorted(group, key=lambda p: p.lr):
            left = 0.0
            for (colour, hatch), count in zip(KINDS.values(), p.counts(), strict=True):
                share = 100 * count / len(p.loss)
                if not share:
                    continue
                axes.barh(y, share, left=left, height=0.82, color=colour, hatch=hatch, edgecolor="white", lw=0.6)
                if share >= 8:
                    axes.text(left + share / 2, y, f"{share:.0f}%", ha="center", va="center", fontsize=7.5, color=INK,
                              bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"})  # fmt: skip
                left += share
            places.append(y)
            names.append(f"lr {p.lr:g}")
            y += 1
        text = f"w {'>' if signs[0] > 0 else '<'} 0\na {'>' if signs[1] > 0 else '<'} 0"
        axes.text(-0.17, y - 2, text, transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=8.5,
                  color=INK)  # fmt: skip
        y += 0.6
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(y - 0.9, -0.7)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the starts that end at each (%), lr · steps = 160", fontsize=9, color=INK)
    handles = [Patch(facecolor=c, hatch=h, edgecolor="white", label=name) for name, (c, h) in KINDS.items()]
    axes.legend(handles=handles, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.1), ncols=4)


def _functions(axes: Axes, data: Bias) -> None:
    plain(axes, "(d) What is fitted, one run of each kind")
    x = np.linspace(-4.5, 4.5, 901)
    density = np.exp(-x * x / 2)
    axes.fill_between(x, -0.9, -0.9 + 1.1 * density, color="#E3E6EB", lw=0, label="density of the input")
    axes.plot(x, np.maximum(x, 0), color="black", lw=4.5, alpha=0.35, label="target relu(x)")
    styles = {"relu(x)": "--", "straight line": "-", "constant": "-."}
    for k, name in enumerate(styles):
        for p in data.patterns[:4]:
            where = np.flatnonzero(p.outcome == k)
            if len(where) and (k != 1 or p.signs == (-1, -1)) and (k != 2 or p.signs == (-1, 1)):
                i = where[np.argsort(p.loss[where])[len(where) // 2]]
                w, b, a, c = p.ends[i]
                label = f"{name}: MSE {p.loss[i]:.4f}"
                if k:
                    label += f", elbow (circle) {-b / w:.1f}"
                axes.plot(x, a * np.maximum(w * x + b, 0) + c, styles[name], color=KINDS[name][0], lw=2, label=label)
                if k and abs(b / w) < 4.4:
                    axes.plot(-b / w, c, "o", ms=5, mfc="white", mec=KINDS[name][0], mew=1.5, zorder=5)
                break
    axes.set_xlim(-4.5, 4.5)
    axes.set_ylim(-2.0, 5.6)
    axes.set_xlabel("input x", fontsize=9, color=INK)
    axes.set_ylabel("output", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
