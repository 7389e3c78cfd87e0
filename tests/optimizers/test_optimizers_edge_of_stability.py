"""What the stability limits mean for the adaptive rules as they are, with v moving, on one quadratic."""

from __future__ import annotations

import pytest
import torch

from trainability.optimizers import Adam, RMSprop


def test_rmsprop_settles_where_its_lr_is_the_stable_one():
    """On w² the gradient shrinks, so √v does, so the preconditioned sharpness grows, until lr is the limit.

    There the weight flips sign at every step and neither shrinks nor grows: the edge of stability.
    """
    rule = RMSprop(lr=0.01)
    params = {"w": torch.ones(1, dtype=torch.float64)}
    state = rule.init(params)
    for _ in range(4000):
        before = params["w"]
        params, state = rule.update({"w": 2 * params["w"]}, state, params)
    sharpness = 2 / (state["square_avg"]["w"].sqrt().item() + rule.eps)
    assert rule.stable_lr(sharpness) == pytest.approx(rule.lr, rel=1e-5)
    assert params["w"].item() == pytest.approx(-before.item(), rel=1e-5)


def test_adam_grows_above_its_stable_lr_and_shrinks_below():
    """Adam's v forgets slowly, so it overshoots the edge and comes back, again and again.

    Stretches of 10 steps in which lr was on one side of the limit all the time, by at least 5 %: on the far
    side the state grows in all of them, on the near side it shrinks in all. Deterministic; no seed.
    """
    rule = Adam(lr=0.05, betas=(0.9, 0.99))
    params = {"w": torch.ones(1, dtype=torch.float64)}
    state = rule.init(params)
    ratios, sizes = [], []
    for step in range(1, 6001):
        params, state = rule.update({"w": 2 * params["w"]}, state, params)
        d = (state["exp_avg_sq"]["w"] / (1 - 0.99**step)).sqrt().item() + rule.eps
        ratios.append(rule.lr / rule.stable_lr(2 / d))
        sizes.append(abs(params["w"].item()) + rule.lr * abs(state["exp_avg"]["w"].item()) / d)
    above, below = [], []
    for begin in range(500, 5990, 10):
        inside = ratios[begin : begin + 10]
        change = max(sizes[begin + 5 : begin + 10]) / max(sizes[begin : begin + 5])
        if min(inside) > 1.05:
            above.append(change)
        if max(inside) < 0.95:
            below.append(change)
    assert len(above) >= 3
    assert len(below) >= 100
    assert min(above) > 1
    assert max(below) < 1
