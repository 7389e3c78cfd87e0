"""Units that answer 0 to every input, and values where the activation is flat, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainability.plots._style import UNCHANGED, faded, for_plotly

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

SHADES = (0.3, 0.6, 1.0)
LAYER = "activation layer, from input to output"


@dataclass(frozen=True)
class Shares:
    """One kind of share over layers and moments.

    Args:
        title: what is counted ("Dead units").
        scale: of what it is a share, for the axis.
        layers: names.
        moments: (when, the share of each layer); nan where it could not be read.
    """

    title: str
    scale: str
    layers: tuple[str, ...]
    moments: tuple[tuple[str, tuple[float, ...]], ...]

    @property
    def largest(self) -> float:
        """Among all; 0 for none."""
        return max((v for _, values in self.moments for v in values if math.isfinite(v)), default=0.0)


@dataclass(frozen=True)
class Units:
    """One panel per kind of share.

    Args:
        kinds: at least one.
    """

    kinds: tuple[Shares, ...]


def _shades(count: int) -> tuple[float, ...]:
    return SHADES[-count:] if count < 3 else SHADES


def draw_plotly(data: Units) -> Figure:
    """Bars: one group per layer, one shade per moment, the latest darkest.

    Args:
        data: with at least one kind.

    Returns:
        Figure.

    Example:
        >>> dead = Shares("Dead units", "share of units", ("1",), (("before training", (0.5,)),))
        >>> len(draw_plotly(Units((dead,))).data)
        1
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, panels, set_layers, words

    figure = panels([for_plotly(kind.title, 40) for kind in data.kinds], columns=2)
    told: set[str] = set()
    for i, kind in enumerate(data.kinds):
        set_layers(figure, i, kind.layers, LAYER)
        figure.layout[key("y", i)].update(range=[0, 1], tickformat=".0%", nticks=6, title=words(kind.scale))
        for (when, values), shade in zip(kind.moments, _shades(len(kind.moments)), strict=True):
            figure.add_trace(
                go.Bar(
                    x=list(range(len(values))),
                    y=[v if math.isfinite(v) else None for v in values],
                    name=when,
                    legendgroup=when,
                    showlegend=when not in told,
                    marker={"color": faded(UNCHANGED, shade)},
                    customdata=[for_plotly(name, 60) for name in kind.layers],
                    hovertemplate="%{customdata}: %{y:.1%}<extra>" + for_plotly(when, 40) + "</extra>",
                    **axis(i),
                )
            )
            told.add(when)
    figure.update_layout(barmode="group", bargap=0.3, bargroupgap=0.05)
    return figure


def draw_matplotlib(data: Units, axes: Sequence[Axes]) -> None:
    """Draw each kind into its axes.

    Args:
        data: with at least one kind.
        axes: one per kind.
    """
    from matplotlib.ticker import PercentFormatter

    from trainability.plots._axes import plain, set_layers

    for kind, place in zip(data.kinds, axes, strict=True):
        plain(place, kind.title)
        set_layers(place, kind.layers, LAYER)
        place.set_ylim(0, 1)
        place.yaxis.set_major_formatter(PercentFormatter(1.0))
        place.set_ylabel(kind.scale, fontsize=9)
        count = len(kind.moments)
        width = 0.75 / max(count, 1)
        for k, ((when, values), shade) in enumerate(zip(kind.moments, _shades(count), strict=True)):
            places = [i + (k - (count - 1) / 2) * width for i in range(len(values))]
            place.bar(places, values, width=width * 0.94, color=UNCHANGED, alpha=shade, label=when)
