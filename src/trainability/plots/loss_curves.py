"""Loss curves of every seed, unchanged and remedied, in units of what a constant answer reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._style import GREY, REMEDY, UNCHANGED, LogAxis, faded, for_plotly, log_axis, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

PARTS = 80  # points of a drawn curve
CEILING, FLOOR = 1e3, 1e-6  # a loss beyond these is drawn at the edge
STEP = "optimizer step"
LEGEND = ("with the remedy",)


def smoothed(losses: np.ndarray, parts: int = PARTS) -> list[tuple[int, float]]:
    """Means over equal parts of a run.

    Args:
        losses: (steps,), any numbers.
        parts: at most so many.

    Returns:
        (the part's last step, counted from 1; the mean of its losses), oldest first.

    Example:
        >>> smoothed(np.array([4.0, 2.0, 1.0, 1.0]), parts=2)
        [(2, 3.0), (4, 1.0)]
    """
    losses = np.asarray(losses, dtype=np.float64)
    if not len(losses):
        return []
    ends = np.linspace(0, len(losses), min(parts, len(losses)) + 1).round().astype(int)
    with np.errstate(all="ignore"):
        return [(int(b), float(losses[a:b].mean())) for a, b in pairwise(ends)]


@dataclass(frozen=True)
class Curve:
    """One run.

    Args:
        label: what it is ("seed 1001: trained").
        steps, losses: its points; losses in the panel's unit.
        diverged: whether it ended so.
    """

    label: str
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    diverged: bool = False


@dataclass(frozen=True)
class Panel:
    """The runs of one Setup.

    Args:
        title: what was changed, or that nothing was.
        curves: one per seed.
        target: the loss to reach, in the panel's unit; nan where none is stated.
        changed: whether it is a remedy's.
    """

    title: str
    curves: tuple[Curve, ...]
    target: float = math.nan
    changed: bool = False

    @property
    def colour(self) -> str:
        """Of its lines."""
        return REMEDY if self.changed else UNCHANGED


@dataclass(frozen=True)
class LossCurves:
    """Several Setups beside each other.

    Args:
        panels: the unchanged Setup first.
        unit: what a loss of 1 is: "constant answer", "start", or "" for the loss itself, which is then drawn on a
            linear axis.
    """

    panels: tuple[Panel, ...]
    unit: str = "constant answer"

    @property
    def log(self) -> bool:
        """Whether the axis is logarithmic."""
        return bool(self.unit)

    @property
    def scale(self) -> str:
        """The axis title."""
        told = {"constant answer": "loss / best constant answer", "start": "loss / loss at the start"}
        return f"{told[self.unit]} (log scale)" if self.log else "loss"

    def axis(self) -> LogAxis:
        """The shared axis: at least a decade, with the reference and the targets on it."""
        values = [1.0, *(p.target for p in self.panels)]
        values += [v for p in self.panels for c in p.curves for v in c.losses]
        return log_axis(min(max(v, FLOOR), CEILING) for v in values if math.isfinite(v) and v > 0)


def _points(curve: Curve, data: LossCurves, axis: LogAxis) -> tuple[list[int], list[float]]:
    """The points kept on the axis, up to the first that is not finite or, for a diverged run, leaves the axis."""
    steps, losses = [], []
    for step, loss in zip(curve.steps, curve.losses, strict=True):
        if not math.isfinite(loss):
            break
        steps.append(step)
        losses.append(min(max(loss, axis.low), axis.high) if data.log else loss)
        if data.log and curve.diverged and loss >= axis.high:
            break
    return steps, losses


def _end(curve: Curve, steps: Sequence[int], losses: Sequence[float], axis: LogAxis) -> tuple[float, float]:
    """Where a diverged run's cross stands: its last point, or the top edge where it has none."""
    return (steps[-1], losses[-1]) if losses else (curve.steps[0] if curve.steps else 1, axis.high)


@dataclass(frozen=True)
class _Level:
    height: float
    word: str
    above: bool
    dashed: bool


def _references(data: LossCurves, panel: Panel, axis: LogAxis) -> list[_Level]:
    """Lines to compare with; their words stand away from where most runs end, and from each other."""
    ends = [c.losses[-1] for c in panel.curves if c.losses]
    levels = ((1.0, data.unit), (panel.target, "target")) if data.log else ((panel.target, "target"),)
    shown = [
        _Level(height, word, sum(e < height for e in ends if e == e) > len(ends) / 2, word == "target")
        for height, word in levels
        if math.isfinite(height) and (height > 0 or not data.log)
    ]
    if len(shown) == 2:
        low, high = sorted(shown, key=lambda level: level.height)
        if math.log10(high.height / low.height) < 0.1 * math.log10(axis.high / axis.low):
            if high.above:
                return [replace(low, above=False), high]
            both = " and ".join(f"{x.word} ({'dashed' if x.dashed else 'solid'})" for x in (high, low))
            return [replace(high, word=""), replace(low, word=both, above=False)]
    return shown


def _title(panel: Panel) -> str:
    return "<br>".join(for_plotly(line, 60) for line in wrapped(panel.title, 36, 3))


def draw_plotly(data: LossCurves) -> Figure:
    """One panel per Setup, one line per seed, on one shared axis.

    Args:
        data: with at least one panel.

    Returns:
        Figure. A diverged run ends with a cross.

    Example:
        >>> curve = Curve("seed 1: stalled", (1, 2), (1.0, 1.0))
        >>> len(draw_plotly(LossCurves((Panel("unchanged", (curve,)),))).data)
        1
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis as axes_of
    from trainability.plots._plotly import key, note, panels, set_log, words

    columns = 2 if len(data.panels) in (1, 2, 4) else 3
    figure = panels([_title(p) for p in data.panels], columns=columns, shared=True, legend=False)
    axis = data.axis()
    longest = max((c.steps[-1] for p in data.panels for c in p.curves if c.steps), default=1)
    for i, panel in enumerate(data.panels):
        x = figure.layout[key("x", i)]
        x.update(range=[0, longest * 1.02], title=words(STEP), nticks=5)
        first = data.scale if i % columns == 0 else ""
        if data.log:
            set_log(figure, i, axis, first)
        else:
            figure.layout[key("y", i)].update(title=words(first), matches=None if i == 0 else "y")
        for level in _references(data, panel, axis):
            figure.add_shape(
                type="line",
                xref=f"{axes_of(i)['xaxis']} domain",
                yref=axes_of(i)["yaxis"],
                x0=0,
                x1=1,
                y0=level.height,
                y1=level.height,
                layer="below",
                line={"color": GREY, "width": 1.2, "dash": "dash" if level.dashed else "solid"},
            )
            if not level.word:
                continue
            side = "bottom" if level.above else "top"
            text = note(i, 1, 0, level.word, x="right", y=side, size=11.5, colour=GREY)
            place = {"yref": axes_of(i)["yaxis"], "y": math.log10(level.height) if data.log else level.height}
            figure.add_annotation(text | place | {"bgcolor": "rgba(255, 255, 255, 0.8)", "borderpad": 0})
        for curve in panel.curves:
            steps, losses = _points(curve, data, axis)
            shown = for_plotly(curve.label, 60)
            figure.add_trace(
                go.Scatter(
                    x=steps,
                    y=losses,
                    mode="lines" if len(steps) > 1 else "markers",
                    line={"color": faded(panel.colour, 0.75), "width": 1.7},
                    name=shown,
                    hovertemplate="step %{x}: %{y:.3g}<extra>" + shown + "</extra>",
                    **axes_of(i),
                )
            )
            if curve.diverged:
                at, height = _end(curve, steps, losses, axis)
                figure.add_trace(
                    go.Scatter(
                        x=[at],
                        y=[height],
                        mode="markers",
                        marker={"symbol": "x", "size": 9, "color": panel.colour},
                        cliponaxis=False,
                        name=shown,
                        hovertemplate="diverged<extra>" + shown + "</extra>",
                        **axes_of(i),
                    )
                )
    return figure


def draw_matplotlib(data: LossCurves, axes: Sequence[Axes]) -> None:
    """Draw each panel into its axes.

    Args:
        data: with at least one panel.
        axes: one per panel; the same one several times lays panels over each other.
    """
    from trainability.plots._axes import plain, set_log

    axis = data.axis()
    for i, (panel, place) in enumerate(zip(data.panels, axes, strict=True)):
        new = place not in axes[:i]
        if new:
            plain(place, "\n".join(wrapped(panel.title)).replace("$", r"\$"))
            place.set_xlabel(STEP, fontsize=9)
            set_log(place, axis, data.scale) if data.log else place.set_ylabel(data.scale, fontsize=9)
            for level in _references(data, panel, axis):
                place.axhline(level.height, color=GREY, linewidth=1, linestyle="--" if level.dashed else "-", zorder=1)
                if not level.word:
                    continue
                place.annotate(
                    level.word,
                    (1, level.height),
                    xycoords=place.get_yaxis_transform(),
                    xytext=(0, 3 if level.above else -3),
                    textcoords="offset points",
                    ha="right",
                    va="bottom" if level.above else "top",
                    fontsize=8,
                    color=GREY,
                    zorder=5,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
                )
        for k, curve in enumerate(panel.curves):
            steps, losses = _points(curve, data, axis)
            label = LEGEND[0] if panel.changed and not k else None
            place.plot(steps, losses, color=panel.colour, alpha=0.75, linewidth=1.2, label=label)
            if curve.diverged:
                at, height = _end(curve, steps, losses, axis)
                place.plot([at], [height], marker="x", color=panel.colour, markersize=6, clip_on=False)
