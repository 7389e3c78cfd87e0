"""Where a Hessian's eigenvalues lie, and what training just below and just above the stable lr did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainability.plots._style import (
    GREY,
    HEALTHY,
    REMEDY,
    UNCHANGED,
    LogAxis,
    for_matplotlib,
    for_plotly,
    log_axis,
    on_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

TITLES = ("Eigenvalues of the Hessian", "Loss around the stable lr")
ACROSS = ("eigenvalue", "optimizer step")
UP = ("share of eigenvalues (log scale)", "loss / start (log scale)")
COLOURS = (HEALTHY, UNCHANGED, REMEDY)


@dataclass(frozen=True)
class Line:
    """The losses of one lr.

    Args:
        label: what it is ("0.9 of the limit: decreases").
        losses: before the first step and after each, over the start's; anything that is not finite ends it.
    """

    label: str
    losses: tuple[float, ...]


@dataclass(frozen=True)
class SharpnessFigure:
    """Two panels.

    Args:
        edges: (B + 1,) ends of the bins.
        shares: (B,) share of the eigenvalues in each bin, estimated; 0 where there are none.
        largest, smallest: eigenvalues to mark.
        lines: one per lr tried.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    largest: tuple[float, ...]
    smallest: tuple[float, ...]
    lines: tuple[Line, ...]

    def heights(self) -> LogAxis:
        """The left panel's axis."""
        return log_axis([s for s in self.shares if s > 0] or [1.0])

    def losses(self) -> LogAxis:
        """The right panel's axis; a loss beyond 1e6 or below 1e-6 of the start stands at its edge."""
        good = [v for line in self.lines for v in line.losses if math.isfinite(v) and v > 0]
        return log_axis([min(max(v, 1e-6), 1e6) for v in good] or [1.0])

    def clipped(self, line: Line) -> list[float | None]:
        """A line's losses within the axis, a gap where a logarithm has no place."""
        axis = self.losses()
        values = [min(v, axis.high) if math.isfinite(v) else math.inf for v in line.losses]
        return on_axis([max(v, axis.low) if v > 0 else v for v in values], axis)[0]

    def marks(self) -> list[tuple[float, str]]:
        """Eigenvalues to mark with what they are."""
        told = [(v, "largest" if i == 0 else "") for i, v in enumerate(self.largest)]
        told += [(v, "smallest" if i == 0 else "") for i, v in enumerate(self.smallest)]
        return [(v, word) for v, word in told if math.isfinite(v)]


def draw_plotly(data: SharpnessFigure) -> Figure:
    """Bars of the density with the outermost eigenvalues marked; one line per lr.

    Args:
        data: a panel without data stays empty.

    Returns:
        Figure.

    Example:
        >>> figure = draw_plotly(SharpnessFigure((0.0, 1.0), (1.0,), (1.0,), (0.0,), (Line("own lr", (1.0, 0.5)),)))
        >>> len(figure.data)
        2
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, panels, set_log, words

    figure = panels(list(TITLES), columns=2)
    if data.shares:
        base = data.heights().low
        middles = [(a + b) / 2 for a, b in zip(data.edges[:-1], data.edges[1:], strict=True)]
        figure.add_trace(
            go.Bar(
                x=middles,
                y=[s - base if s > base else None for s in data.shares],
                base=base,
                width=[b - a for a, b in zip(data.edges[:-1], data.edges[1:], strict=True)],
                name="estimated share",
                marker={"color": GREY},
                hovertemplate="around %{x:.3g}<extra></extra>",
                showlegend=False,
                **axis(0),
            )
        )
    for value, word in data.marks():
        figure.add_vline(x=value, line={"color": UNCHANGED, "width": 1.2, "dash": "dot"}, row=None, col=None)
        shape = figure.layout.shapes[-1]
        shape.update(xref=axis(0)["xaxis"], yref=f"{axis(0)['yaxis']} domain")
        if word:
            figure.add_annotation(
                x=value, y=1, xref=axis(0)["xaxis"], yref=f"{axis(0)['yaxis']} domain", text=word, showarrow=False,
                yanchor="top", xanchor="right" if word == "largest" else "left", font={"size": 11, "color": GREY},
            )  # fmt: skip
    for i, line in enumerate(data.lines):
        figure.add_trace(
            go.Scatter(
                x=list(range(len(line.losses))),
                y=data.clipped(line),
                mode="lines",
                name=for_plotly(line.label, 60),
                line={"color": COLOURS[i % len(COLOURS)], "width": 2},
                hovertemplate="step %{x}: %{y:.3g}<extra></extra>",
                **axis(1),
            )
        )
    set_log(figure, 0, data.heights(), UP[0])
    set_log(figure, 1, data.losses(), UP[1])
    for i, title in enumerate(ACROSS):
        figure.layout[key("x", i)].update(title=words(title))
    return figure


def draw_matplotlib(data: SharpnessFigure, axes: Sequence[Axes]) -> None:
    """Draw both panels.

    Args:
        data: a panel without data stays empty.
        axes: two.
    """
    from trainability.plots._axes import gaps, plain, set_log

    left, right = axes
    for place, title, across in zip(axes, TITLES, ACROSS, strict=True):
        plain(place, title)
        place.set_xlabel(across, fontsize=9)
    set_log(left, data.heights(), UP[0])
    set_log(right, data.losses(), UP[1])
    if data.shares:
        left.bar(
            data.edges[:-1],
            data.shares,
            width=[b - a for a, b in zip(data.edges[:-1], data.edges[1:], strict=True)],
            align="edge",
            color=GREY,
        )
    for value, word in data.marks():
        left.axvline(value, color=UNCHANGED, linewidth=1, linestyle=":")
        if word:
            side = "right" if word == "largest" else "left"
            place_of = left.get_xaxis_transform()
            left.text(value, 0.98, f" {word} ", transform=place_of, ha=side, va="top", fontsize=8, color=GREY)
    for i, line in enumerate(data.lines):
        colour = COLOURS[i % len(COLOURS)]
        right.plot(gaps(data.clipped(line)), color=colour, linewidth=1.6, label=for_matplotlib(line.label, 60))
    if data.lines:
        right.legend(fontsize=8, frameon=False)
