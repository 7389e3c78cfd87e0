"""The figure of a measurement: both ways to draw it, with what a logarithm cannot show."""

import math

import pytest
from matplotlib.figure import Figure

from trainability.plots.sharpness import Line, SharpnessFigure, draw_matplotlib, draw_plotly

FULL = SharpnessFigure(
    (-1.0, 0.0, 1.0, 2.0),
    (0.2, 0.0, 0.8),
    (2.0, 1.5),
    (-1.0,),
    (Line("0.9 of the limit: decreases", (1.0, 0.5, 0.1)), Line("1.1 <b>$", (1.0, 50.0, 1e30, math.inf))),
)
EMPTY = SharpnessFigure((), (), (math.nan,), (math.nan,), ())


@pytest.mark.parametrize("data", [FULL, EMPTY])
def test_both_are_drawn(data):
    assert len(draw_plotly(data).data) == (1 if data.shares else 0) + len(data.lines)
    draw_plotly(data).to_json()
    sheet = Figure()
    draw_matplotlib(data, list(sheet.subplots(1, 2)))
    sheet.canvas.draw()


def test_what_is_shown():
    assert FULL.marks() == [(2.0, "largest"), (1.5, ""), (-1.0, "smallest")]
    assert EMPTY.marks() == []
    shown = FULL.clipped(FULL.lines[1])
    assert shown[:2] == [1.0, 50.0]
    assert shown[2] == pytest.approx(FULL.losses().high)
    assert shown[3] is None
    assert FULL.losses().high < 1e8
