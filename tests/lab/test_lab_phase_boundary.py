"""Length and dimension of boundaries that are known."""

import numpy as np
import pytest
from scipy.special import ellipe

from trainability.lab.phase import boundary, boundary_length, box_dimension

N = 512


def plane(nx=N, ny=N):
    return np.meshgrid(np.linspace(0, 1, nx), np.linspace(0, 1, ny))


def chord(angle, x0, y0):
    """Length of the part of a line inside the unit square."""
    with np.errstate(divide="ignore"):
        ends = [np.array([-x0, 1 - x0]) / np.cos(angle), np.array([-y0, 1 - y0]) / np.sin(angle)]
    return min(e.max() for e in ends) - max(e.min() for e in ends)


def koch(order=6):
    """Vertices of Koch's snowflake."""
    points = np.exp(2j * np.pi * np.arange(4) / 3)[::-1]
    for _ in range(order):
        a, step = points[:-1], np.diff(points) / 3
        tip = a + step + step * np.exp(1j * np.pi / 3)
        points = np.append(np.stack([a, a + step, tip, a + 2 * step], 1).ravel(), points[-1])
    return points


@pytest.mark.parametrize("degrees", [0, 3, 10, 18, 30, 45, 60, 77, 90, 100, 135, 160])
def test_a_straight_line(degrees):
    x, y = plane()
    angle = np.radians(degrees) + 1e-9
    side = (x - 0.503) * np.sin(angle) - (y - 0.497) * np.cos(angle) > 0
    assert boundary_length(side) == pytest.approx(chord(angle, 0.503, 0.497), rel=0.012)
    assert box_dimension(side).value == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("radius", [0.1, 0.25, 0.4])
def test_a_circle(radius):
    x, y = plane()
    inside = (x - 0.5) ** 2 + (y - 0.48) ** 2 < radius**2
    assert boundary_length(inside) == pytest.approx(2 * np.pi * radius, rel=0.004)
    assert box_dimension(inside).value == pytest.approx(1.0, abs=0.03)


def test_an_ellipse_on_a_map_that_is_no_square():
    x, y = plane(301, 400)
    a, b = 0.9, 0.2
    inside = ((3 * x - 1.5) / a) ** 2 + ((y - 0.5) / b) ** 2 < 1
    assert boundary_length(inside, 3.0, 1.0) == pytest.approx(4 * a * ellipe(1 - (b / a) ** 2), rel=0.01)


def test_sierpinskis_triangle():
    rows = np.arange(N)
    found = box_dimension(np.pad((rows & rows[:, None]) == 0, 100))
    assert found.value == pytest.approx(np.log2(3), abs=0.05)
    assert (np.diff(np.log(found.boxes)) < 0).all()


def test_kochs_curve_and_its_length_that_grows_with_resolution():
    from PIL import Image, ImageDraw

    corners = [((z.real + 1.1) / 2.2, (z.imag + 1.1) / 2.2) for z in koch()]
    lengths = []
    for n in (129, N):
        fine = Image.new("1", (4 * n, 4 * n))
        ImageDraw.Draw(fine).polygon([(4 * n * x, 4 * n * y) for x, y in corners], fill=1)
        inside = np.asarray(fine)[2::4, 2::4]
        lengths.append(boundary_length(inside))
    found = box_dimension(inside)
    exact = np.log(4) / np.log(3)
    assert found.value == pytest.approx(exact, abs=0.05)
    assert 0 < found.error < 0.05
    growth = np.log(lengths[1] / lengths[0]) / np.log((N - 1) / 128)
    assert growth == pytest.approx(exact - 1, abs=0.06)


def test_a_filled_plane_has_dimension_two_and_one_class_none():
    noise = np.random.default_rng(0).integers(0, 2, (256, 256))
    assert box_dimension(noise).value == pytest.approx(2.0, abs=0.05)
    flat = np.ones((64, 64))
    assert np.isnan(box_dimension(flat).value)
    assert boundary_length(flat) == 0
    assert not boundary(flat).any()


def test_boundary_by_brute_force():
    grid = np.random.default_rng(1).integers(0, 3, (9, 7))
    found = boundary(grid)
    for i in range(9):
        for j in range(7):
            near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
            assert found[i, j] == any(0 <= a < 9 and 0 <= b < 7 and grid[a, b] != grid[i, j] for a, b in near)


def test_bad_arguments():
    with pytest.raises(ValueError, match="width"):
        boundary_length(np.ones((3, 3)), width=0)
    with pytest.raises(ValueError, match="shape"):
        box_dimension(np.ones(3))
    with pytest.raises(ValueError, match="sizes"):
        box_dimension(np.ones((30, 30)), smallest=4, largest=2)
