"""Whether probabilities keep their word: the share that came true against the share that was promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainability.plots._style import GREY, HEALTHY, REMEDY, UNCHANGED, for_plotly
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure

COLOURS = (UNCHANGED, REMEDY, HEALTHY)


@dataclass(frozen=True)
class Reliability:
    """Bins of probabilities, for one or more sources of them.

    Args:
        sources: (name, bins), at most three; a bin is (mean probability, how many came true, how many there were).
    """

    sources: tuple[tuple[str, tuple[tuple[float, int, int], ...]], ...]


def binned(
    probabilities: Sequence[float], came_true: Sequence[bool], bins: int = 10
) -> tuple[tuple[float, int, int], ...]:
    """Probabilities in bins of equal width, without the empty ones.

    Args:
        probabilities: in [0, 1].
        came_true: as many.
        bins: from 1.

    Returns:
        (mean probability, how many came true, how many there were) for each.

    Example:
        >>> binned([0.1, 0.1, 0.9], [False, True, True], bins=2)
        ((0.1, 1, 2), (0.9, 1, 1))
    """
    found: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for p, true in zip(probabilities, came_true, strict=True):
        found[min(int(p * bins), bins - 1)].append((p, bool(true)))
    return tuple(
        (sum(p for p, _ in part) / len(part), sum(true for _, true in part), len(part)) for part in found if part
    )


def draw_plotly(data: Reliability) -> Figure:
    """One line with Wilson intervals per source over the diagonal of perfect calibration.

    Args:
        data: any.

    Returns:
        Figure.

    Example:
        >>> len(draw_plotly(Reliability((("p", ((0.2, 1, 5), (0.8, 4, 5))),))).data)
        2
    """
    import plotly.graph_objects as go

    from trainability.plots._plotly import axis, key, panels

    figure = panels(["Reliability"], columns=1)
    figure.layout[key("x", 0)].update(range=[0, 1], tickformat=".0%", title="probability given")
    figure.layout[key("y", 0)].update(range=[0, 1], tickformat=".0%", title="share that trained")
    line = {"color": GREY, "dash": "dot"}
    figure.add_trace(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="perfect", line=line, hoverinfo="skip", **axis(0))
    )
    for (name, bins), colour in zip(data.sources, COLOURS, strict=False):
        shares, below, above = _bars(bins)
        figure.add_trace(
            go.Scatter(
                x=[p for p, _, _ in bins],
                y=shares,
                error_y={"type": "data", "array": above, "arrayminus": below, "thickness": 1},
                mode="lines+markers",
                name=for_plotly(name, 60),
                line={"color": colour},
                customdata=[n for _, _, n in bins],
                hovertemplate="promised %{x:.0%}, came %{y:.0%} of %{customdata}<extra>"
                + for_plotly(name, 40)
                + "</extra>",
                **axis(0),
            )
        )
    return figure


def draw_matplotlib(data: Reliability, axes: Sequence[Axes]) -> None:
    """Draw into the first of the axes.

    Args:
        data: any.
        axes: at least one.
    """
    from matplotlib.ticker import PercentFormatter

    from trainability.plots._axes import plain
    from trainability.plots._style import for_matplotlib

    place = axes[0]
    plain(place, "Reliability")
    place.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1, label="perfect")
    for (name, bins), colour in zip(data.sources, COLOURS, strict=False):
        shares, below, above = _bars(bins)
        place.errorbar(
            [p for p, _, _ in bins], shares, yerr=[below, above], color=colour, marker="o", markersize=4, capsize=2,
            linewidth=1.2, label=for_matplotlib(name, 60),
        )  # fmt: skip
    place.set_xlim(0, 1)
    place.set_ylim(0, 1)
    place.set_aspect("equal")
    place.xaxis.set_major_formatter(PercentFormatter(1.0))
    place.yaxis.set_major_formatter(PercentFormatter(1.0))
    place.set_xlabel("probability given", fontsize=9)
    place.set_ylabel("share that trained", fontsize=9)
    place.legend(frameon=False, fontsize=8, loc="upper left")


def _bars(bins: Sequence[tuple[float, int, int]]) -> tuple[list[float], list[float], list[float]]:
    shares = [true / n for _, true, n in bins]
    ends = [interval(true, n) for _, true, n in bins]
    below = [max(share - low, 0.0) for share, (low, _) in zip(shares, ends, strict=True)]
    above = [max(high - share, 0.0) for share, (_, high) in zip(shares, ends, strict=True)]
    return shares, below, above
