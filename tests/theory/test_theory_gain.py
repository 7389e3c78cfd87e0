from math import asin, exp, pi, sqrt

import numpy as np
import pytest
from scipy.stats import norm

from trainability.errors import UnknownNameError
from trainability.theory.gain import NONLINEARITIES, gain, second_moment


def gauss_hermite(phi, nodes):
    z, weight = np.polynomial.hermite_e.hermegauss(nodes)
    return float(weight @ phi(z) ** 2) / sqrt(2 * pi)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "erf", "gelu", "silu", "softplus", "sin", "linear"])
def test_smooth_ones_equal_gauss_hermite(name):
    # 150 nodes; the poles of tanh at i pi/2 hold its error at about 1e-9.
    assert second_moment(name) == pytest.approx(gauss_hermite(NONLINEARITIES[name], 150), abs=1e-8)


def test_closed_forms_to_ten_digits():
    elu = 0.5 + exp(2) * norm.cdf(-2) - 2 * exp(0.5) * norm.cdf(-1) + 0.5
    assert second_moment("elu") == pytest.approx(elu, abs=1e-12)
    assert second_moment("sin") == pytest.approx((1 - exp(-2)) / 2, abs=1e-12)
    assert second_moment("erf") == pytest.approx(2 / pi * asin(2 / 3), abs=1e-12)
    assert second_moment("selu") == pytest.approx(1.0, abs=1e-10)
    assert second_moment("relu") == 0.5
    assert second_moment("leaky_relu", 0.3) == (1 + 0.09) / 2


def test_a_function_is_integrated_like_a_name():
    for name, phi in NONLINEARITIES.items():
        assert second_moment(phi) == pytest.approx(second_moment(name), abs=1e-11)


def test_a_kink_off_the_grid_is_found():
    # E max(z - 0.3, 0)^2 = (1 + c^2) Q(c) - c phi(c), c = 0.3
    expected = 1.09 * norm.sf(0.3) - 0.3 * norm.pdf(0.3)
    assert second_moment(lambda z: np.maximum(z - 0.3, 0.0)) == pytest.approx(expected, abs=1e-10)


def test_gain_where_torch_agrees_and_where_it_does_not():
    torch = pytest.importorskip("torch")
    for name in ("linear", "relu"):
        assert gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert gain("leaky_relu", 0.2) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.2))
    assert gain("tanh") == pytest.approx(1.5925374197228312, abs=1e-9)
    assert gain("sigmoid") == pytest.approx(1.8462, abs=1e-4)
    assert gain("selu") == pytest.approx(1.0, abs=1e-9)


def test_gain_keeps_the_mean_square_of_a_wide_layer():
    # 3 layers of width 2000: the mean square is noisy by about sqrt(6/2000) = 5% per layer; 50% is 5 sigma.
    rng = np.random.default_rng(0)
    for name in ("relu", "tanh", "gelu"):
        h = rng.standard_normal(2000)
        for _ in range(3):
            weights = rng.standard_normal((2000, 2000)) * gain(name) / sqrt(2000)
            h = weights @ NONLINEARITIES[name](h)
        assert float(np.mean(h**2)) == pytest.approx(1.0, rel=0.5)


def test_a_flat_nonlinearity_has_no_finite_gain():
    assert gain(lambda z: 0.0) == float("inf")


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="relu"):
        gain("rellu")


def test_a_function_without_a_mean_square_is_refused():
    with pytest.raises(ValueError, match="need a function"):
        gain(lambda z: np.inf)


def test_there_is_one_table_and_one_gain():
    from trainability.theory import signal

    assert signal.gain is gain
    assert {name: NONLINEARITIES[name] for name in signal.ACTIVATIONS} == signal.ACTIVATIONS
    assert gain("leaky_relu", 0.2) == gain(signal.leaky_relu(0.2)) == pytest.approx(sqrt(2 / 1.04))
    assert gain("LeakyReLU", 0.2) == gain("leaky_relu", 0.2)
    assert second_moment("gelu", 0.7) == second_moment("gelu")  # the slope is for leaky_relu alone
