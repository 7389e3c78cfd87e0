"""The figures that matter as one PNG, for a README or a slide."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from trainability.doctor.report import figures, words
from trainability.plots import loss_curves, signal
from trainability.plots._style import GREY, INK, for_matplotlib

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.doctor.diagnosis import Diagnosis

COLOURS = {"trains": "#00694D", "will-not-train": "#A93C00", "uncertain": "#7A5400"}


def save(diagnosis: Diagnosis, path: str | Path) -> None:
    """Write the overview as a PNG of 1800 by 660 pixels.

    Args:
        diagnosis: any.
        path: of the file, which is replaced.
    """
    draw(diagnosis).savefig(path, dpi=150, format="png", facecolor="white")


def draw(diagnosis: Diagnosis) -> Figure:
    """Signal forward, gradient backward, and the loss of the unchanged Setup beside the best remedy.

    Args:
        diagnosis: any.

    Returns:
        matplotlib Figure, free of pyplot's global state.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.4))
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.062, right=0.98, top=0.735, bottom=0.205, wspace=0.27)
    name = for_matplotlib(diagnosis.name, 40)
    colour = COLOURS.get(diagnosis.verdict, INK)
    figure.text(
        0.012, 0.955, f"{name}. {words.headline(diagnosis)}", fontsize=14, fontweight="bold", color=colour, va="top"
    )
    told = textwrap.shorten(words.clean(words.advice(diagnosis)), 150, placeholder=" …")
    figure.text(0.012, 0.875, told.replace("$", r"\$"), fontsize=10, color=GREY, va="top")

    flow = figures.signal(diagnosis)
    if flow is None:
        for place in axes[:2]:
            _empty(place, "no layer with weights was seen")
    else:
        signal.draw_matplotlib(flow, axes[:2])
    losses = figures.loss_curves(diagnosis, remedies=1)
    if losses is None:
        _empty(axes[2], "no run")
    else:
        loss_curves.draw_matplotlib(losses, [axes[2]] * len(losses.panels))
        axes[2].set_title("Loss, every seed", loc="left", fontsize=10, fontweight="bold", color=INK)
        longest = max((c.steps[-1] for p in losses.panels for c in p.curves if c.steps), default=1)
        axes[2].set_xlim(0, longest * 1.02)
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    """One row under the panels, each name once."""
    found: dict[str, Artist] = {}
    for axes in figure.axes:
        found |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    names = [n for n in (*signal.LEGEND, *loss_curves.LEGEND) if n in found]
    if names:
        handles = [found[n] for n in names]
        figure.legend(
            handles,
            names,
            loc="lower left",
            bbox_to_anchor=(0.05, 0.005),
            ncols=5,
            fontsize=9,
            frameon=False,
            columnspacing=2.2,
        )


def _empty(axes: Axes, reason: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, reason, ha="center", color=GREY)
