"""Figure 10's claims hold, each can fail, and the least gradient is what a general optimiser finds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from trainability.gallery import _figure_10_measures as measures
from trainability.gallery import figure_10_critical_region as module
from trainability.theory import critical_region, teacher_student


@pytest.fixture(scope="module")
def result():
    return module.run(smoke=True)


def failing(data):
    return [c.says for c in module.claims(data) if not c.holds]


def test_the_claims_hold(result):
    assert failing(result.data) == []
    assert len(result.claims) == 12
    assert all(c.predicted and c.measured for c in result.claims)


def collinear(data, **change):
    return replace(data, collinear=(replace(data.collinear[0], **change), *data.collinear[1:]))


CAN_FAIL = {
    "Largest and smallest L12 at θ12 = 3π/8": lambda d: replace(
        d, curves=(replace(d.curves[0], extrema=replace(d.curves[0].extrema, largest=0.384757)), d.curves[1])
    ),
    "Largest and smallest L12 at θ12 = 7π/8": lambda d: replace(
        d, curves=(d.curves[0], replace(d.curves[1], extrema=replace(d.curves[1].extrema, smallest_at=5.1617)))
    ),
    "generic solve": lambda d: replace(d, curves=(replace(d.curves[0], generic=1e-9), d.curves[1])),
    "Conjecture 1": lambda d: replace(
        d, stable=replace(d.stable, counterexamples=((0.1, 0.2),), suspects=((0.1, 0.2),), suspect_count=1, wrong_12=1)
    ),
    "textbook form": lambda d: replace(d, narrow=replace(d.narrow, counterexamples=d.narrow.suspects[:1])),
    "As the cone closes": lambda d: replace(d, stable=replace(d.stable, smallest=1.1 * d.stable.smallest)),
    "Theorem 3, tested without L": lambda d: replace(d, inside=d.inside * np.array([0.9, 1.0])),
    "it does vanish": lambda d: replace(d, met=1e-6),
    "sufficient, not necessary": lambda d: replace(d, mixed=0 * d.mixed),
    "ONLY for teachers of equal length": lambda d: collinear(d, source=0 * d.collinear[0].source),
    "off the bisector": lambda d: collinear(d, off=1e-3),
    "It is a saddle": lambda d: collinear(d, left=d.collinear[0].runs - 1),
}


@pytest.mark.parametrize("says", CAN_FAIL)
def test_each_claim_can_fail(result, says):
    (broken,) = failing(CAN_FAIL[says](result.data))
    assert says in broken


def test_a_suspect_that_nobody_looked_at_again_breaks_the_claim(result):
    data = result.data
    (broken,) = failing(replace(data, narrow=replace(data.narrow, suspect_count=data.narrow.suspect_count + 1)))
    assert "textbook form" in broken


@pytest.mark.parametrize(("T", "phi"), [(1.0, (0.3, 0.8)), (1.0, (2.0, 4.0)), (2.5, (0.3, 5.0)), (0.4, (0.1, 0.11))])
def test_the_least_gradient_against_a_general_optimiser(T, phi):
    def size(x):
        students, share = np.exp(x[:2]), 1 / (1 + np.exp(-x[2]))
        V = measures.rays(phi) * np.array([[share], [1 - share]])
        return float(np.linalg.norm(teacher_student.gradient(students[:, None] * measures.rays((0.0, T)), V)))

    starts = np.random.default_rng(0).normal(-1, 1.5, (8, 3))
    found = min(minimize(size, x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).fun for x in starts)
    least = measures.least_gradient(phi, T)
    assert least == pytest.approx(found, abs=1e-5)  # the optimiser never quite reaches a length of 0
    assert least <= found + 1e-10


def test_the_bound_is_met_by_some_draw(result):
    ratio = result.data.inside[:, 0] / result.data.inside[:, 1]
    assert 1 <= ratio.min() < 1.2


def test_golden_numbers(result):
    right = result.data.collinear[1]
    assert right.end == pytest.approx((1.24629, 2.396843), abs=6e-6)
    point = critical_region.collinear_points([[1.0, 0.0], [0.0, 2.0]])[0]
    assert right.end[1] == pytest.approx(point.total_length, abs=1e-9)
    assert right.source[12] == pytest.approx(3 * np.sqrt(2) / 16, abs=1e-14)  # ratio 2: entries of 0.1875
    at_half = [float(np.interp(c.T / 2, c.phi, c.L12)) for c in result.data.curves]
    assert at_half == pytest.approx([0.378428, 0.639151], abs=1e-4)


def test_the_figure_shows_what_it_says(result):
    axes = module.figure(result).axes
    assert [a.get_xlabel() for a in axes[:3]] == ["teacher's angle φ (units of π)"] * 3
    assert "ratio" in axes[3].get_xlabel()
    texts = [t.get_text() for a in axes[:2] for t in a.texts]
    assert texts == ["0.384755", "−1.130384", "0.680471", "−0.698366"]
    shown = axes[2].collections[0].get_array()
    phi, T = np.meshgrid(result.data.map_phi, result.data.map_T)
    off = np.abs(phi - T) > 1e-9  # on the boundary it is 0 up to rounding
    assert ((np.asarray(shown).reshape(phi.shape) > 0) == critical_region.in_cone(phi, T))[off].all()
