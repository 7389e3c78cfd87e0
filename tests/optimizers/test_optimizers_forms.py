"""The forms in which lecture notes and papers write a rule, next to torch's: where they agree and where they do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainability.optimizers import SGD, AMSGrad, LowPass, Momentum, Nesterov, scheduled, schedules
from trainability.theory.stability import quartic

D = torch.float64


def path(rule, gradient, start: float, steps: int) -> list[float]:
    params = {"w": torch.tensor([start], dtype=D)}
    state, found = rule.init(params), [start]
    for _ in range(steps):
        params, state = rule.update({"w": gradient(params["w"])}, state, params)
        found.append(params["w"].item())
    return found


def test_the_low_pass_form_is_torchs_momentum_with_its_arguments_translated():
    """Curvature 1.3, lr .7, weight .1, from 3: one step leads to 2.727. With torch's dampening it leads to .270."""
    rule = LowPass(lr=0.7, weight=0.1)
    ours = path(rule, lambda w: 1.3 * w, 3.0, 200)
    assert ours[1] == pytest.approx(2.727, abs=1e-12)
    same = path(Momentum(**rule.torch_arguments()), lambda w: 1.3 * w, 3.0, 200)
    assert ours == pytest.approx(same, rel=1e-12, abs=1e-12)
    other = path(Momentum(lr=0.7, momentum=0.9, dampening=0.9), lambda w: 1.3 * w, 3.0, 1)
    assert other[1] == pytest.approx(0.270, abs=1e-12)


def test_the_low_pass_form_written_out():
    rule = LowPass(lr=0.3, weight=0.25)
    w, a = 2.0, 0.0
    found = path(rule, lambda w: w**3, 2.0, 30)
    for step in range(30):
        a = 0.75 * a - 0.25 * w**3
        w = w + 0.3 * a
        assert found[step + 1] == pytest.approx(w, rel=1e-12)
    assert path(LowPass(lr=0.1, weight=1.0), torch.sin, 1.0, 50) == path(SGD(lr=0.1), torch.sin, 1.0, 50)
    with pytest.raises(ValueError, match="needed neither"):
        LowPass.from_torch({"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "nesterov": False, "weight_decay": 0.0})


def test_the_lr_inside_the_buffer_matters_only_when_it_changes():
    inside, outside = Momentum(lr=0.1, lr_in_buffer=True), Momentum(lr=0.1)
    assert path(inside, torch.tanh, 3.0, 100) == pytest.approx(path(outside, torch.tanh, 3.0, 100), rel=1e-12)
    drop = schedules.Step(every=10, gamma=0.1)
    first = path(scheduled(inside, drop), torch.tanh, 3.0, 25)
    second = path(scheduled(outside, drop), torch.tanh, 3.0, 25)
    assert first[:11] == pytest.approx(second[:11], rel=1e-12)
    assert abs(first[15] - second[15]) > 0.1
    w, m = 3.0, 0.0
    for step in range(25):
        m = 0.9 * m + 0.1 * 0.1 ** (step // 10) * np.tanh(w)
        w -= m
        assert first[step + 1] == pytest.approx(w, rel=1e-11)


def test_nesterovs_lookahead_is_torchs_form_seen_from_elsewhere():
    """g at x - lr b m;  m <- b m + g;  x <- x - lr m: written out, and against torch's coordinates."""

    def gradient(w):
        return {key: torch.tanh(value) + 0.3 * value for key, value in w.items()}

    rule = Nesterov(lr=torch.tensor([0.2, 0.05]), momentum=torch.tensor([0.5, 0.9]), weight_decay=0.1)
    begin = {"w": torch.tensor([[2.0, -1.0], [0.5, 3.0]], dtype=D)}
    x, ahead_state = begin, rule.init(begin)
    theta, state = begin, rule.init(begin)
    hand, m = begin["w"], torch.zeros(2, 2, dtype=D)
    lr, b = rule.lr[:, None], rule.momentum[:, None]
    for _ in range(60):
        point = rule.lookahead_point(ahead_state, x)
        torch.testing.assert_close(point["w"], theta["w"], rtol=1e-11, atol=1e-13)
        x, ahead_state = rule.update_lookahead(gradient(point), ahead_state, x)
        theta, state = rule.update(gradient(theta), state, theta)
        torch.testing.assert_close(rule.behind(state, theta)["w"], x["w"], rtol=1e-11, atol=1e-13)
        at = hand - lr * b * m
        m = b * m + gradient({"w": at})["w"] + 0.1 * at
        hand = hand - lr * m
        torch.testing.assert_close(x["w"], hand, rtol=1e-11, atol=1e-13)


def test_amsgrad_as_in_the_paper():
    rule = AMSGrad(lr=0.01, betas=(0.9, 0.99), eps=0.0, bias_correction=False)
    w, m, v, most = 1.0, 0.0, 0.0, 0.0
    found = path(rule, lambda w: 4 * w**3, 1.0, 60)
    for step in range(60):
        g = 4 * w**3
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        most = max(most, v)
        w -= 0.01 * m / most**0.5
        assert found[step + 1] == pytest.approx(w, rel=1e-11)
    torchs = path(AMSGrad(lr=0.01, betas=(0.9, 0.99), eps=0.0), lambda w: 4 * w**3, 1.0, 1)
    assert torchs[1] == pytest.approx(0.99)
    assert found[1] == pytest.approx(1 - 0.01 * 0.1 / 0.1)


def test_one_relu_weight_crosses_zero_by_momentum_and_not_by_descent():
    """On weights below 0 the gradient of a single ReLU is the weight itself (mean squared error, unit inputs)."""

    def gradient(w):
        return torch.where(w < 0, w, w - 1)

    for start in (-10.0, -1.0):
        assert max(path(SGD(lr=0.01), gradient, start, 2000)) < 0
        crossing = path(Momentum(lr=0.01, momentum=0.9), gradient, start, 2000)
        assert np.argmax(np.array(crossing) > 0) == 24
        assert crossing[-1] == pytest.approx(1.0, abs=1e-9)
        assert max(path(Momentum(lr=0.01, momentum=0.5), gradient, start, 2000)) < 0
        assert max(path(Momentum(lr=0.001, momentum=0.9), gradient, start, 2000)) < 0


def test_descent_on_the_quartic_is_the_theory():
    found = path(SGD(lr=0.03), lambda w: 4 * w**3, 1.5, 300)
    assert found == pytest.approx(quartic.descend(1.5, 0.03, 300).tolist(), rel=1e-11)
