"""Signal and gradient, layer by layer, beside what He's weights give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain
from typing import TYPE_CHECKING

from trainability.plots._style import HEALTHY, UNCHANGED, LogAxis, faded, for_plotly, log_axis, on_axis, said_once, up

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

TITLES = ("Signal, forward", "Gradient of the loss, backward")
SCALES = ("rms of the layer's output (log scale)", "rms of the gradient there (log scale)")
LAYER = "layer, from input to output"
HE, BEFORE, END = "He's weights, before training", "this setup, before training", "this setup, at the end"
DIFFERING = "the part that differs between inputs"
LEGEND = (BEFORE, HE, END, DIFFERING)


@dataclass(frozen=True)
class Profile:
    """One quantity, layer by layer.

    Args:
        start: before training.
        healthy: the same network with He's weights, before training; empty where unknown.
        end: after training; empty where unknown.
    """

    start: tuple[float, ...]
    healthy: tuple[float, ...] = ()
    end: tuple[float, ...] = ()

    def values(self) -> Iterator[float]:
        """All of them."""
        return chain(self.start, self.healthy, self.end)


@dataclass(frozen=True)
class Signal:
    """What a forward and a backward pass show.

    Args:
        layers: names of the layers with weights, from input to output.
        output: root mean square of each layer's output, over inputs and units.
        differing: root mean square of the part of it that differs between inputs.
        gradient: root mean square of the loss's gradient with respect to each layer's output.
    """

    layers: tuple[str, ...]
    output: Profile
    differing: Profile
    gradient: Profile

    def scales(self) -> tuple[LogAxis, LogAxis]:
        """The two panels' axes."""
        return log_axis(chain(self.output.values(), self.differing.values())), log_axis(self.gradient.values())


@dataclass(frozen=True)
class _Line:
    panel: int
    name: str
    values: tuple[float, ...]
    colour: str
    alpha: float = 1.0
    dotted: bool = False
    width: float = 2.5


def _lines(data: Signal) -> list[_Line]:
    lines = []
    for panel, profile in enumerate((data.output, data.gradient)):
        lines += [
            _Line(panel, END, profile.end, UNCHANGED, alpha=0.4, width=2.0),
            _Line(panel, HE, profile.healthy, HEALTHY),
            _Line(panel, BEFORE, profile.start, UNCHANGED),
        ]
    for values, colour in ((data.differing.healthy, HEALTHY), (data.differing.start, UNCHANGED)):
        lines.append(_Line(0, DIFFERING, values, colour, dotted=True, width=1.6))
    return [line for line in lines if line.values]


def draw_plotly(data: Signal) -> Figure:
    """Two panels: the signal forward, the gradient backward.

    Args:
        data: with at least one layer. A 0, an infinite value or nan stands at the panel's edge under its name.

    Returns:
        Figure.

    Example:
        >>> flat = Profile(start=(1.0, 1.0), healthy=(1.0, 0.9))
        >>> len(draw_plotly(Signal(("0", "2"), flat, flat, flat)).data)
        6
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, panels, set_layers, set_log

    figure = panels(TITLES, columns=2)
    scales = data.scales()
    for panel, (scale, words) in enumerate(zip(scales, SCALES, strict=True)):
        set_log(figure, panel, scale, words)
        set_layers(figure, panel, data.layers, LAYER)
    names = [for_plotly(name, 60) for name in data.layers]
    told: set[str] = set()
    for line in _lines(data):
        heights, marks = on_axis(line.values, scales[line.panel])
        colour = faded(line.colour, line.alpha)
        figure.add_trace(
            go.Scatter(
                x=list(range(len(heights))),
                y=heights,
                name=line.name,
                legendgroup=line.name,
                legendrank=LEGEND.index(line.name),
                showlegend=line.name not in told,
                mode="lines+markers",
                line={"color": colour, "width": line.width, "dash": "dot" if line.dotted else "solid"},
                marker={"size": 4 if line.dotted else 7, "color": colour},
                customdata=names[: len(heights)],
                hovertemplate="%{customdata}: %{y:.3g}<extra>" + line.name + "</extra>",
                **axis(line.panel),
            )
        )
        told.add(line.name)
        if marks:
            figure.add_trace(_edge(marks, line, names, axis(line.panel)))
    return figure


def _edge(marks: Sequence[tuple[int, float, str]], line: _Line, names: Sequence[str], axes: dict[str, str]) -> object:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[i for i, _, _ in marks],
        y=[height for _, height, _ in marks],
        text=[escape(word) for word in said_once(marks)],
        customdata=[f"{names[i]}: {escape(word)}" for i, _, word in marks],
        name=line.name,
        legendgroup=line.name,
        showlegend=False,
        mode="markers+text",
        textposition=["bottom center" if up(word) else "top center" for _, _, word in marks],
        textfont={"color": line.colour, "size": 12},
        cliponaxis=False,
        marker={
            "symbol": ["triangle-up" if up(word) else "triangle-down" for _, _, word in marks],
            "size": 10,
            "color": faded(line.colour, line.alpha),
        },
        hovertemplate="%{customdata}<extra>" + line.name + "</extra>",
        **axes,
    )


def draw_matplotlib(data: Signal, axes: Sequence[Axes]) -> None:
    """Draw the two panels into two axes.

    Args:
        data: with at least one layer.
        axes: the forward panel's, then the backward panel's.
    """
    from trainability.plots._axes import gaps, plain, set_layers, set_log

    scales = data.scales()
    for panel in (0, 1):
        plain(axes[panel], TITLES[panel])
        set_log(axes[panel], scales[panel], SCALES[panel])
        set_layers(axes[panel], data.layers, LAYER)
    told: set[str] = set()
    for line in _lines(data):
        heights, marks = on_axis(line.values, scales[line.panel])
        axes[line.panel].plot(
            range(len(heights)),
            gaps(heights),
            label=line.name if line.name not in told else None,
            color=line.colour,
            alpha=line.alpha,
            linewidth=line.width * 0.8,
            linestyle=":" if line.dotted else "-",
            marker="o",
            markersize=2 if line.dotted else 4,
        )
        told.add(line.name)
        for (i, height, word), said in zip(marks, said_once(marks), strict=True):
            above = up(word)
            axes[line.panel].plot(
                [i],
                [height],
                marker="^" if above else "v",
                color=line.colour,
                alpha=line.alpha,
                markersize=6,
                clip_on=False,
            )
            axes[line.panel].annotate(
                said,
                (i, height),
                xytext=(0, -14 if above else 6),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
                color=line.colour,
            )
