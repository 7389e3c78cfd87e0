"""The loss over a plane through weights: contours, and the trajectories that were projected on it.

Draws anything with the attributes of `Surface`, such as what `trainability.lab.landscape.landscape` gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED, for_matplotlib, for_plotly, power, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure

WIDE = 30.0
"""Largest over smallest loss from which levels are spaced by their logarithm."""
DEEP = 1e-8
"""Losses below this share of the largest are drawn as that."""
COLOURS = (UNCHANGED, REMEDY, HEALTHY, "#CC79A7", "#E69F00", "#56B4E9")
LOST = "loss not finite"


class Path(Protocol):
    """A trajectory."""

    @property
    def label(self) -> str:
        """What it is."""

    @property
    def x(self) -> np.ndarray:
        """(T,) its places."""

    @property
    def y(self) -> np.ndarray:
        """(T,) its places."""

    @property
    def distance(self) -> np.ndarray:
        """(T,) from the plane."""

    @property
    def loss(self) -> np.ndarray:
        """(T,) at the weights themselves."""


class Surface(Protocol):
    """What is drawn."""

    @property
    def x(self) -> np.ndarray:
        """(nx,) of the grid."""

    @property
    def y(self) -> np.ndarray:
        """(ny,) of the grid."""

    @property
    def loss(self) -> np.ndarray:
        """(ny, nx)."""

    @property
    def paths(self) -> Sequence[Path]:
        """Trajectories."""

    @property
    def marks(self) -> Sequence[tuple[str, float, float]]:
        """(name, x, y) of single points."""

    @property
    def labels(self) -> tuple[str, str]:
        """Of the axes."""

    @property
    def name(self) -> str:
        """Of what was trained."""


@dataclass(frozen=True)
class Levels:
    """Heights of the contours.

    Args:
        values: in increasing order, two or more.
        log: whether they are spaced by their logarithm.
        floor: losses below it are drawn as it; -inf for none.
        ceiling: losses above it are drawn as it.
    """

    values: tuple[float, ...]
    log: bool
    floor: float
    ceiling: float


def levels(loss: np.ndarray, count: int = 16) -> Levels:
    """Heights that show a loss: log-spaced where it is positive and its largest is above 30 times its smallest.

    Args:
        loss: any shape; what is not finite does not count.
        count: about so many.

    Returns:
        Levels. Log-spaced ones reach down to 1e-8 of the largest loss at most, so that one exact zero does not take all.

    Example:
        >>> [round(v, 6) for v in levels(np.array([1e-3, 1.0]), 4).values]
        [0.001, 0.01, 0.1, 1.0]
        >>> levels(np.array([1.0, 3.0]), 3)
        Levels(values=(1.0, 2.0, 3.0), log=False, floor=-inf, ceiling=3.0)
    """
    good = np.asarray(loss, dtype=np.float64)
    good = good[np.isfinite(good)]
    if not good.size:
        return Levels((0.0, 1.0), False, -math.inf, 1.0)
    low, high = float(good.min()), float(good.max())
    if low >= 0 and high > WIDE * low and high > 0:
        low = max(float(good[good > 0].min()), DEEP * high)
        if high > WIDE * low:
            return Levels(tuple(np.geomspace(low, high, count).tolist()), True, low, high)
        low = float(good.min())
    if not high > low:
        room = max(abs(low), 1e-12) * 1e-3
        low, high = low - room, high + room
    return Levels(tuple(np.linspace(low, high, count).tolist()), False, -math.inf, high)


def height(loss: np.ndarray, of: Levels) -> np.ndarray:
    """What is drawn: log10 of the loss where levels are, cut to their ends; nan where it is not finite.

    Example:
        >>> height(np.array([0.0, 10.0, np.inf]), Levels((1.0, 100.0), True, 1.0, 100.0)).tolist()
        [0.0, 1.0, nan]
    """
    loss = np.asarray(loss, dtype=np.float64)
    cut = np.where(np.isfinite(loss), np.clip(loss, of.floor, of.ceiling), np.nan)
    return np.log10(cut) if of.log else cut


def ticks(of: Levels) -> list[float]:
    """Losses to name beside the colours.

    Example:
        >>> ticks(Levels((0.001, 1.0), True, 0.001, 1.0))
        [0.001, 0.01, 0.1, 1.0]
    """
    low, high = of.values[0], of.values[-1]
    if not of.log:
        return list(of.values[:: max(1, len(of.values) // 5)])
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / 7))
    found = [10.0**e for e in range(first, last + 1, step)]
    return found if len(found) > 1 else [low, math.sqrt(low * high), high]


def said(loss: float, of: Levels) -> str:
    """A loss with as many digits as tell it from the next level.

    Example:
        >>> said(1.0002, levels(np.array([1.0, 1.001])))
        '1.0002'
    """
    if of.log:
        return power(loss)
    low, high = of.values[0], of.values[-1]
    return f"{loss:.{max(3, 2 + math.ceil(math.log10(max(abs(low), abs(high)) / (high - low))))}g}"


def draw_matplotlib(data: Surface, axes: Sequence[Axes]) -> None:
    """Draw contours, trajectories (a disk at the start, a star at the end) and single points.

    Args:
        data: a landscape, 2 x 2 or larger.
        axes: one, to draw into.
    """
    (place,) = axes
    _draw(data, place)


def _draw(data: Surface, axes: Axes) -> None:
    from matplotlib.patches import Patch
    from matplotlib.patheffects import Normal, Stroke

    of = levels(data.loss)
    shown = np.ma.masked_invalid(height(data.loss, of))
    heights = height(np.array(of.values), of)
    handles: list[Any] = []
    axes.set_facecolor("#D8DADF")
    if shown.count():
        filled = axes.contourf(data.x, data.y, shown, levels=heights, cmap="cividis", extend="both")
        axes.contour(
            data.x, data.y, shown, levels=heights, colors="white", linewidths=0.4, linestyles="solid", alpha=0.7
        )
        bar = axes.figure.colorbar(filled, ax=axes, pad=0.02)
        at = ticks(of)
        bar.set_ticks(height(np.array(at), of).tolist(), labels=[said(v, of) for v in at])
        bar.ax.tick_params(labelsize=8, colors=INK)
        bar.set_label("loss (log scale)" if of.log else "loss", fontsize=9, color=INK)
    if shown.mask is not np.ma.nomask and np.any(shown.mask):
        handles.append(Patch(facecolor="#D8DADF", edgecolor=GREY, linewidth=0.5, label=LOST))
    edge = [Stroke(linewidth=3.2, foreground="white"), Normal()]
    longest = np.argsort([-np.hypot(np.diff(p.x), np.diff(p.y)).sum() for p in data.paths])
    for i, path in enumerate(data.paths):
        colour = COLOURS[i % len(COLOURS)]
        above = 3 + int(np.flatnonzero(longest == i)[0]) / (1 + len(data.paths))  # a short one is seen on a long one
        axes.plot(
            path.x,
            path.y,
            color=colour,
            linewidth=1.5,
            path_effects=edge,
            label=for_matplotlib(path.label, 32),
            zorder=above,
        )
        for x, y, sign, size in ((path.x[0], path.y[0], "o", 5), (path.x[-1], path.y[-1], "*", 10)):
            axes.plot([x], [y], marker=sign, markersize=size, color=colour, markeredgecolor="white", zorder=above)
    for name, x, y in data.marks:
        axes.plot([x], [y], marker="o", markersize=5, color=INK, markeredgecolor="white", linestyle="none", zorder=5)
        axes.annotate(
            for_matplotlib(name), (x, y), (5, 4), textcoords="offset points", fontsize=8.5, color="white", zorder=5,
            path_effects=[Stroke(linewidth=2, foreground=INK), Normal()],
        )  # fmt: skip
    axes.set_xlim(float(data.x[0]), float(data.x[-1]))
    axes.set_ylim(float(data.y[0]), float(data.y[-1]))
    across, up = data.labels
    axes.set_xlabel(for_matplotlib(across, 60), fontsize=9, color=INK)
    axes.set_ylabel(for_matplotlib(up, 60), fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5, colors=INK)
    if data.name:
        axes.set_title(for_matplotlib(data.name, 60), loc="left", fontsize=10, fontweight="bold", color=INK)
    handles += axes.get_legend_handles_labels()[0]
    if 0 < len(handles) <= 12:
        axes.legend(
            handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=8, frameon=False, ncols=3
        )


def figure(data: Surface) -> MatplotlibFigure:
    """The landscape as a matplotlib figure of its own.

    Args:
        data: a landscape.

    Returns:
        Figure, to be saved; no window is opened.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(6.2, 5.2), layout="constrained", dpi=150)
    FigureCanvasAgg(made)
    draw_matplotlib(data, [made.subplots()])
    return made


def draw_plotly(data: Surface) -> Figure:
    """The same for pages: the loss where the pointer is, and how far a trajectory is from the plane.

    Args:
        data: a landscape.

    Returns:
        Figure.
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, panels, words

    of = levels(data.loss)
    made = panels([for_plotly(shorten(data.name, 60), 60)], columns=1, legend=bool(data.paths))
    drawn = height(data.loss, of)
    heights = height(np.array(of.values), of)
    at = ticks(of)
    made.add_trace(
        go.Contour(
            x=data.x.tolist(),
            y=data.y.tolist(),
            z=[[None if math.isnan(v) else v for v in row] for row in drawn.tolist()],
            text=[[f"{v:.4g}" for v in row] for row in data.loss.tolist()],
            hovertemplate="%{x:.3g}, %{y:.3g}: loss %{text}<extra></extra>",
            colorscale="Cividis",
            autocontour=False,
            contours={"start": heights[0], "end": heights[-1], "size": (heights[-1] - heights[0]) / (len(heights) - 1)},
            line={"width": 0.4, "color": "white"},
            colorbar={
                "title": {"text": "loss (log)" if of.log else "loss"},
                "tickvals": height(np.array(at), of).tolist(),
                "ticktext": [said(v, of) for v in at],
            },
            **axis(0),
        )
    )
    for i, path in enumerate(data.paths):
        colour = COLOURS[i % len(COLOURS)]
        signs = ["circle-open", *["circle"] * (len(path.x) - 2), "star"][-len(path.x) :]
        made.add_trace(
            go.Scatter(
                x=path.x.tolist(),
                y=path.y.tolist(),
                customdata=np.stack([path.loss, path.distance], -1).tolist(),
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": signs, "size": [3 if s == "circle" else 10 for s in signs], "color": colour},
                name=for_plotly(path.label, 32),
                hovertemplate="loss %{customdata[0]:.4g}, %{customdata[1]:.3g} from the plane<extra></extra>",
                **axis(0),
            )
        )
    for name, x, y in data.marks:
        made.add_trace(
            go.Scatter(
                x=[x],
                y=[y],
                mode="markers+text",
                text=[for_plotly(name)],
                textposition="top right",
                textfont={"color": "white"},
                marker={"color": INK, "size": 8, "line": {"color": "white", "width": 1}},
                showlegend=False,
                hoverinfo="skip",
                **axis(0),
            )
        )
    for letter, values, title in (("x", data.x, data.labels[0]), ("y", data.y, data.labels[1])):
        made.layout[key(letter, 0)].update(
            range=[float(values[0]), float(values[-1])], title=words(for_plotly(title, 60))
        )
    return made
