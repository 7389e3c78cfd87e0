"""The figure of the entry `lr-against-scale`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._lr_against_scale_runs import LAYERS, Map
from trainability.lab.phase import Line, PhaseDiagram
from trainability.plots import phase
from trainability.plots._axes import plain
from trainability.plots._style import HEALTHY, INK, REMEDY, UNCHANGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.lr_against_scale import Maps

TITLES = {"relu": "ReLU", "tanh": "tanh"}


def draw(data: Maps) -> Figure:
    """A row per activation: outcomes, shares, borders; see `lr_against_scale.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(15.0, 5.3 * len(data.maps)), dpi=130, layout="constrained")
    grid = picture.subplots(len(data.maps), 3, squeeze=False)
    for row, one in zip(grid, data.maps, strict=True):
        diagram = PhaseDiagram(one.lr, one.scale, one.cells, _lines(one), name=one.activation)
        phase.draw_matplotlib(diagram, list(row[:2]))
        row[0].texts[-1].remove()  # it stands at the figure's foot, once per diagram
        row[0].set_title(f"{TITLES[one.activation]}, {LAYERS} layers: most frequent outcome", loc="left", fontsize=10,
                         fontweight="bold", color=INK)  # fmt: skip
        row[1].set_title(f"{TITLES[one.activation]}: share that trained ({one.cells.runs} runs)", loc="left", fontsize=10,
                         fontweight="bold", color=INK)  # fmt: skip
        for axes in row[:2]:
            axes.set_xlabel("learning rate of descent", fontsize=9, color=INK)
            axes.set_ylabel("scale of the initial weights", fontsize=9, color=INK)
        _borders(row[2], one)
    return picture


def _lines(one: Map) -> tuple[Line, ...]:
    """Theory's lines, cut at the map's edge, and the limit of the flattest chain."""
    kept = []
    for line in one.lines:
        inside = (line.x >= one.lr.low) & (line.x <= one.lr.high)
        kept.append(line if line.label == "edge of chaos" else replace(line, x=np.where(inside, line.x, np.nan)))
    return (
        *kept,
        Line("stable lr of the flattest chain", np.full(2, one.chain), np.array([one.scale.low, one.scale.high])),
    )


def _borders(axes: Axes, one: Map) -> None:
    plain(axes, f"{TITLES[one.activation]}: borders of training against theory")
    y = one.cells.y
    step = float((one.cells.x[1] / one.cells.x[0]) ** 0.5)
    for values, colour, mark, name in (
        (one.largest(), UNCHANGED, "v", "largest lr that trains half of the seeds"),
        (one.smallest(), REMEDY, "^", "smallest lr that does"),
    ):
        axes.errorbar(y, values, yerr=[values - values / step, values * step - values], fmt=mark, ms=5, lw=0.9, capsize=2,
                      color=colour, label=f"{name} (bars: half a cell)")  # fmt: skip
    axes.plot(y, one.start, "-", color=INK, lw=1.5, label="2 / sharpness at the start")
    axes.axhline(one.chain, ls="-.", color=INK, lw=1.5, label="2 / sharpness of the flattest chain that fits")
    if np.isfinite(one.widest):
        axes.axvline(
            one.widest, ls=(0, (1, 3)), color=INK, lw=1.5, label="kernel of the start: widest scale that trains"
        )
    rows = np.flatnonzero(np.isfinite(one.smallest()) & (y >= 0.5))
    if len(rows):
        at = int(rows[0])
        thin = y[y <= y[at]]
        axes.plot(thin, one.smallest()[at] * (thin / y[at]) ** (-(LAYERS - 2)), ":", color=REMEDY, lw=1.8,
                  label=f"plateau: scale^(−{LAYERS - 2}), through the row at {y[at]:.2f}")  # fmt: skip
    edge = next((float(line.y[0]) for line in one.lines if line.label == "edge of chaos"), None)
    if edge is not None:
        axes.axvline(edge, color=HEALTHY, lw=1.4, ls="--", label="edge of chaos")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(one.lr.low, one.lr.high)
    ticks = [0.2, 0.5, 1.0, 2.0]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("scale of the initial weights", fontsize=9, color=INK)
    axes.set_ylabel("learning rate", fontsize=9, color=INK)
    axes.legend(fontsize=7.8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13))
