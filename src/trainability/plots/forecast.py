"""Signal, gradient and correlation along a network before training: theory's line through what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from trainability.plots._style import GREY, INK, REMEDY, UNCHANGED, for_plotly, log_axis, on_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Quantity:
    """One quantity at every operation; None where it is unknown.

    Args:
        predicted: by theory.
        measured: by passes through the network.
        error: relative error that theory states; None without.
    """

    predicted: Values
    measured: Values
    error: Values = ()

    def values(self) -> Iterator[float]:
        """All that are known."""
        return (v for v in chain(self.predicted, self.measured) if v is not None)


@dataclass(frozen=True)
class ForecastFigure:
    """What `draw_matplotlib` draws.

    Args:
        layers: names, from input to output.
        mean_square: of each output.
        gradient: mean square of the gradient at each output, for a standard Gaussian one at the network's output.
        correlation: mean cosine between inputs.
    """

    layers: tuple[str, ...]
    mean_square: Quantity
    gradient: Quantity
    correlation: Quantity


PANELS = (
    ("Signal, forward", "mean square of the output (log scale)"),
    ("Gradient, backward", "mean square of the gradient (log scale)"),
    ("Likeness of inputs", "mean cosine between two inputs"),
)


def draw_plotly(data: ForecastFigure) -> Figure:
    """Mean square, gradient and correlation, for a page.

    Args:
        data: equally many values everywhere.

    Returns:
        Figure.

    >>> one = Quantity((1.0, 0.5), (1.1, 0.4))
    >>> len(draw_plotly(ForecastFigure(("0", "1"), one, one, one)).data)
    6
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, panels, set_log, words

    figure = panels([title for title, _ in PANELS], columns=3)
    names = [for_plotly(name, 40) for name in data.layers]
    for n, quantity in enumerate((data.mean_square, data.gradient, data.correlation)):
        scale = log_axis(quantity.values()) if n < 2 else None
        for values, word, colour in (
            (quantity.predicted, "predicted", REMEDY),
            (quantity.measured, "measured", UNCHANGED),
        ):
            known = [math.nan if v is None else v for v in values]
            figure.add_trace(
                go.Scatter(
                    x=list(range(len(names))),
                    y=on_axis(known, scale)[0] if scale else known,
                    mode="lines" if word == "predicted" else "markers",
                    name=word,
                    legendgroup=word,
                    showlegend=n == 0,
                    text=names,
                    line={"color": colour, "width": 2},
                    marker={"color": colour, "symbol": "circle-open", "size": 7},
                    hovertemplate="%{text}: %{y:.3g}<extra></extra>",
                    **axis(n),
                )
            )
        if scale:
            set_log(figure, n, scale, PANELS[n][1])
        else:
            figure.layout[key("y", n)].update(title=words(PANELS[n][1]))
        figure.layout[key("x", n)].update(title=words("operation, from input to output"))
    return figure


def draw_matplotlib(data: ForecastFigure, axes: Sequence[Axes]) -> None:
    """Draw mean square, gradient and correlation.

    Args:
        data: equally many values everywhere.
        axes: three.

    >>> from matplotlib.figure import Figure
    >>> one = Quantity((1.0, 0.5), (1.1, 0.4), (0.1, 0.1))
    >>> draw_matplotlib(ForecastFigure(("0", "1"), one, one, one), Figure().subplots(1, 3))
    """
    from trainability.plots._axes import plain, set_layers, set_log

    quantities = (data.mean_square, data.gradient, data.correlation)
    for n, (ax, quantity, (title, label)) in enumerate(zip(axes, quantities, PANELS, strict=True)):
        plain(ax, title)
        at = range(len(data.layers))
        line = [math.nan if v is None else v for v in quantity.predicted]
        dots = [math.nan if v is None else v for v in quantity.measured]
        if quantity.error:
            spread = [math.nan if e is None else 1 + min(e, 1e6) for e in quantity.error]
            low = [v / e for v, e in zip(line, spread, strict=True)]
            high = [v * e for v, e in zip(line, spread, strict=True)]
            ax.fill_between(at, low, high, color=REMEDY, alpha=0.18, lw=0, label="theory's own error")
        ax.plot(at, line, color=REMEDY, lw=1.6, label="predicted")
        ax.plot(at, dots, "o", ms=4, mfc="none", color=UNCHANGED, label="measured")
        if n < 2:
            scale = log_axis(quantity.values())
            set_log(ax, scale, label)
        else:
            ax.set_ylim(-0.05, 1.05) if all(v >= 0 for v in quantity.values()) else ax.set_ylim(-1.05, 1.05)
            ax.set_ylabel(label, fontsize=9, color=INK)
        set_layers(ax, data.layers, "operation, from input to output", most=8)
        ax.tick_params(axis="x", colors=GREY)
    axes[0].legend(fontsize=8, frameon=False, loc="best")
