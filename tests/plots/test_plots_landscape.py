"""The picture of a landscape: levels, colours, paths and points are where the numbers say."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from trainability.plots.landscape import LOST, draw_matplotlib, draw_plotly, figure, height, levels, ticks


@dataclass
class Line:
    label: str
    x: np.ndarray
    y: np.ndarray
    distance: np.ndarray
    loss: np.ndarray


@dataclass
class Surface:
    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    paths: tuple = ()
    marks: tuple = ()
    labels: tuple = ("first <b>", "second $")
    name: str = "a $name$"
    extra: dict = field(default_factory=dict)


def bowl(scale=1.0, paths=True):
    x, y = np.linspace(-2, 2, 21), np.linspace(-1, 3, 15)
    steps = np.linspace(1.8, 0.1, 6)
    line = Line("seed 1", steps, steps / 2, np.zeros(6), steps**2)
    return Surface(
        x, y, scale * (x[None] ** 2 + 1e-3 + 9 * y[:, None] ** 2), (line,) if paths else (), (("A", 0.5, 1.0),)
    )


def axes_of(data):
    made = figure(data)
    made.canvas.draw()
    return made.axes


def test_levels_are_log_spaced_where_the_range_is_large():
    wide = levels(np.array([[1e-4, 1.0], [10.0, np.nan]]), 6)
    assert wide.log
    assert np.diff(np.log10(wide.values)) == pytest.approx([1.0] * 5)
    assert (wide.values[0], wide.values[-1]) == (pytest.approx(1e-4), pytest.approx(10))
    near = levels(np.array([1.0, 2.9, np.inf]), 5)
    assert not near.log
    assert np.diff(near.values) == pytest.approx([0.475] * 4)
    assert not levels(np.array([-1.0, 1e6])).log, "a loss below 0 has no logarithm"


def test_an_exact_zero_does_not_take_all_levels():
    found = levels(np.array([0.0, 1e-30, 1e-3, 5.0]), 4)
    assert found.log
    assert found.floor == pytest.approx(5e-8)
    assert height(np.array([0.0, 1e-30]), found) == pytest.approx([np.log10(5e-8)] * 2)
    assert levels(np.array([0.0, 1e-3, 5.0])).floor == pytest.approx(1e-3)
    assert height(np.array([np.nan, np.inf]), found).tolist() == [pytest.approx(math.nan, nan_ok=True)] * 2


@pytest.mark.parametrize(
    "loss", [np.full((3, 3), 2.0), np.zeros((3, 3)), np.full((3, 3), np.nan), np.full((3, 3), -1.0)]
)
def test_flat_and_lost_landscapes_are_drawn_too(loss):
    data = Surface(np.arange(3.0), np.arange(3.0), loss)
    of = levels(loss)
    assert (np.diff(of.values) > 0).all()
    axes_of(data)
    assert draw_plotly(data).to_json()


def test_ticks_are_powers_inside_the_levels():
    for low, high in ((1e-6, 3.0), (0.02, 0.9), (2e-8, 5e9)):
        of = levels(np.array([low, high]))
        assert of.log
        found = ticks(of)
        assert 2 <= len(found) <= 8
        assert all(of.values[0] * 0.999 <= t <= of.values[-1] * 1.001 for t in found)


def test_contours_paths_and_points_are_where_the_numbers_say():
    data = bowl()
    axes = axes_of(data)[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 6]
    assert np.asarray(lines[0].get_xdata()).tolist() == data.paths[0].x.tolist()
    assert np.asarray(lines[0].get_ydata()).tolist() == data.paths[0].y.tolist()
    singles = {
        (line.get_marker(), line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }
    assert singles == {("o", 1.8, 0.9), ("*", data.paths[0].x[-1], data.paths[0].y[-1]), ("o", 0.5, 1.0)}
    assert (axes.get_xlim(), axes.get_ylim()) == ((-2, 2), (-1, 3))
    drawn = axes.collections[1]  # the contour lines
    of = levels(data.loss)
    for i, level in enumerate(of.values):
        for x, y in drawn.get_paths()[i].vertices:
            row = np.interp(y, data.y, np.arange(len(data.y)))
            near = data.loss[max(0, int(row) - 1) : int(row) + 3]
            assert near.min() * 0.999 <= level <= near.max() * 1.001, (x, y)


def test_what_is_not_finite_is_left_out_and_named():
    data = bowl(paths=False)
    data.loss[:3] = np.inf
    axes = axes_of(data)[0]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [LOST]
    assert "null" in draw_plotly(data).to_json()


def test_the_colour_bar_says_which_scale_it_is():
    assert [a.get_ylabel() for a in axes_of(bowl())][1] == "loss (log scale)"
    flat = bowl()
    flat.loss = 1 + 0.01 * flat.loss
    assert [a.get_ylabel() for a in axes_of(flat)][1] == "loss"


def test_plotly_shows_the_same():
    data = bowl()
    made = draw_plotly(data)
    assert [t.type for t in made.data] == ["contour", "scatter", "scatter"]
    assert np.array(made.data[0].z, float) == pytest.approx(np.log10(data.loss))
    assert made.data[0].text[0][0] == f"{data.loss[0, 0]:.4g}"
    assert list(made.data[1].x) == data.paths[0].x.tolist()
    assert np.array(made.data[1].customdata)[:, 0].tolist() == data.paths[0].loss.tolist()
    assert list(made.data[1].marker.symbol) == ["circle-open", *["circle"] * 4, "star"]
    assert (made.data[2].x[0], made.data[2].y[0]) == (0.5, 1.0)
    assert made.layout.xaxis.title.text == "first &lt;b&gt;"
    single = bowl()
    one = single.paths[0]
    single.paths = (Line("point", one.x[:1], one.y[:1], one.distance[:1], one.loss[:1]),)
    assert len(draw_plotly(single).data[1].marker.symbol) == 1


def test_it_draws_what_the_lab_gives():
    from matplotlib.figure import Figure

    from trainability.lab.landscape import landscape, pca_plane, trajectory
    from trainability.problems import get

    setup = get("quadratic")(0, spectrum=(1.0, 0.1))
    path = trajectory(setup, seed=0, steps=20, points=6)
    found = landscape(setup, pca_plane([path]), resolution=7, paths={"gradient descent": path})
    axes = Figure().subplots()
    draw_matplotlib(found, [axes])
    assert axes.get_xlabel() == found.labels[0]
    assert axes.get_title(loc="left") == "quadratic"
    assert len(draw_plotly(found).data) == 2
