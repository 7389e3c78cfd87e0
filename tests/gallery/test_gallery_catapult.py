"""The entry on the catapult: its golden numbers, its theory by other paths, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import catapult
from trainability.gallery._catapult_theory import advance, wide_ends, wide_relu
from trainability.gallery.catapult import Catapult, chaos, descend, descend_relu


def failing(data):
    return [c.says for c in catapult.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    starts = (1.5, 2.5, 3.5, 4.5)
    return Catapult(
        tuple(descend(200, c0, 5, 500) for c0 in starts),
        tuple(descend(n, 2.5, 5, 100) for n in (100, 1000)),
        chaos(200),
        {c0: wide_ends(c0, 40, 500) for c0 in (2.5, 3.5)},
        tuple(descend_relu(512, c0, 40, 150) for c0 in (2.5, 4.5, 12.0)),
    )


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    lazy, flying, far, lost = data.linear
    alive, half, few = data.relu

    def linear(*runs):
        return failing(replace(data, linear=runs))

    def relu(*runs):
        return failing(replace(data, relu=runs))

    assert any("recursion" in s for s in linear(replace(lazy, error=1e-9), flying, far, lost))
    assert any("lazy" in s for s in linear(replace(lazy, c=lazy.c - 0.01), flying, far, lost))
    assert any("lazy" in s for s in linear(replace(lazy, rose=lazy.rose * 1.1), flying, far, lost))
    assert any("first rises" in s for s in linear(lazy, replace(flying, c=flying.c + 1), far, lost))
    assert any("phase of g0" in s for s in linear(lazy, replace(flying, c=flying.c - 0.5), far, lost))
    assert any("diverges, with" in s for s in linear(lazy, flying, far, replace(lost, c=lost.c / 1e9)))
    wider = (data.wider[0], replace(data.wider[1], c=data.wider[1].c - 0.1))
    assert any("single value" in s for s in failing(replace(data, wider=wider)))
    assert any("triples" in s for s in failing(replace(data, chaos=data.chaos + 1e-3)))
    assert any("up to lr" in s for s in relu(replace(alive, alive=39), half, few))
    assert any("four numbers" in s for s in relu(alive, replace(half, alive=40), few))
    assert any("never diverges" in s for s in relu(alive, half, replace(few, diverged=1)))
    assert any("NOT SEEN" in s for s in relu(alive, half, replace(few, told=0.0)))


def test_golden_ends():
    """Seed 0 of `numpy.random.default_rng`, n = 1000; first made by a loop over steps that shares no code with this."""
    ends = [float(descend(1000, c0, 1, 2000).c[0]) for c0 in (2.5, 3.0, 3.5)]
    assert ends == pytest.approx([1.269784583954235, 0.18927733808792918, 0.5205298461794129], abs=1e-9)


def test_a_step_is_that_of_autograd():
    rng = np.random.default_rng(0)
    u, v = (torch.tensor(w, requires_grad=True) for w in rng.normal(size=(2, 30)))

    def output():
        return u @ v / 30**0.5

    lam = (u.square().sum() + v.square().sum()).item() / 30
    lr = 3.0 / lam
    found = descend(30, 3.0, 1, 5)
    for step in range(5):
        assert lr * lr * output().item() ** 2 / 30 == pytest.approx(found.path_g[step], rel=1e-10)
        gradient = torch.autograd.grad(output() ** 2 / 2, (u, v))
        with torch.no_grad():
            u -= lr * gradient[0]
            v -= lr * gradient[1]


def test_lam_is_the_sharpness_where_the_output_is_0():
    rng = np.random.default_rng(1)
    u, v = rng.normal(size=(2, 20))
    v -= u * (u @ v) / (u @ u)
    gradient = np.concatenate([v, u]) / 20**0.5
    hessian = np.outer(gradient, gradient)  # f times the Hessian of f is 0
    assert np.linalg.eigvalsh(hessian)[-1] == pytest.approx((u @ u + v @ v) / 20, rel=1e-12)


def test_the_recursion_keeps_its_domain_and_converges_below_4():
    rng = np.random.default_rng(2)
    c = rng.uniform(0.1, 3.9, 2000)
    g = rng.uniform(0, 1, 2000) * c**2 / 4
    for _ in range(3000):
        after = advance(c, g)
        assert (after[0] <= c + 1e-15).all()
        assert (4 * after[1] <= after[0] ** 2 * (1 + 1e-9)).all()
        c, g = after
    assert (g < 1e-6).all()
    assert (c < 2).all()


@pytest.mark.parametrize("c0", [2.5, 3.2, 4.5])
def test_wide_theory_is_the_limit_of_networks(c0):
    """Angles on a fine grid are a network without chance: the same four numbers, by brute force over units."""
    n, first = 200_000, 0.01
    t = (np.arange(n) + 0.5) * np.pi / n
    weight = (
        1 + 1.5 * np.pi * first * np.cos(t)
    ) / n  # twice the mean square of a unit, over 2 n units of which n are on
    u, v = np.cos(t), np.sin(t)
    for _ in range(60):
        f = (weight * u * v).sum()
        u, v = u - c0 * f * v, v - c0 * f * u
        on = v > 0
        u, v = np.where(on, u, 0.0), np.where(on, v, 0.0)
    wide = wide_relu(c0, np.array([first]), 60)
    assert c0 * (weight * (u * u + v * v)).sum() == pytest.approx(float(wide.c[0]), abs=2e-3)
    assert on.mean() / 2 == pytest.approx(float(wide.active[0]), abs=1e-3)
