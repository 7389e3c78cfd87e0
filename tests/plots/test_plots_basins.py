"""Planes of starts: shade, lines and points are where the numbers say."""

import numpy as np
import pytest

from trainability.plots.basins import DARKEST, FAR, Basins, Map, Point, draw_matplotlib, draw_plotly, shade_ticks


def plane(**more):
    return Map(
        "plane",
        np.arange(4.0),
        np.arange(3.0),
        np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, -1, 7, 1]]),
        {0: "left", 1: "right"},
        "x",
        "y",
        **more,
    )


FULL = plane(
    points=(Point(0.0, 0.0, "minimum", "minimum"), Point(1.5, 1.0, "saddle", "saddle, projected", projected=True)),
    segments=np.array([[[1.5, 0.0], [1.5, 1.0]], [[1.5, 1.0], [1.5, 2.0]]]),
    shade=np.array([[1.0, 10.0, 100.0, 1.0], [1.0, 0.0, np.nan, 1.0], [np.inf, 1.0, 1.0, 1.0]]),
    shade_title="time",
    line_name="the line",
)


def drawn(one):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = FigureCanvasAgg(Figure(layout="constrained"))
    axes = canvas.figure.subplots()
    draw_matplotlib(Basins((one,)), [axes])
    canvas.draw()
    return axes, canvas


def test_codes_put_what_has_no_name_behind_all_names():
    assert plane().codes().tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 1]]
    assert plane().extent() == (-0.5, 3.5, -0.5, 2.5)


def test_darkness_is_logarithmic_and_leaves_bad_numbers_light():
    dark, low, high = FULL.darkness()
    assert (low, high) == pytest.approx((1.0, np.percentile([10, 100, *[1] * 7], 99)))
    assert dark.min() == 0
    assert dark.max() == 1
    assert dark[0, 1] == pytest.approx(np.log(10) / np.log(high))
    assert dark[1, 1] == dark[1, 2] == dark[2, 0] == 0
    for values in (np.zeros((3, 4)), np.full((3, 4), 5.0)):
        assert np.isfinite(plane(shade=values).darkness()[0]).all()


def test_a_darker_start_has_the_same_hue():
    from matplotlib.colors import to_rgb

    _, canvas = drawn(plane(shade=np.where(np.arange(4.0) < 1, 1.0, 50.0) * np.ones((3, 1))))
    axes = canvas.figure.axes[0]
    shot = np.asarray(canvas.buffer_rgba())[..., :3] / 255.0

    def at(x, y):
        column, row = axes.transData.transform((x, y))
        return shot[-int(row) - 1, int(column)]

    light, dark = at(0, 0.2), at(1, 0.2)
    ink = np.array(to_rgb("#1F2430"))
    assert dark == pytest.approx((1 - DARKEST) * light + DARKEST * ink, abs=0.02)


def test_the_legend_names_basins_line_and_points():
    axes, canvas = drawn(FULL)
    words = [t.get_text() for t in axes.get_legend().get_texts()]
    assert words == ["left", "right", "the line", "minimum", "saddle, projected"]
    assert [a.get_xlabel() for a in canvas.figure.axes] == ["x", "time"]
    lines = axes.collections[0].get_segments()
    assert np.array(lines).tolist() == FULL.segments.tolist()
    from matplotlib.colors import to_rgba

    assert axes.collections[2].get_facecolor()[0].tolist() == list(to_rgba(FAR))


def test_plotly_shows_the_same_and_breaks_the_line_between_pieces():
    figure = draw_plotly(Basins((FULL, FULL)))
    kinds = [trace.name or trace.type for trace in figure.data]
    assert kinds[:5] == ["heatmap", "heatmap", "the line", "minimum", "saddle, projected"]
    line = figure.data[2]
    assert list(line.y) == [0.0, 1.0, None, 1.0, 2.0, None]
    assert [t.showlegend for t in figure.data if t.name == "the line"] == [True, False]
    shade = figure.data[1]
    assert np.asarray(shade.customdata, float)[0].tolist() == [1.0, 10.0, 100.0, 1.0]
    assert "null" in figure.to_json(), "what is not finite is no number in a page"


def test_ticks_are_round_and_inside():
    for low, high in ((13.0, 31.0), (18.0, 24.2), (1.0, 1e4), (5.0, 5.0000001)):
        assert all(low <= t <= high for t in shade_ticks(low, high))
    assert len(shade_ticks(18.0, 24.2)) >= 3
