from math import inf, isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainability.errors import UnknownNameError
from trainability.theory import stability

share = st.floats(0.0, 0.98)
curvature = st.floats(1e-3, 1e3)


def crosses_one_at_the_limit(rule, lam, **hyper):
    limit = getattr(stability, rule)(lam, **hyper)
    assert stability.spectral_radius(rule, limit * 0.999, lam, **hyper) < 1
    assert stability.spectral_radius(rule, limit, lam, **hyper) == pytest.approx(1.0, abs=1e-6)
    assert stability.spectral_radius(rule, limit * 1.001, lam, **hyper) > 1


@settings(max_examples=60, deadline=None)
@given(curvature, share, share)
def test_each_limit_is_where_the_update_starts_to_grow(lam, b, d):
    crosses_one_at_the_limit("gradient_descent", lam)
    crosses_one_at_the_limit("heavy_ball", lam, momentum=b, dampening=d)
    crosses_one_at_the_limit("nesterov", lam, momentum=b)
    crosses_one_at_the_limit("low_pass", lam, weight=1 - b)
    crosses_one_at_the_limit("adam", lam, beta1=b)
    crosses_one_at_the_limit("rmsprop", lam, momentum=b)


@settings(max_examples=60, deadline=None)
@given(curvature, share, st.floats(0.01, 0.99))
def test_nothing_grows_anywhere_below_the_limit(lam, b, part):
    for rule, hyper in [
        ("heavy_ball", {"momentum": b}),
        ("nesterov", {"momentum": b}),
        ("low_pass", {"weight": 1 - b}),
        ("adam", {"beta1": b}),
    ]:
        lr = part * getattr(stability, rule)(lam, **hyper)
        assert stability.spectral_radius(rule, lr, lam, **hyper) < 1


OPTIMIZERS = {
    "gradient_descent": ({}, "SGD", {}),
    "heavy_ball": ({"momentum": 0.9, "dampening": 0.5}, "SGD", {"momentum": 0.9, "dampening": 0.5}),
    "nesterov": ({"momentum": 0.9}, "SGD", {"momentum": 0.9, "nesterov": True}),
}


@pytest.mark.parametrize("rule", OPTIMIZERS)
@pytest.mark.parametrize(("factor", "grows"), [(0.98, False), (1.02, True)])
def test_torch_itself_crosses_there(rule, factor, grows):
    torch = pytest.importorskip("torch")
    hyper, name, options = OPTIMIZERS[rule]
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    lr = factor * getattr(stability, rule)(3.0, **hyper)
    optimizer = getattr(torch.optim, name)([w], lr=lr, **options)
    for _ in range(1500):
        optimizer.zero_grad()
        (1.5 * w**2).sum().backward()
        optimizer.step()
    assert (abs(w.item()) > 1) is grows


def test_golden_numbers():
    assert stability.adam(1.0, 0.9) == pytest.approx(38.0)
    assert stability.low_pass(1.0, 0.1) == pytest.approx(38.0)
    assert stability.heavy_ball(1.0, 0.0, dampening=0.5) == 2.0


@pytest.mark.parametrize("rule", ["gradient_descent", "adam", "rmsprop"])
def test_no_curvature_no_limit(rule):
    f = getattr(stability, rule)
    assert f(0.0) == inf
    assert f(-1.0) == inf
    assert isnan(f(float("nan")))
    assert f(inf) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: stability.heavy_ball(1.0, 1.0),
        lambda: stability.heavy_ball(1.0, 0.5, 1.0),
        lambda: stability.nesterov(1.0, -0.1),
        lambda: stability.low_pass(1.0, 0.0),
        lambda: stability.adam(1.0, 1.0),
        lambda: stability.rmsprop(1.0, 2.0),
    ],
)
def test_hyper_parameters_out_of_range_are_refused(call):
    with pytest.raises(ValueError, match="need"):
        call()


def test_unknown_rule():
    with pytest.raises(UnknownNameError, match="adam"):
        stability.spectral_radius("adamm", 1.0, 1.0)
