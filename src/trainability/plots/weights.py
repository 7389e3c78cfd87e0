"""How the weights are distributed, and how He would draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainability.plots._style import HEALTHY, UNCHANGED, faded, for_matplotlib, for_plotly

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

BINS = 32
SCALE = "density (each at its own scale)"
HE = "He's normal"
THIS = "this setup, before training"


@dataclass(frozen=True)
class Weight:
    """One weight matrix.

    Args:
        name: of the parameter.
        says: the scheme it looks like ("U[-1, 1]").
        he_std: He's standard deviation for its shape; nan where unknown.
        values: some of its values.
    """

    name: str
    says: str
    he_std: float
    values: tuple[float, ...]

    @property
    def caption(self) -> str:
        """The scheme in words, beside He's.

        Example:
            >>> Weight("0.weight", "U[-1, 1]", 0.1768, ()).caption
            'U[-1, 1]; He would be std 0.177'
        """
        he = f"; He would be std {self.he_std:.3g}" if math.isfinite(self.he_std) else ""
        return f"{self.says}{he}"

    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """(middles of the bins, counts relative to the fullest one); bins end where the values end."""
        values = np.array([v for v in self.values if math.isfinite(v)])
        largest = float(np.abs(values).max(initial=0.0)) or self.reach() / BINS
        counts, edges = np.histogram(
            values, bins=max(1, round(BINS * largest / self.reach())), range=(-largest, largest)
        )
        return (edges[:-1] + edges[1:]) / 2, counts / max(counts.max(), 1)

    def width(self) -> float:
        """Of a bar: a bin's, or wider where that could not be seen."""
        middles, _ = self.histogram()
        largest = max((abs(v) for v in self.values if math.isfinite(v)), default=0.0)
        return max(2 * largest / len(middles), self.reach() / 60)

    def normal(self) -> tuple[np.ndarray, np.ndarray]:
        """(places, He's density relative to its peak); empty where He's standard deviation is unknown."""
        if not self.he_std > 0 or not math.isfinite(self.he_std):
            return np.array([]), np.array([])
        x = np.linspace(-self.reach(), self.reach(), 301)
        return x, np.exp(-0.5 * (x / self.he_std) ** 2)

    def reach(self) -> float:
        """The panel shows -reach to reach."""
        largest = max((abs(v) for v in self.values if math.isfinite(v)), default=0.0)
        he = 3.5 * self.he_std if math.isfinite(self.he_std) else 0.0
        return 1.08 * max(largest, he) or 1.0


@dataclass(frozen=True)
class Weights:
    """Up to four matrices.

    Args:
        matrices: from input to output.
    """

    matrices: tuple[Weight, ...]


def draw_plotly(data: Weights) -> Figure:
    """One panel per matrix: its histogram, He's density over it.

    Args:
        data: with at least one matrix.

    Returns:
        Figure.

    Example:
        >>> len(draw_plotly(Weights((Weight("0.weight", "U[-1, 1]", 0.5, (-0.5, 0.5)),))).data)
        2
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, note, panels, words

    figure = panels([for_plotly(m.name, 40) for m in data.matrices], columns=2)
    for i, matrix in enumerate(data.matrices):
        x, heights = matrix.histogram()
        figure.add_trace(
            go.Bar(
                x=x.tolist(),
                y=heights.tolist(),
                width=matrix.width(),
                name=THIS,
                legendgroup=THIS,
                showlegend=i == 0,
                marker={"color": faded(UNCHANGED, 0.5), "line": {"width": 0}},
                hovertemplate="around %{x:.3g}<extra></extra>",
                **axis(i),
            )
        )
        curve, density = matrix.normal()
        figure.add_trace(
            go.Scatter(
                x=curve.tolist(),
                y=density.tolist(),
                name=HE,
                legendgroup=HE,
                showlegend=i == 0,
                mode="lines",
                line={"color": HEALTHY, "width": 2.5},
                hoverinfo="skip",
                **axis(i),
            )
        )
        figure.layout[key("x", i)].update(range=[-matrix.reach(), matrix.reach()], nticks=7, title=words("weight"))
        figure.layout[key("y", i)].update(
            range=[0, 1.22],
            showticklabels=False,
            showgrid=False,
            title=words(SCALE if i % 2 == 0 else ""),
        )
        text = for_plotly(matrix.caption, 60)
        figure.add_annotation(note(i, 0.0, 1, text, x="left", y="top", size=12.5))
    figure.update_layout(bargap=0)
    return figure


def draw_matplotlib(data: Weights, axes: Sequence[Axes]) -> None:
    """Draw each matrix into its axes.

    Args:
        data: with at least one matrix.
        axes: one per matrix.
    """
    from trainability.plots._axes import plain

    for i, (matrix, place) in enumerate(zip(data.matrices, axes, strict=True)):
        plain(place, for_matplotlib(matrix.name, 40))
        place.grid(visible=False)
        x, heights = matrix.histogram()
        place.bar(x, heights, width=matrix.width(), color=UNCHANGED, alpha=0.5, label=THIS if i == 0 else None)
        place.plot(*matrix.normal(), color=HEALTHY, linewidth=2, label=HE if i == 0 else None)
        place.set_ylim(0, 1.25)
        place.set_yticks([])
        place.set_xlabel("weight", fontsize=9)
        place.set_ylabel(SCALE if i == 0 else "", fontsize=9)
        place.text(0, 0.98, for_matplotlib(matrix.caption, 60), transform=place.transAxes, fontsize=8.5, va="top")
