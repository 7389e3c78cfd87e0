"""Layouts for plotly: panels in a grid that a page may rearrange, a light theme, no chart junk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trainability.plots._style import FAINT, FONT, GREY, INK, LogAxis, for_plotly, thinned

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROW, GAP, TOP, BOTTOM, LEFT, RIGHT = 250, 112, 66, 64, 70, 18
"""Pixels: height of a row of panels, the gap under it, and the margins."""


def panels(titles: Sequence[str], *, columns: int, shared: bool = False, legend: bool = True) -> Figure:
    """An empty figure of panels, axes numbered as plotly numbers them.

    Args:
        titles: one per panel; already escaped.
        columns: panels beside each other where there is room.
        shared: whether panels share the y axis, so that inner ones need no labels.
        legend: whether to leave room for one.

    Returns:
        Figure; `layout.meta` says how it is built, so that a narrow page can stack the panels.
    """
    import plotly.graph_objects as go

    count = len(titles)
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    plot = rows * ROW + (rows - 1) * GAP
    across = 0.03 if shared else 0.1
    width = (1 - across * (columns - 1)) / columns
    top = TOP if legend else 70
    layout: dict[str, Any] = {
        "template": "none",
        "height": plot + top + BOTTOM,
        "margin": {"l": LEFT, "r": RIGHT, "t": top, "b": BOTTOM},
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1 + 30 / plot,
            "yanchor": "bottom",
            "font": {"size": 12.5},
            "bgcolor": "rgba(255, 255, 255, 0)",
        },
        "meta": {"panels": count, "columns": columns, "shared": shared, "top": top},
        "annotations": [],
    }
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        n = "" if i == 0 else str(i + 1)
        left = column * (width + across)
        bottom = 1 - (row * (ROW + GAP) + ROW) / plot
        common = {"showgrid": True, "gridcolor": FAINT, "zeroline": False, "linecolor": GREY, "ticks": ""}
        layout[f"xaxis{n}"] = common | {
            "domain": [left, left + width],
            "anchor": f"y{n}",
            "showgrid": False,
            "showline": True,
        }
        layout[f"yaxis{n}"] = common | {"domain": [bottom, bottom + ROW / plot], "anchor": f"x{n}", "showline": False}
        if shared and column:
            layout[f"yaxis{n}"]["showticklabels"] = False
        layout["annotations"].append(note(i, 0, 1, f"<b>{title}</b>", x="left", y="bottom", shift=6, size=13.5))
    return go.Figure(layout=layout)


def note(
    panel: int,
    across: float,
    up: float,
    text: str,
    *,
    x: str,
    y: str,
    shift: float = 0,
    size: float = 12,
    colour: str = INK,
) -> dict[str, Any]:
    """A text placed in a panel's own frame, from (0, 0) at the bottom left to (1, 1)."""
    n = "" if panel == 0 else str(panel + 1)
    return {
        "text": text,
        "showarrow": False,
        "xref": f"x{n} domain",
        "yref": f"y{n} domain",
        "x": across,
        "y": up,
        "xanchor": x,
        "yanchor": y,
        "yshift": shift,
        "align": "left",
        "font": {"size": size, "color": colour},
    }


def axis(panel: int) -> dict[str, str]:
    """The names of a panel's axes, for a trace."""
    n = "" if panel == 0 else str(panel + 1)
    return {"xaxis": f"x{n}", "yaxis": f"y{n}"}


def key(letter: str, panel: int) -> str:
    """The name of a panel's axis in the layout."""
    return f"{letter}axis{'' if panel == 0 else panel + 1}"


def words(text: str, standoff: int = 8) -> dict[str, Any]:
    """An axis title."""
    return {"text": text, "standoff": standoff, "font": {"size": 12.5}}


def set_log(figure: Figure, panel: int, scale: LogAxis, title: str = "") -> None:
    """Make a panel's y axis logarithmic."""
    figure.layout[key("y", panel)].update(
        type="log",
        range=[math.log10(scale.low), math.log10(scale.high)],
        tickvals=list(scale.ticks),
        ticktext=list(scale.labels),
        title=words(title),
    )


def set_layers(figure: Figure, panel: int, names: Sequence[str], title: str) -> None:
    """Make a panel's x axis one of layers, with as many names as fit."""
    shown = thinned(len(names))
    texts = [for_plotly(names[i]) for i in shown]
    figure.layout[key("x", panel)].update(
        range=[-0.5, len(names) - 0.5],
        tickvals=shown,
        ticktext=texts,
        tickangle=-35 if sum(map(len, texts)) > 40 else 0,
        title=words(title, 10),
        automargin=True,
    )
