from math import log

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from trainability.theory import floors


@pytest.mark.parametrize("n_classes", [2, 3, 10, 1000])
def test_nothing_goes_below_the_double_softmax_floor(n_classes):
    floor = floors.double_softmax_floor(n_classes)

    def loss(z):
        return -log_softmax(softmax(z))[0]

    z = np.random.default_rng(0).standard_normal(n_classes)
    best = min(minimize(loss, z, method="L-BFGS-B").fun, loss(60.0 * np.eye(n_classes)[0]))
    assert best >= floor - 1e-12
    assert best == pytest.approx(floor, abs=1e-9)
    assert floor < floors.uniform_cross_entropy(n_classes)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
def test_nothing_goes_below_the_double_sigmoid_floor(p):
    logit = np.linspace(0, 1, 1001)
    best = p * np.log1p(np.exp(-logit)).min() + (1 - p) * np.log1p(np.exp(logit)).min()
    assert floors.double_sigmoid_floor(p) == pytest.approx(best, abs=1e-12)


def test_golden_numbers():
    # ln(1 + 9/e), ln 10, by hand
    assert floors.double_softmax_floor(10) == pytest.approx(1.46115, abs=5e-6)
    assert floors.uniform_cross_entropy(10) == log(10)


@pytest.mark.parametrize(
    "call",
    [
        lambda: floors.uniform_cross_entropy(1),
        lambda: floors.double_softmax_floor(0),
        lambda: floors.double_sigmoid_floor(1.5),
        lambda: floors.double_sigmoid_floor(float("nan")),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="need"):
        call()
