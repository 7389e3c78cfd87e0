"""The curves of a watched run, one figure per quantity, with a mark at each alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainability.plots._plotly import axis, key, panels, set_log, words
from trainability.plots._style import GREY, HEALTHY, REMEDY, UNCHANGED, for_plotly, log_axis
from trainability.watch.postmortem import PostMortem

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LAYERS, WIDE = 6, 30.0
"""Layers with a curve of their own, and the ratio of largest to smallest value from which an axis is logarithmic."""


@dataclass(frozen=True)
class Line:
    """One curve: its name, where it is, and how it is drawn."""

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    colour: str = REMEDY
    dash: str = "solid"


@dataclass(frozen=True)
class Quantity:
    """One quantity over the run.

    Args:
        id: for the page.
        title: what it is, with its unit or scale; caption: how to read it.
        lines: its curves.
        share: whether it lies between 0 and 1.
    """

    id: str
    title: str
    caption: str
    lines: tuple[Line, ...]
    share: bool = False


def quantities(p: PostMortem) -> tuple[Quantity, ...]:
    """What was seen of a run over its steps: the data of every figure.

    Args:
        p: any.

    Returns:
        Those quantities with at least one finite value.
    """
    steps = [x.step for x in p.looks]
    loss = [Line("loss", steps, [x.loss for x in p.looks])]
    for name, level in (("best constant answer", p.constant_loss), ("target", p.target)):
        if math.isfinite(level) and steps:
            loss.append(Line(name, [steps[0], steps[-1]], [level, level], HEALTHY, "dash"))
    every = (
        Quantity("loss", "Loss", "Mean over the steps since the look before. It should fall.", tuple(loss)),
        Quantity(
            "update",
            "One step over the weights' size",
            "The median weight matrix. Around 0.001 is usual; near 1 a step replaces the weights, below 0.00001 nothing moves.",
            (Line("median matrix", steps, [x.update for x in p.looks]),),
        ),
        Quantity(
            "gradient",
            "Gradient norm, all weights",
            "As the optimizer used it. A jump of many decades comes before most explosions.",
            (Line("all weights", steps, [x.gradient_norm for x in p.looks]),),
        ),
        Quantity("lr", "Learning rate", "The largest among the groups.", (Line("lr", steps, [x.lr for x in p.looks]),)),
        Quantity(
            "dead",
            "Dead units, share of a layer",
            "Units that answered 0 to each of the last 128 inputs or more that were looked at. They get no gradient.",
            tuple(_dead(p)),
            share=True,
        ),
        Quantity(
            "sharpness",
            "lr over the stable lr",
            "By the largest Hessian eigenvalue of the step's own mini-batch. Above 1 the sharpest direction grows; training "
            "often settles a little above.",
            (Line("ratio", [c.step for c in p.curves], [_over(c.lr, c.stable_lr) for c in p.curves], UNCHANGED),),
        ),
    )
    return tuple(q for q in every if any(_finite(line.values) for line in q.lines))


def _dead(p: PostMortem) -> list[Line]:
    if not p.looks:
        return []
    names = [name for name, _ in sorted(p.looks[-1].dead, key=lambda d: -d[1])][:LAYERS]
    found = []
    for name in names:
        points = [(x.step, share) for x in p.looks for n, share in x.dead if n == name]
        found.append(Line(name or "relu", [s for s, _ in points], [v for _, v in points], UNCHANGED))
    return found


def _over(lr: float, limit: float) -> float:
    return lr / limit if limit > 0 else 0.0


def draw_plotly(quantity: Quantity, alarms: Sequence[int]) -> Figure:
    """Draw one quantity.

    Args:
        quantity: from `quantities`.
        alarms: steps to mark.

    Returns:
        Figure.
    """
    import plotly.graph_objects as go

    figure = panels([quantity.title], columns=1, legend=False)
    values = [v for line in quantity.lines for v in _finite(line.values)]
    if quantity.share:
        figure.layout[key("y", 0)].update(range=[0, 1.02], tickformat=".0%")
    elif min(values) > 0 and max(values) > WIDE * min(values):
        set_log(figure, 0, log_axis(values))
    elif min(values) >= 0:
        figure.layout[key("y", 0)].update(rangemode="tozero")
    for line in quantity.lines:
        name = for_plotly(line.name, 40)
        figure.add_trace(
            go.Scatter(
                x=list(line.steps),
                y=[v if math.isfinite(v) else None for v in line.values],
                mode="lines+markers" if len(line.steps) < 3 else "lines",
                name=name,
                line={"color": line.colour, "width": 1.8, "dash": line.dash},
                hovertemplate=f"step %{{x}}: %{{y:.4g}}<extra>{name}</extra>",
                **axis(0),
            )
        )
    figure.layout[key("x", 0)].update(title=words("step"))
    figure.layout.shapes = [_mark(step) for step in sorted(set(alarms))]
    return figure


def _mark(step: int) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": step,
        "x1": step,
        "xref": "x",
        "y0": 0,
        "y1": 1,
        "yref": "y domain",
        "line": {"color": GREY, "width": 1, "dash": "dot"},
    }


def _finite(values: Sequence[float]) -> list[float]:
    return [v for v in values if math.isfinite(v)]
