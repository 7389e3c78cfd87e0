"""Axes for matplotlib in the same look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainability.plots._style import FAINT, GREY, INK, LogAxis, for_matplotlib, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plain(axes: Axes, title: str) -> None:
    """Light frame, faint horizontal grid, title at the left."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, colors=INK)


def set_log(axes: Axes, scale: LogAxis, title: str) -> None:
    """Make the y axis logarithmic."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axes.set_yscale("log")
    axes.set_ylim(scale.low, scale.high)
    axes.yaxis.set_major_locator(FixedLocator(list(scale.ticks)))
    axes.yaxis.set_major_formatter(FixedFormatter(list(scale.labels)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel(title, fontsize=9, color=INK)


def set_layers(axes: Axes, names: Sequence[str], title: str, most: int = 10) -> None:
    """Make the x axis one of layers, with as many names as fit."""
    shown = thinned(len(names), most)
    texts = [for_matplotlib(names[i], 12) for i in shown]
    long = sum(map(len, texts)) > 40
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xticks(shown, texts, rotation=30 if long else 0, ha="right" if long else "center")
    axes.set_xlabel(title, fontsize=9, color=INK)


def gaps(line: Sequence[float | None]) -> list[float]:
    """A line with gaps as matplotlib wants it."""
    return [math.nan if v is None else v for v in line]
