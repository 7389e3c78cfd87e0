"""The figure of the entry `single-relu-output-weight`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.plots._axes import plain
from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED
from trainability.theory.one_relu import output_weight
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.single_relu_output_weight import Ends, Weights

GOOD, BAD = "#CDE8DF", "#F3E3D7"


def draw(data: Weights) -> Figure:
    """Four panels."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11.5, 9.8), dpi=150, layout="constrained")
    picture.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    (a, b), (c, d) = picture.subplots(2, 2)
    _plane(a, data, data.rates[0])
    _jumps(b, data, data.rates[-1])
    _shares(c, data)
    _kept(d, data)
    return picture


def _starts(axes: Axes, ends: Ends, most: int = 500) -> None:
    for good, mark, colour, label in ((True, "o", HEALTHY, "trained"), (False, "x", UNCHANGED, "did not")):
        seen = np.flatnonzero(ends.trained[:most] == good)
        axes.plot(ends.weight[seen], ends.output[seen], mark, ms=3.6, mew=1.0, color=colour, label=f"start that {label}",
                  mfc="white" if good else None)  # fmt: skip
    axes.axhline(0, color=GREY, lw=0.7)
    axes.axvline(0, color=GREY, lw=0.7)
    axes.set_xlim(-3, 3)
    axes.set_ylim(-3, 3)
    axes.set_aspect("equal")
    axes.set_xlabel("first input weight w", fontsize=9, color=INK)
    axes.set_ylabel("first output weight a", fontsize=9, color=INK)


def _frame(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes.tick_params(labelsize=8.5, colors=INK)


def _plane(axes: Axes, data: Weights, ends: Ends) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    _frame(axes, f"(a) lr {ends.lr:g}: success iff w > 0 and a > -w")
    axes.fill([0, 0, 3, 3], [0, 3, 3, -3], color=GOOD, lw=0)
    axes.fill([0, 3, -3, -3, 0], [0, -3, -3, 3, 3], color=BAD, lw=0)
    for q in (0.25, 1.0, 2.5, 5.0):
        t = np.linspace(-2.2, 2.2, 80)
        for x, y in ((np.sinh(t), np.cosh(t)), (np.cosh(t), np.sinh(t))):
            for sign in (1, -1):
                axes.plot(sign * np.sqrt(q) * x, sign * np.sqrt(q) * y, color="#A9B0BA", lw=0.7)
    w = np.linspace(0.2, 3, 200)
    axes.plot(w, 1 / w, color=REMEDY, lw=2.2, label="a w = 1, the target")
    axes.plot([0, 0, -3], [-3, 0, 0], color="black", lw=2.2, ls="--")
    axes.plot([0, 0], [0, 3], color="black", lw=2.2, ls="--", label="where the others end: w = 0 or a = 0")
    _starts(axes, ends, 260)
    handles, labels = axes.get_legend_handles_labels()
    handles += [Patch(color=GOOD), Line2D([], [], color="#A9B0BA", lw=0.9)]
    labels += ["predicted to succeed (3/8)", "flow lines, a² - w² constant"]
    axes.legend(handles, labels, fontsize=7.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)


def _jumps(axes: Axes, data: Weights, ends: Ends) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    _frame(axes, f"(b) lr {ends.lr:g}: long steps jump over 0")
    axes.pcolormesh(data.grid, data.grid, data.told.astype(float), cmap=ListedColormap([BAD, GOOD]), rasterized=True)
    radius = 1 / np.sqrt(ends.lr * 2 * data.below)
    for sign in (1, -1):
        axes.plot([-3, 0], [sign * radius] * 2, color="black", lw=1.8, ls=":",
                  label="first step passes 0 beyond" if sign == 1 else None)  # fmt: skip
    axes.plot([0, 0, 3], [3, 0, -3], color=REMEDY, lw=1.8, ls="--", label="edge at small lr")
    _starts(axes, ends, 260)
    handles, labels = axes.get_legend_handles_labels()
    handles.append(Patch(color=GOOD))
    labels.append("predicted to succeed (exact map)")
    axes.legend(handles, labels, fontsize=7.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)


def _bar(axes: Axes, x: float, ends: Ends, colour: str, mark: str) -> None:
    hits, n = ends.share
    lo, hi = interval(hits, n)
    axes.errorbar(x, 100 * hits / n, yerr=[[100 * (hits / n - lo)], [100 * (hi - hits / n)]], fmt=mark, color=colour, ms=6,
                  capsize=3, lw=1.4)  # fmt: skip


def _shares(axes: Axes, data: Weights) -> None:
    from matplotlib.lines import Line2D

    plain(axes, f"(c) Share of {len(data.rates[0].weight)} starts from N(0, 1)² that train")
    axes.axhline(100 * output_weight.SHARE, color=REMEDY, lw=1.6, ls="--")
    names: list[str] = []
    for i, ends in enumerate(data.rates):
        _bar(axes, i, ends, INK, "o")
        axes.plot([i - 0.3, i + 0.3], [100 * float(np.mean(ends.told))] * 2, color=UNCHANGED, lw=1.8)
        names.append(f"GD {ends.lr:g}")
    for j, ends in enumerate(data.others):
        _bar(axes, len(data.rates) + 0.5 + j, ends, HEALTHY, "s")
        names.append(f"{ends.name} {ends.lr:g}")
    at = [*range(len(data.rates)), *(len(data.rates) + 0.5 + j for j in range(len(data.others)))]
    axes.set_xticks(at, names, rotation=40, ha="right", fontsize=8)
    axes.set_ylim(30, 85)
    axes.set_ylabel("starts that train (%), 95% intervals", fontsize=9, color=INK)
    axes.set_xlabel("rule and learning rate", fontsize=9, color=INK)
    handles: list[Any] = [
        Line2D([], [], color=REMEDY, ls="--", lw=1.6, label="gradient flow, by theory: 3/8"),
        Line2D([], [], color=UNCHANGED, lw=1.8, label="predicted by the map, step by step"),
        Line2D([], [], color=INK, marker="o", ls="", label="gradient descent, trained"),
        Line2D([], [], color=HEALTHY, marker="s", ls="", label="other rules, trained"),
    ]
    axes.legend(handles=handles, fontsize=8, frameon=False, loc="upper left")


def _kept(axes: Axes, data: Weights) -> None:
    plain(axes, "(d) a² - w² at the end, against the start")
    colours, marks = (REMEDY, HEALTHY, "#E69F00", UNCHANGED, "#CC79A7", INK), "os^Dvx"
    line = np.linspace(-9, 9, 3)
    axes.plot(line, line, color="black", lw=1.2, ls="--", label="conserved")
    for ends, colour, mark in zip(data.rates, colours, marks, strict=False):
        some = slice(0, 250)
        q0 = (ends.output**2 - ends.weight**2)[some]
        with np.errstate(all="ignore"):
            q1 = (ends.end_output**2 - ends.end_weight**2)[some]
        axes.plot(q0, q1, mark, ms=3.2, color=colour, label=f"lr {ends.lr:g}", alpha=0.8, mew=0.8)
    axes.set_xlim(-6, 6)
    axes.set_ylim(-6, 6)
    axes.set_xlabel("a² - w² at the start", fontsize=9, color=INK)
    axes.set_ylabel("a² - w² at the end", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
