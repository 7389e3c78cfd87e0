"""Phase diagrams: what is drawn where."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainability.plots import phase

EVIL = "<script>alert(1)</script>$"


@dataclass
class Axis:
    name: str
    log: bool


@dataclass
class Line:
    label: str
    x: np.ndarray
    y: np.ndarray


@dataclass
class Cells:
    x: np.ndarray
    y: np.ndarray
    undecided: np.ndarray
    outcome: np.ndarray
    by: str = "success"


@dataclass
class Diagram:
    x: Axis
    y: Axis | None
    cells: Cells
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    evaluated: np.ndarray
    lines: list = field(default_factory=list)
    marks: tuple = ()
    name: str = EVIL
    runs: int = 40


def diagram(seeds=4, curve=False, log=True):
    ny, nx = (1, 5) if curve else (4, 5)
    share = np.tile(np.linspace(0, 1, nx), (ny, 1))
    evaluated = np.ones((ny, nx), bool)
    evaluated[0, 1] = False
    cells = Cells(
        np.geomspace(0.01, 1, nx),
        np.linspace(0, 0.9, ny),
        (share == 0.5) | (share == 0.75),
        np.arange(ny * nx).reshape(ny, nx) % 4,
    )
    return Diagram(
        Axis(EVIL, log), None if curve else Axis("momentum", False), cells, share, share * 0.8, 0.2 + share * 0.8,
        np.where(evaluated, seeds, 0), evaluated,
        [Line(EVIL, np.array([0.1, 0.2, np.nan]), np.array([0.0, 0.5, 0.9]))],
    )  # fmt: skip


def shot(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255.0


def test_edges_lie_between_values():
    assert phase.edges(np.array([1.0, 10.0, 100.0]), log=True) == pytest.approx(10 ** np.array([-0.5, 0.5, 1.5, 2.5]))
    assert phase.edges(np.array([3.0]), log=False).tolist() == [2.5, 3.5]


def test_panels():
    assert phase.panels(diagram()) == ("outcome", "share")
    assert phase.panels(diagram(seeds=1)) == ("outcome",)
    assert phase.panels(diagram(curve=True)) == ("curve",)


def test_each_outcome_has_its_colour_and_the_colours_differ_in_lightness():
    from matplotlib.colors import to_rgb

    data = diagram()
    data.lines = []
    figure = phase.figure(data)
    pixels = shot(figure)
    axes = figure.axes[0]
    for i in range(4):
        for j in range(5):
            x = data.cells.x[j] * 1.25  # beside the dot in the middle
            column, row = axes.transData.transform((x, data.cells.y[i] + 0.08))
            colour = phase.COLOURS[phase.OUTCOMES[data.cells.outcome[i, j]]]
            assert pixels[-int(row) - 1, int(column)] == pytest.approx(np.array(to_rgb(colour)), abs=0.02)
    light = sorted(np.dot([0.2126, 0.7152, 0.0722], np.array(to_rgb(c)) ** 2.2) for c in phase.COLOURS.values())
    assert min(np.diff(light)) > 0.05


def test_undecided_cells_are_hatched_and_lines_are_in_the_legend():
    figure = phase.figure(diagram())
    outcome, share = figure.axes[:2]
    patches = [p for p in share.patches if p.get_hatch()]
    assert len(patches) == 4, "one stretch of two cells in each row"
    assert patches[0].get_x() == pytest.approx(phase.edges(diagram().cells.x, True)[2])
    for axes in (outcome, share):
        words = [t.get_text() for t in axes.get_legend().get_texts()]
        assert any("script" in w for w in words)
    assert phase.UNSURE in [t.get_text() for t in share.get_legend().get_texts()]
    assert "trained cells" in [t.get_text() for t in outcome.get_legend().get_texts()]
    assert [line.get_xdata()[0] for line in share.lines] == [0.1, 0.1]
    shot(figure)


def test_the_curve_joins_trained_cells_only():
    data = diagram(curve=True)
    figure = phase.figure(data)
    (axes,) = figure.axes
    curve = axes.lines[0]
    assert curve.get_xdata().tolist() == data.cells.x[[0, 2, 3, 4]].tolist()
    assert curve.get_ydata().tolist() == [0, 0.5, 0.75, 1.0]
    assert axes.lines[1].get_xdata() == [0.1, 0.1]
    shot(figure)


@pytest.mark.parametrize("data", [diagram(), diagram(seeds=1), diagram(curve=True), diagram(log=False)])
def test_plotly_shows_the_same_and_escapes(data):
    figure = phase.draw_plotly(data)
    page = figure.to_html(include_plotlyjs=False)
    assert "<script>alert(1)" not in page
    if data.y is not None:
        assert len([t for t in figure.data if t.type == "heatmap"]) == len(phase.panels(data))
        assert "from its neighbours" in figure.data[0].text[0][1]
        assert figure.layout.xaxis.type == ("log" if data.x.log else "linear")
    else:
        assert list(figure.data[2].y) == [0, 0.5, 0.75, 1.0]


def test_points_with_names_are_drawn_in_both_ways():
    data = diagram()
    data.marks = (SimpleNamespace(label="you are here", x=0.2, y=0.3, kind="here"),)
    axes = FigureCanvasAgg(Figure()).figure.subplots(1, 2)
    phase.draw_matplotlib(data, list(axes))
    for place in axes:
        last = place.lines[-1]
        assert (list(last.get_xdata()), list(last.get_ydata())) == ([0.2], [0.3])
        assert "you are here" in [t.get_text() for t in place.get_legend().get_texts()]
    traces = [t for t in phase.draw_plotly(data).data if t.name == "you are here"]
    assert [(t.x[0], t.y[0], t.showlegend) for t in traces] == [(0.2, 0.3, True), (0.2, 0.3, False)]
