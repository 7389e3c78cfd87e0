"""Which critical point each start reaches, over a plane of starts, with the critical points and the separatrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.plots._style import GREY, INK, faded, for_matplotlib, for_plotly, log_axis, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00")
"""Okabe and Ito's, for the labels 0, 1, 2, ...; a label beyond begins again, and -1 is grey."""

FAR = "#9CA3AF"
"""Inside of a projected point."""

DARKEST = 0.62
"""Opacity of the ink over the starts with the largest shade."""

MARKERS = {
    "minimum": ("*", "star", 130),
    "saddle": ("X", "x", 60),
    "maximum": ("^", "triangle-up", 50),
    "singular": ("o", "circle", 30),
}
"""Kind of a critical point -> marker in matplotlib, in plotly, and its size."""


@dataclass(frozen=True)
class Point:
    """A critical point on the plane.

    Args:
        x, y: where.
        kind: "minimum", "saddle", "maximum" or "singular" (where there is no gradient).
        name: what the legend calls points like it; those with one name share an entry.
        projected: whether it lies off the plane and is drawn at its nearest point of it; its inside is grey then.
    """

    x: float
    y: float
    kind: str
    name: str
    projected: bool = False


@dataclass(frozen=True, eq=False)
class Map:
    """One plane.

    Args:
        title: of the panel.
        x, y: coordinates of the columns and of the rows, evenly spaced.
        labels: (rows, columns) of whole numbers; -1 for starts that reach nothing.
        names: label -> name of its basin, in the order of the legend.
        x_title, y_title: of the axes, with what is measured.
        points: critical points.
        boundary: (n, 2), points (x, y) of the separatrices, drawn as dots.
        values: (rows, columns), drawn as a colour scale in place of the labels; None to draw the labels.
        values_title: of the scale.
        segments: (m, 2, 2), ends (x, y) of pieces of the separatrices, drawn as lines.
        shade: (rows, columns), positive numbers that darken the labels from their 1st to their 99th percentile, on a
            logarithmic scale, such as the time to reach; None for no shade.
        shade_title: of its scale, with what is measured.
        line_name: what the legend calls the separatrices.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    labels: np.ndarray
    names: dict[int, str]
    x_title: str
    y_title: str
    points: tuple[Point, ...] = ()
    boundary: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    values: np.ndarray | None = None
    values_title: str = ""
    segments: np.ndarray = field(default_factory=lambda: np.empty((0, 2, 2)))
    shade: np.ndarray | None = None
    shade_title: str = ""
    line_name: str = "separatrix (bisected)"

    def darkness(self) -> tuple[np.ndarray, float, float]:
        """The shade as numbers from 0 to 1, and the values that stand for both; what is not positive and finite is 0."""
        values = np.asarray(self.shade, float)
        good = values[np.isfinite(values) & (values > 0)]
        low, high = np.percentile(good, (1, 99)) if good.size else (1.0, 1.0)
        if not high > low:
            high = low * (1 + 1e-9)
        inside = np.clip(np.where(np.isfinite(values) & (values > 0), values, low), low, high)
        return np.log(inside / low) / np.log(high / low), float(low), float(high)

    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top: half a cell beyond the outer coordinates."""
        half_x = (self.x[-1] - self.x[0]) / max(1, len(self.x) - 1) / 2 or 0.5
        half_y = (self.y[-1] - self.y[0]) / max(1, len(self.y) - 1) / 2 or 0.5
        return self.x[0] - half_x, self.x[-1] + half_x, self.y[0] - half_y, self.y[-1] + half_y

    def codes(self) -> np.ndarray:
        """Labels as places in `names`; those without a name get the place after the last."""
        order = {label: i for i, label in enumerate(self.names)}
        names, where = np.unique(self.labels, return_inverse=True)
        return np.array([order.get(int(n), len(order)) for n in names])[where].reshape(self.labels.shape)

    def colours(self) -> list[str]:
        """One per name, and grey for what has none."""
        return [COLOURS[label % len(COLOURS)] if label >= 0 else GREY for label in self.names] + [GREY]


@dataclass(frozen=True)
class Basins:
    """Some planes beside each other.

    Args:
        maps: one per panel.
    """

    maps: tuple[Map, ...]


def shade_ticks(low: float, high: float) -> list[float]:
    """Round numbers between low and high, 3 to 7 of them where there are so many of two digits.

    Example:
        >>> shade_ticks(13.0, 31.0)
        [15.0, 20.0, 25.0, 30.0]
    """
    ticks = [t for t in log_axis([low, high]).ticks if low <= t <= high]
    if len(ticks) >= 3:
        return ticks
    from matplotlib.ticker import MaxNLocator

    return [float(t) for t in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= t <= high]


def draw_matplotlib(data: Basins, axes: Sequence[Axes]) -> None:
    """Draw each plane into its axes, its legend below it.

    Args:
        data: with at least one plane.
        axes: one per plane.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap, LogNorm, to_rgb
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    for one, place in zip(data.maps, axes, strict=True):
        handles: list[Any] = []
        if one.values is None:
            colours = one.colours()
            place.imshow(
                one.codes(), origin="lower", extent=one.extent(), aspect="auto", interpolation="nearest",
                cmap=ListedColormap(colours), vmin=-0.5, vmax=len(colours) - 0.5, alpha=0.75,
            )  # fmt: skip
            handles += [
                Patch(color=c, alpha=0.75, label=for_matplotlib(name, 60))
                for c, name in zip(colours, one.names.values(), strict=False)
            ]
        else:
            image = place.imshow(
                one.values, origin="lower", extent=one.extent(), aspect="auto", interpolation="nearest", cmap="cividis"
            )
            place.figure.colorbar(image, ax=place, label=for_matplotlib(one.values_title, 60))
        if one.shade is not None:
            dark, low, high = one.darkness()
            ink = LinearSegmentedColormap.from_list("ink", [(*to_rgb(INK), 0.0), (*to_rgb(INK), DARKEST)])
            place.imshow(
                dark,
                origin="lower",
                extent=one.extent(),
                aspect="auto",
                interpolation="nearest",
                cmap=ink,
                vmin=0,
                vmax=1,
            )
            scale = place.figure.colorbar(
                ScalarMappable(LogNorm(low, high), ink), ax=place, orientation="horizontal", location="top",
                fraction=0.05, pad=0.02, aspect=30,
            )  # fmt: skip
            ticks = shade_ticks(low, high)
            scale.set_ticks(ticks, labels=[power(t) for t in ticks])
            scale.minorticks_off()
            scale.ax.tick_params(labelsize=8, colors=INK)
            scale.set_label(for_matplotlib(one.shade_title, 60), fontsize=8, color=INK)
        if len(one.segments):
            place.add_collection(LineCollection(list(one.segments), colors=INK, linewidths=1.3))
        if len(one.boundary):
            place.plot(*one.boundary.T, linestyle="none", marker=".", markersize=1.6, color=INK)
        if len(one.boundary) or len(one.segments):
            handles.append(Line2D([], [], color=INK, linewidth=1.3, label=for_matplotlib(one.line_name, 60)))
        for name in dict.fromkeys(p.name for p in one.points):
            same = [p for p in one.points if p.name == name]
            marker, _, size = MARKERS[same[0].kind]
            handles.append(
                place.scatter(
                    [p.x for p in same],
                    [p.y for p in same],
                    marker=marker,
                    s=size,
                    color=FAR if same[0].projected else "white",
                    edgecolors=INK,
                    linewidths=1.0,
                    zorder=3,
                    label=for_matplotlib(name, 60),
                    clip_on=False,
                )
            )
        left, right, bottom, top = one.extent()
        place.set_xlim(left, right)
        place.set_ylim(bottom, top)
        place.set_title(for_matplotlib(one.title, 90), loc="left", fontsize=9.5, fontweight="bold", color=INK)
        place.set_xlabel(one.x_title, fontsize=9, color=INK)
        place.set_ylabel(one.y_title, fontsize=9, color=INK)
        place.tick_params(labelsize=8.5, colors=INK)
        if handles:
            place.legend(
                handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8, frameon=False,
                ncols=1 if max(len(str(h.get_label())) for h in handles) > 30 else 2,
            )  # fmt: skip


def draw_plotly(data: Basins) -> Figure:
    """One panel per plane, basins as colours, names where the pointer is.

    Args:
        data: with at least one plane.

    Returns:
        Figure.

    Example:
        >>> plane = Map("", np.arange(2.0), np.arange(2.0), np.array([[0, 1], [0, 1]]), {0: "a", 1: "b"}, "x", "y")
        >>> len(draw_plotly(Basins((plane,))).data)
        1
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, panels, words

    figure = panels([for_plotly(m.title, 60) for m in data.maps], columns=2)
    for i, one in enumerate(data.maps):
        colours = one.colours()
        codes = one.codes()
        names = [*one.names.values(), "reaches no named point"]
        said = np.array([for_plotly(n, 60) for n in names], dtype=object)[codes]
        common = {"x": one.x.tolist(), "y": one.y.tolist(), "text": said.tolist(), "showscale": False}
        if one.values is None:
            n = len(colours)
            steps = [[(j + up) / n, colour] for j, colour in enumerate(colours) for up in (0, 1)]
            shown = {"z": codes.tolist(), "zmin": -0.5, "zmax": n - 0.5, "colorscale": steps, "opacity": 0.75}
        else:
            shown = {"z": one.values.tolist(), "colorscale": "Cividis"}
        figure.add_trace(
            go.Heatmap(**common, **shown, hovertemplate="%{x:.3g}, %{y:.3g}: %{text}<extra></extra>", **axis(i))
        )
        if one.shade is not None:
            figure.add_trace(
                go.Heatmap(
                    **common, z=one.darkness()[0].tolist(), zmin=0, zmax=1,
                    colorscale=[[0, faded(INK, 0.0)], [1, faded(INK, DARKEST)]], customdata=np.asarray(one.shade).tolist(),
                    hovertemplate="%{x:.3g}, %{y:.3g}: %{text}, %{customdata:.3g} "
                    f"({for_plotly(one.shade_title, 60)})<extra></extra>",
                    **axis(i),
                )
            )  # fmt: skip
        if len(one.segments):
            ends = np.concatenate([one.segments, np.full((len(one.segments), 1, 2), np.nan)], 1).reshape(-1, 2)
            gap = [[None if np.isnan(v) else v for v in column] for column in ends.T.tolist()]
            figure.add_trace(
                go.Scatter(
                    x=gap[0], y=gap[1], mode="lines", hoverinfo="skip", line={"width": 1.6, "color": INK},
                    name=for_plotly(one.line_name, 40), legendgroup=one.line_name,
                    showlegend=not any(len(m.segments) for m in data.maps[:i]), **axis(i),
                )
            )  # fmt: skip
        if len(one.boundary):
            figure.add_trace(
                go.Scatter(
                    x=one.boundary[:, 0].tolist(), y=one.boundary[:, 1].tolist(), mode="markers", hoverinfo="skip",
                    marker={"size": 2.5, "color": INK}, name=for_plotly(one.line_name, 40), legendgroup=one.line_name,
                    showlegend=not any(len(m.boundary) + len(m.segments) for m in data.maps[:i]) and not len(one.segments),
                    **axis(i),
                )
            )  # fmt: skip
        for name in dict.fromkeys(p.name for p in one.points):
            same = [p for p in one.points if p.name == name]
            figure.add_trace(
                go.Scatter(
                    x=[p.x for p in same], y=[p.y for p in same], mode="markers", name=for_plotly(name, 40),
                    marker={"symbol": MARKERS[same[0].kind][1], "size": 11, "line": {"width": 1.5},
                            "color": FAR if same[0].projected else "white"},
                    **axis(i),
                )
            )  # fmt: skip
        left, right, bottom, top = one.extent()
        figure.layout[key("x", i)].update(range=[left, right], title=words(for_plotly(one.x_title, 60)))
        figure.layout[key("y", i)].update(range=[bottom, top], title=words(for_plotly(one.y_title, 60)))
    return figure
