"""A phase diagram: the most frequent outcome and the share of success over two axes, or the share over one.

Draws anything with the attributes of `Diagram`, such as what `trainability.phase_diagram` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from trainability.plots._style import FAINT, GREY, INK, for_matplotlib, for_plotly, log_axis, power, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure

OUTCOMES = ("diverged", "stalled", "learning", "trained")
COLOURS = {"diverged": "#D55E00", "stalled": "#F0E442", "learning": "#56B4E9", "trained": "#0072B2"}
"""Okabe and Ito's, chosen so that they differ in lightness too."""

LINES: tuple[Literal["solid", "dashed", "dotted", "dashdot"], ...] = ("solid", "dashed", "dotted", "dashdot")
PLOTLY_LINES = {"solid": "solid", "dashed": "dash", "dotted": "dot", "dashdot": "dashdot"}
SYMBOLS = {"here": ("X", "x"), "target": ("*", "star")}
"""Of matplotlib and of plotly."""
UNSURE, BAND = "interval contains 1/2", "95% interval (Wilson)"
DOTS = 4000
"""Most trained cells that are marked one by one."""


class Axis(Protocol):
    """Of a diagram."""

    @property
    def name(self) -> str:
        """What is varied."""

    @property
    def log(self) -> bool:
        """Whether it is logarithmic."""


class Line(Protocol):
    """A predicted boundary."""

    @property
    def label(self) -> str:
        """What it is."""

    @property
    def x(self) -> np.ndarray:
        """(n,) of its points."""

    @property
    def y(self) -> np.ndarray:
        """(n,) of its points."""


class Mark(Protocol):
    """A point that has a name."""

    @property
    def label(self) -> str:
        """What it is."""

    @property
    def x(self) -> float:
        """Where."""

    @property
    def y(self) -> float:
        """Where."""

    @property
    def kind(self) -> str:
        """ "here" or "target"."""


class Cells(Protocol):
    """What was found."""

    @property
    def x(self) -> np.ndarray:
        """(nx,) values of columns."""

    @property
    def y(self) -> np.ndarray:
        """(ny,) values of rows."""

    @property
    def by(self) -> str:
        """ "success" or "outcome": which borders were followed down to single cells."""

    @property
    def undecided(self) -> np.ndarray:
        """(ny, nx) whether the interval contains a half."""

    @property
    def outcome(self) -> np.ndarray:
        """(ny, nx) place in `OUTCOMES` of the most frequent outcome."""


class Diagram(Protocol):
    """What is drawn."""

    @property
    def x(self) -> Axis:
        """Across."""

    @property
    def y(self) -> Axis | None:
        """Up; None for a curve."""

    @property
    def cells(self) -> Cells:
        """What was found."""

    @property
    def lines(self) -> Sequence[Line]:
        """Predicted boundaries."""

    @property
    def marks(self) -> Sequence[Mark]:
        """Points with names."""

    @property
    def name(self) -> str:
        """Of what was trained."""

    @property
    def share(self) -> np.ndarray:
        """(ny, nx) share of runs that succeeded."""

    @property
    def low(self) -> np.ndarray:
        """(ny, nx) lower ends of its intervals."""

    @property
    def high(self) -> np.ndarray:
        """(ny, nx) upper ends."""

    @property
    def counts(self) -> np.ndarray:
        """(ny, nx) runs of each cell."""

    @property
    def evaluated(self) -> np.ndarray:
        """(ny, nx) whether it was trained."""

    @property
    def runs(self) -> int:
        """In all."""


def panels(data: Diagram) -> tuple[str, ...]:
    """What is drawn: ("curve",) over one axis; ("outcome",) of one run a cell; ("outcome", "share") of more."""
    if data.y is None:
        return ("curve",)
    return ("outcome", "share") if int(data.counts.max()) > 1 else ("outcome",)


def edges(values: np.ndarray, log: bool) -> np.ndarray:
    """Edges of the cells: midway between values, half a step beyond the outer ones.

    >>> edges(np.array([1.0, 2.0, 4.0]), log=False).tolist()
    [0.5, 1.5, 3.0, 5.0]
    """
    at = np.log(values) if log else np.asarray(values, dtype=float)
    if len(at) < 2:
        found = np.array([at[0] - 0.5, at[0] + 0.5])
    else:
        middle = (at[1:] + at[:-1]) / 2
        found = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
    return np.exp(found) if log else found


def caption(data: Diagram) -> str:
    """How much was trained, in words."""
    trained, all_of = int(data.evaluated.sum()), data.evaluated.size
    return f"{data.runs:,} runs in {trained:,} of {all_of:,} cells; the others lie between cells that agree"


def draw_matplotlib(data: Diagram, axes: Sequence[Axes]) -> None:
    """Draw each of `panels(data)` into its axes.

    Args:
        data: a phase diagram.
        axes: one per panel.
    """
    from matplotlib.ticker import NullLocator

    for kind, place in zip(panels(data), axes, strict=True):
        (_curve if kind == "curve" else _map)(data, place, kind)
        place.tick_params(labelsize=8.5, colors=INK)
        if data.x.log:
            place.set_xscale("log")
            ticks = _ticks(data.cells.x)
            place.set_xticks(ticks, labels=[power(t) for t in ticks])
            place.xaxis.set_minor_locator(NullLocator())
        place.set_xlabel(for_matplotlib(data.x.name, 40), fontsize=9, color=INK)
    note = axes[0].annotate(
        caption(data), (0, 0), (3, 3), xycoords="figure fraction", textcoords="offset points", fontsize=7, color=GREY
    )
    note.set_in_layout(False)  # it has its own strip below the panels


def figure(data: Diagram) -> MatplotlibFigure:
    """The diagram as a matplotlib figure of its own.

    Args:
        data: a phase diagram.

    Returns:
        Figure, to be saved; no window is opened.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(panels(data))
    made = Figure(figsize=(5.4 * count, 4.8), layout="constrained", dpi=150)
    FigureCanvasAgg(made)
    made.set_layout_engine("constrained", rect=(0, 0.04, 1, 0.96))
    draw_matplotlib(data, list(made.subplots(1, count, squeeze=False)[0]))
    if data.name:
        made.suptitle(for_matplotlib(data.name, 60), fontsize=10, fontweight="bold", color=INK)
    return made


def _map(data: Diagram, place: Axes, kind: str) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch, Rectangle
    from matplotlib.ticker import NullLocator

    assert data.y is not None
    x, y = edges(data.cells.x, data.x.log), edges(data.cells.y, data.y.log)
    handles: list[Any] = []
    if kind == "outcome":
        place.pcolormesh(x, y, data.cells.outcome, cmap=ListedColormap(list(COLOURS.values())), vmin=-0.5, vmax=3.5)
        present = [o for i, o in enumerate(OUTCOMES) if (data.cells.outcome == i).any()]
        handles += [Patch(facecolor=COLOURS[o], edgecolor=GREY, linewidth=0.5, label=o) for o in present]
        place.set_title(_outcome_title(data), loc="left", fontsize=9, color=INK)
        if data.evaluated.sum() <= DOTS and not data.evaluated.all():
            row, column = np.nonzero(data.evaluated)
            place.plot(
                data.cells.x[column], data.cells.y[row], linestyle="none", marker=".", markersize=2.2, color=INK, alpha=0.55,
                markeredgewidth=0,
            )  # fmt: skip
            handles.append(Line2D([], [], linestyle="none", marker=".", color=INK, label="trained cells"))
    else:
        image = place.pcolormesh(x, y, data.share, cmap="cividis", vmin=0, vmax=1)
        place.figure.colorbar(image, ax=place, label="share of runs that succeed")
        place.set_title("share of success", loc="left", fontsize=9, color=INK)
        for i, first, last in _stretches(data.cells.undecided):
            place.add_patch(
                Rectangle(
                    (x[first], y[i]), x[last] - x[first], y[i + 1] - y[i], facecolor="none", edgecolor="white",
                    hatch="////", linewidth=0,
                )
            )  # fmt: skip
        if data.cells.undecided.any():
            handles.append(Patch(facecolor=GREY, edgecolor="white", hatch="////", linewidth=0, label=UNSURE))
    for i, line in enumerate(data.lines):
        style = LINES[i % len(LINES)]
        # A dark line in a light one is seen on every colour.
        place.plot(line.x, line.y, color="white", linewidth=3.4, linestyle="solid", alpha=0.9)
        place.plot(line.x, line.y, color="black", linewidth=1.5, linestyle=style)
        handles.append(Line2D([], [], color="black", linestyle=style, label=for_matplotlib(line.label, 48)))
    for mark in data.marks:
        look: dict[str, Any] = {
            "marker": SYMBOLS[mark.kind][0],
            "markersize": 13,
            "linestyle": "none",
            "color": "white",
        }
        look |= {"markeredgecolor": "black", "markeredgewidth": 1.4, "label": for_matplotlib(mark.label, 48)}
        place.plot([mark.x], [mark.y], zorder=5, clip_on=False, **look)
        handles.append(Line2D([], [], **look | {"markersize": 9}))
    if data.y.log:
        place.set_yscale("log")
        ticks = _ticks(data.cells.y)
        place.set_yticks(ticks, labels=[power(t) for t in ticks])
        place.yaxis.set_minor_locator(NullLocator())
    place.set_xlim(x[0], x[-1])
    place.set_ylim(y[0], y[-1])
    place.set_ylabel(for_matplotlib(data.y.name, 40), fontsize=9, color=INK)
    place.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, frameon=False, ncols=2)


def _ticks(values: np.ndarray) -> list[float]:
    """Round numbers within a logarithmic axis, not too many."""
    found = [t for t in log_axis(values.tolist()).ticks if values[0] * 0.999 <= t <= values[-1] * 1.001]
    return found or [float(values[0]), float(values[-1])]


def _outcome_title(data: Diagram) -> str:
    followed = "" if data.cells.by == "outcome" else "; only the border of success is followed"
    return f"most frequent outcome{followed}"


def _stretches(mask: np.ndarray) -> list[tuple[int, int, int]]:
    """(row, first column, column after the last) of every run of True."""
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    row, first = np.nonzero(np.diff(padded, axis=1) == 1)
    _, last = np.nonzero(np.diff(padded, axis=1) == -1)
    return list(zip(row.tolist(), first.tolist(), last.tolist(), strict=True))


def _curve(data: Diagram, place: Axes, kind: str) -> None:
    done = data.evaluated[0]
    x, share, low, high = (v[done] for v in (data.cells.x, data.share[0], data.low[0], data.high[0]))
    place.fill_between(x, low, high, color=COLOURS["learning"], alpha=0.45, linewidth=0, label=BAND)
    place.plot(x, share, marker=".", linewidth=1.4, color=COLOURS["trained"], label="trained cells")
    for i, line in enumerate(data.lines):
        for j, at in enumerate(np.atleast_1d(line.x)):
            label = for_matplotlib(line.label, 48) if j == 0 else None
            place.axvline(at, color="black", linewidth=1.3, linestyle=LINES[(i + 1) % len(LINES)], label=label)
    place.set_ylim(-0.03, 1.03)
    ends = edges(data.cells.x, data.x.log)
    place.set_xlim(ends[0], ends[-1])
    place.grid(axis="y", color=FAINT)
    place.set_ylabel("share of runs that succeed", fontsize=9, color=INK)
    place.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, frameon=False, ncols=2)


def draw_plotly(data: Diagram) -> Figure:
    """The same for pages: cells as colours, shares and intervals where the pointer is.

    Args:
        data: a phase diagram.

    Returns:
        Figure.
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, words
    from trainability.plots._plotly import panels as empty

    kinds = panels(data)
    titles = {"outcome": "most frequent outcome", "share": "share of success", "curve": "share of success"}
    made = empty([titles[k] for k in kinds], columns=2)
    x, y = data.cells.x.tolist(), data.cells.y.tolist()
    said = [
        [
            f"{OUTCOMES[o]}, {share:.0%} ({low:.0%} to {high:.0%})" + ("" if own else ", from its neighbours")
            for o, share, low, high, own in zip(*row, strict=True)
        ]
        for row in zip(data.cells.outcome, data.share, data.low, data.high, data.evaluated, strict=True)
    ]
    for i, kind in enumerate(kinds):
        if kind == "curve":
            done = np.nonzero(data.evaluated[0])[0]
            band = {
                "x": data.cells.x[done].tolist(),
                "mode": "lines",
                "line": {"width": 0},
                "hoverinfo": "skip",
                **axis(i),
            }
            made.add_trace(go.Scatter(y=data.low[0][done].tolist(), showlegend=False, **band))
            made.add_trace(go.Scatter(y=data.high[0][done].tolist(), fill="tonexty", name=BAND, **band))
            made.add_trace(
                go.Scatter(
                    x=band["x"], y=data.share[0][done].tolist(), mode="lines+markers", line={"color": COLOURS["trained"]},
                    text=[said[0][k] for k in done], hovertemplate="%{x:.3g}: %{text}<extra></extra>", name="trained cells",
                    **axis(i),
                )
            )  # fmt: skip
        else:
            steps = [[(j + up) / 4, c] for j, c in enumerate(COLOURS.values()) for up in (0, 1)]
            shown: dict[str, Any] = {"z": data.cells.outcome.tolist(), "zmin": -0.5, "zmax": 3.5, "colorscale": steps}
            if kind == "share":
                shown = {"z": data.share.tolist(), "zmin": 0, "zmax": 1, "colorscale": "Cividis"}
            made.add_trace(
                go.Heatmap(
                    x=x, y=y, text=said, hovertemplate="%{x:.3g}, %{y:.3g}: %{text}<extra></extra>", showscale=False,
                    **shown, **axis(i),
                )
            )  # fmt: skip
        for j, line in enumerate(data.lines):
            across, up = np.atleast_1d(line.x), np.atleast_1d(line.y)
            if kind == "curve":
                across, up = np.repeat(across[:1], 2), np.array([0.0, 1.0])
            made.add_trace(
                go.Scatter(
                    x=[None if np.isnan(v) else v for v in across.tolist()],
                    y=[None if np.isnan(v) else v for v in up.tolist()], mode="lines",
                    name=for_plotly(line.label, 48), legendgroup=line.label, showlegend=i == 0,
                    line={"color": INK, "width": 2, "dash": PLOTLY_LINES[LINES[j % len(LINES)]]}, **axis(i),
                )
            )  # fmt: skip
        if kind == "outcome":
            for j, (outcome, colour) in enumerate(COLOURS.items()):
                if (data.cells.outcome == j).any():
                    look = {"symbol": "square", "size": 11, "color": colour, "line": {"color": GREY, "width": 0.5}}
                    key_only = {"x": [None], "y": [None], "mode": "markers", "hoverinfo": "skip", "showlegend": True}
                    made.add_trace(go.Scatter(name=outcome, marker=look, **key_only, **axis(i)))
        for mark in data.marks if kind != "curve" else ():
            made.add_trace(
                go.Scatter(
                    x=[mark.x], y=[mark.y], mode="markers", name=for_plotly(mark.label, 48), legendgroup=mark.label,
                    showlegend=i == 0, hovertemplate="%{x:.3g}, %{y:.3g}<extra>%{fullData.name}</extra>",
                    marker={
                        "symbol": SYMBOLS[mark.kind][1], "size": 15, "color": "white",
                        "line": {"color": "black", "width": 1.6},
                    },
                    **axis(i),
                )
            )  # fmt: skip
        for letter, one, values in (("x", data.x, data.cells.x), ("y", data.y, data.cells.y)):
            title = "share of runs that succeed" if one is None else for_plotly(one.name, 40)
            ends = np.array([-0.03, 1.03]) if one is None else edges(values, one.log)
            log = one is not None and one.log
            made.layout[key(letter, i)].update(
                type="log" if log else "linear",
                range=(np.log10(ends[[0, -1]]) if log else ends[[0, -1]]).tolist(),
                title=words(title),
                **({"dtick": 1, "exponentformat": "power"} if log else {}),
            )
    if data.name:
        made.update_layout(title={"text": for_plotly(shorten(data.name, 60), 60), "font": {"size": 14}})
    return made
