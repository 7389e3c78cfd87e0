"""The drift of a dying unit against descent and quadrature; the best fits against searches on the loss itself."""

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import minimize

from trainability.errors import UnknownNameError
from trainability.theory.one_relu import best_fit, descent, drift, loss_surface


@pytest.mark.parametrize(("convention", "output"), [("mse", 1.0), ("half", -1.7)])
def test_elbow_after_equals_the_flow_of_weight_and_bias(convention, output):
    f = {"half": 1, "mse": 2}[convention]
    for w, b in ((-0.4, 0.0), (-1.3, -0.7), (-2.0, -5.0)):
        found = solve_ivp(
            lambda _, p: -f * loss_surface.gradient(p[0], p[1], output)[:2],
            (0, 200.0), [w, b], t_eval=[0.5, 20.0, 200.0], rtol=1e-11, atol=1e-13,
        )  # fmt: skip
        told = drift.elbow_after(-b / w, found.t, output=output, convention=convention)
        np.testing.assert_allclose(-found.y[1] / found.y[0], told, rtol=1e-8)


def test_gradient_descent_follows_it():
    starts = np.array([[-0.3, -0.1, 1, 0], [-1, 0, 1, 0], [-2, -1.5, 1, 0], [-0.05, -0.2, 1, 0]])
    ends = descent.descend(starts, lr=0.01, steps=20_000, learn=("weight", "bias"), convention="mse", tol=0)
    told = drift.elbow_after(-starts[:, 1] / starts[:, 0], 200.0, convention="mse")
    # the first order error of the steps, lr times a number near 1 at first, has shrunk with the speed by then
    np.testing.assert_allclose(ends.elbow, told, atol=2e-4)


def test_time_is_an_integral_and_undoes_elbow_after():
    for start, end in ((0.0, -1.0), (-0.5, -3.0), (-4.0, -4.001), (-6.0, -7.5)):
        want = quad(lambda v: math.exp(v * v / 2), -start, -end, epsabs=0, epsrel=1e-12)[0] * math.sqrt(2 * math.pi)
        got = float(drift.time_to_elbow(start, end))
        assert got == pytest.approx(want, rel=1e-9)
        assert float(drift.elbow_after(start, got)) == pytest.approx(end, rel=1e-12)
    assert drift.time_to_elbow(-1.0, -1.0) == 0
    assert drift.time_to_elbow(0.0, 0.0) == 0
    assert drift.elbow_after([0.0, -2.0, -300.0], 0.0).tolist() == pytest.approx([0.0, -2.0, -300.0], abs=1e-15)
    assert drift.time_to_elbow(0.0, -50.0) == math.inf


def test_it_grows_as_the_root_of_twice_the_logarithm():
    for time in (1e6, 1e30, 1e300):
        u = -float(drift.elbow_after(0.0, time))
        # exp(u²/2) / u is about t / sqrt(2 pi)
        assert u * u / 2 == pytest.approx(math.log(time * u / math.sqrt(2 * math.pi)), abs=1.5 / u**2)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("elbow", [-3.0, -0.8, 0.0, 0.4, 1.0, 2.5])
def test_best_for_elbow_equals_a_search(side, elbow):
    fit = best_fit.best_for_elbow(elbow, side=side)

    def left(p):
        return float(loss_surface.loss(side, -side * elbow, p[0], p[1]))

    found = minimize(left, [0.3, 0.2], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15, "maxiter": 4000})
    assert float(fit.loss) == pytest.approx(found.fun, abs=1e-12)
    assert float(loss_surface.loss(side, -side * elbow, float(fit.slope), float(fit.offset))) == pytest.approx(
        float(fit.loss), abs=1e-14
    )
    grad = loss_surface.gradient(side, -side * elbow, float(fit.slope), float(fit.offset))
    np.testing.assert_allclose(grad[2:], 0.0, atol=1e-14)


def test_floors_are_the_infima():
    grid = np.linspace(-12, 12, 4001)
    up, down = (best_fit.best_for_elbow(grid, side=side, convention="mse") for side in (1, -1))
    # The best slope of each side has its sign, so that the other sign can only do with slope 0 what a constant does.
    assert (up.slope > 0).all()
    assert (down.slope < 0).all()
    constant = best_fit.floor(1, -1, convention="mse")
    assert constant == best_fit.floor(-1, 1, convention="mse")
    assert constant == pytest.approx(2 * float(loss_surface.loss(1, 0, 0, 1 / math.sqrt(2 * math.pi))), abs=1e-15)
    assert best_fit.floor(1, 1) == 0.0
    assert up.loss.min() == pytest.approx(0.0, abs=1e-15)
    line = best_fit.floor(-1, -1, convention="mse")
    assert (down.loss >= line - 1e-15).all()
    assert (np.diff(down.loss[abs(grid) <= 5]) < 0).all()  # never turns: the infimum is at infinity
    assert down.loss[-1] == pytest.approx(line, abs=1e-14)
    far = best_fit.best_for_elbow(1e9, side=-1, convention="mse")
    assert (float(far.slope), float(far.loss)) == pytest.approx((-0.5, line), rel=1e-14)


def test_no_search_over_all_four_parameters_beats_the_straight_line():
    line = best_fit.floor(-1, -1)
    rng = np.random.default_rng(0)
    for start in rng.normal(size=(6, 4)):
        found = minimize(
            lambda p: float(loss_surface.loss(-math.exp(p[0]), p[1], -math.exp(p[2]), p[3])), start, method="BFGS"
        )
        assert line <= found.fun < line + 1e-3


def test_bad_input():
    with pytest.raises(ValueError, match="above 0"):
        drift.elbow_after(0.1, 1.0)
    with pytest.raises(ValueError, match="need time >= 0"):
        drift.elbow_after(-0.1, -1.0)
    with pytest.raises(ValueError, match="output=0"):
        drift.elbow_after(-0.1, 1.0, output=0.0)
    with pytest.raises(ValueError, match="out of order"):
        drift.time_to_elbow(-1.0, -0.5)
    with pytest.raises(ValueError, match="output=nan"):
        drift.time_to_elbow(-1.0, -2.0, output=math.nan)
    with pytest.raises(ValueError, match="side=0"):
        best_fit.best_for_elbow(1.0, side=0)
    with pytest.raises(ValueError, match="not finite"):
        best_fit.best_for_elbow(math.inf, side=1)
    with pytest.raises(ValueError, match="no float holds"):
        best_fit.best_for_elbow(60.0, side=1)
    with pytest.raises(ValueError, match="Got signs 2"):
        best_fit.floor(2, 1)
    with pytest.raises(UnknownNameError, match="Did you mean 'mse'"):
        best_fit.floor(1, 1, convention="mes")
