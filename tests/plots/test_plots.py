"""The figures: what is drawn where, and what no axis may break on."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trainability.plots as plots
from trainability.plots._style import for_matplotlib, for_plotly, log_axis, on_axis, thinned
from trainability.plots.basins import Basins, Map, Point
from trainability.plots.forecast import ForecastFigure, Quantity
from trainability.plots.loss_curves import Curve, LossCurves, Panel, smoothed
from trainability.plots.reliability import Reliability
from trainability.plots.sharpness import Line, SharpnessFigure
from trainability.plots.signal import Profile, Signal
from trainability.plots.units import Shares, Units
from trainability.plots.weights import Weight, Weights

EVIL = "<script>alert(1)</script>"


def profile(*values):
    return Profile(start=values, healthy=tuple(1.0 for _ in values), end=values)


def signal(*values, names=None):
    flow = profile(*values)
    return Signal(names or tuple(map(str, range(len(values)))), flow, flow, flow)


EXAMPLES = {
    "basins": Basins(
        (
            Map(
                EVIL,
                np.arange(3.0),
                np.arange(2.0),
                np.array([[0, 1, -1], [0, 5, 1]]),
                {0: EVIL, 1: "cost$"},
                EVIL,
                "y",
                (Point(1.0, 1.0, "saddle", EVIL),),
                np.array([[0.5, 0.5]]),
            ),
        )
    ),
    "signal": signal(1.0, 0.0, math.nan, math.inf, 1e-30),
    "loss_curves": LossCurves((Panel(EVIL, (Curve(EVIL, (1, 2, 3), (1.0, 1e9, math.nan), True),), 0.5),) * 3),
    "weights": Weights((Weight(EVIL, "every weight 0", 0.2, (0.0,) * 9), Weight("b", "x", math.nan, (1.0, math.nan)))),
    "units": Units((Shares("Dead units", "share", (EVIL, "2"), (("before", (0.5, math.nan)),)),)),
}


EXAMPLES |= {
    "forecast": ForecastFigure(
        (EVIL, "cost$", "2"),
        Quantity((1.0, 0.0, None), (math.nan, math.inf, 1e-30), (0.1, math.inf, None)),
        Quantity((1.0, 0.5, None), (1.0, None, 2.0)),
        Quantity((-0.1, None, 1.0), (0.0, 0.5, 1.0)),
    ),
    "landscape": SimpleNamespace(
        x=np.arange(3.0), y=np.arange(2.0), loss=np.array([[1.0, 2.0, math.nan], [1e-9, math.inf, 3.0]]), paths=(),
        marks=((EVIL, 1.0, 0.5),), labels=(EVIL, "cost$"), name=EVIL,
    ),
    "phase": SimpleNamespace(
        x=SimpleNamespace(name=EVIL, log=True), y=SimpleNamespace(name="cost$", log=False), name=EVIL, runs=4, lines=(),
        marks=(SimpleNamespace(label=EVIL, x=0.1, y=1.0, kind="here"), SimpleNamespace(label="$", x=1.0, y=0.0, kind="target")),
        cells=SimpleNamespace(
            x=np.array([0.1, 1.0]), y=np.array([0.0, 1.0]), undecided=np.zeros((2, 2), bool),
            outcome=np.arange(4).reshape(2, 2), by="success",
        ),
        share=np.eye(2), low=np.eye(2) * 0.5, high=np.eye(2) * 0.5 + 0.5, counts=np.full((2, 2), 4),
        evaluated=np.ones((2, 2), bool),
    ),
    "reliability": Reliability(((EVIL, ((0.1, 0, 7), (0.9, 5, 5))), ("cost$", ((0.5, 1, 2),)))),
    "sharpness": SharpnessFigure(
        (-1.0, 0.0, 1.0), (0.2, 0.8), (2.0,), (-1.0,), (Line(EVIL, (1.0, 1e30, math.inf)), Line("cost$", (1.0, math.nan)))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", plots.__all__)
def test_both_ways_to_draw(name):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    module, data = getattr(plots, name), EXAMPLES[name]
    figure = module.draw_plotly(data)
    assert len(figure.data) > 0
    assert "<script" not in figure.to_json()
    canvas = FigureCanvasAgg(Figure())
    axes = canvas.figure.subplots(1, 3)
    panels = {"basins": 1, "forecast": 3, "landscape": 1, "signal": 2, "loss_curves": 3, "phase": 2, "sharpness": 2}
    count = {**panels, "weights": 2, "units": 1, "reliability": 1}[name]
    module.draw_matplotlib(data, list(axes[:count]))
    canvas.draw()


def test_every_figure_is_listed():
    here = Path(plots.__file__).parent
    assert {p.stem for p in here.glob("*.py") if not p.stem.startswith("_")} == set(plots.__all__)


@given(st.lists(st.floats(allow_subnormal=False), max_size=20))
def test_a_log_axis_shows_every_number(values):
    axis = log_axis(values)
    assert 0 <= axis.low < axis.high
    assert len(axis.ticks) == len(axis.labels) <= 12
    line, marks = on_axis(values, axis)
    for value, height in zip(values, line, strict=True):
        if height is not None:
            assert axis.low <= value <= axis.high
    assert len(marks) == line.count(None)
    assert all(height in (axis.low, axis.high) for _, height, _ in marks)


def test_what_a_logarithm_cannot_show_stands_at_the_edge_under_its_name():
    _, marks = on_axis([0.0, 1.0, math.nan, math.inf, -1.0], log_axis([0.0, 1.0, math.inf]))
    assert [(i, word) for i, _, word in marks] == [(0, "0"), (2, "nan"), (3, "∞"), (4, "< 0")]


def test_a_figure_of_zeros_draws():
    figure = plots.signal.draw_plotly(signal(0.0, 0.0))
    assert any("0" in (trace.text or ()) for trace in figure.data)


def test_layers_called_twice_keep_their_places():
    figure = plots.signal.draw_plotly(signal(1.0, 2.0, 3.0, names=("a", "a", "b")))
    assert list(figure.layout.xaxis.ticktext) == ["a", "a", "b"]
    assert list(figure.data[0].x) == [0, 1, 2]


def test_smoothed_keeps_the_mean_and_the_end():
    losses = np.random.default_rng(0).random(1000)
    points = smoothed(losses, parts=200)
    assert len(points) == 200
    assert points[-1][0] == 1000
    assert np.mean([loss for _, loss in points]) == pytest.approx(losses.mean())
    assert smoothed(np.array([])) == []


def test_a_diverged_run_ends_with_a_cross():
    curve = Curve("seed 1: diverged", (1, 2, 3, 4), (1.0, 1e9, 1e12, math.nan), diverged=True)
    figure = plots.loss_curves.draw_plotly(LossCurves((Panel("unchanged", (curve,)),)))
    line, cross = figure.data
    assert cross.marker.symbol == "x"
    assert list(line.x) == [1, 2], "the line stops where it leaves the axis"
    assert math.log10(cross.y[0]) == pytest.approx(figure.layout.yaxis.range[1])


def test_a_histogram_spans_its_values_and_hes_curve_has_its_width():
    weight = Weight("w", "U[-1, 1]", 0.2, tuple(np.linspace(-1, 1, 4000).tolist()))
    middles, heights = weight.histogram()
    assert heights.min() > 0.9, "a uniform sample is flat to its ends"
    assert abs(middles).max() + (middles[1] - middles[0]) / 2 == pytest.approx(1.0)
    x, density = weight.normal()
    assert np.interp(0.2, x, density) == pytest.approx(math.exp(-0.5), abs=1e-3)


def test_thinned_keeps_both_ends():
    for count in range(1, 200):
        chosen = thinned(count)
        assert chosen[0] == 0
        assert chosen[-1] == count - 1
        assert len(chosen) <= 13


def test_names_are_safe_to_draw():
    assert for_plotly("<b>") == "&lt;b&gt;"
    assert for_matplotlib("$x$") == r"\$x\$"
    assert len(for_matplotlib("a" * 99)) == 15
