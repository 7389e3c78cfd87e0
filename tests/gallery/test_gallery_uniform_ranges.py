"""Ranges of weights: the stack against plain torch loops, theory's numbers, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from trainability.gallery import _uniform_ranges as inner
from trainability.gallery import uniform_ranges as entry
from trainability.problems.digits_saturated import squared_error


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


@pytest.mark.parametrize(("activation", "loss"), [("ReLU", "squared error"), ("sigmoid", "cross-entropy")])
def test_a_member_of_the_stack_trains_as_it_would_alone(activation, loss):
    """torch's own layers, losses and SGD, second seed of the second scheme."""
    steps, lr = 90, 0.1  # more than an epoch of 87
    made = inner.train(activation, loss, ("U[-1, 1]", "He"), (lr,), 2, steps)
    act = {"ReLU": nn.ReLU, "sigmoid": nn.Sigmoid}[activation]
    model = nn.Sequential(nn.Linear(64, 64), act(), nn.Linear(64, 32), act(), nn.Linear(32, 10))
    linear = [m for m in model if isinstance(m, nn.Linear)]
    for layer, w in zip(linear, inner.weights_of("He", 1), strict=True):
        layer.weight.data.copy_(w)
        nn.init.zeros_(layer.bias)
    x, y = inner.images(1400)
    generator = torch.Generator().manual_seed(1001)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    order = torch.empty(0)
    for step in range(steps):
        if step % 87 == 0:
            order = torch.randperm(1400, generator=generator)
        rows = order[step % 87 * 16 : (step % 87 + 1) * 16]
        optimizer.zero_grad()
        logits = model(x[rows])
        value = (
            squared_error(logits.softmax(1), y[rows])
            if loss == "squared error"
            else nn.functional.cross_entropy(logits, y[rows])
        )
        value.backward()
        optimizer.step()
    right = (model(x).argmax(1) == y).double().mean().item()
    assert made["He", lr][1][1] == pytest.approx(right, abs=3 / 1400)  # other order of summation


def test_schemes_promise_what_they_draw():
    for scheme, (_, mean, stds) in inner.SCHEMES.items():
        for w, std in zip(inner.weights_of(scheme, 3), stds, strict=True):
            n = w.numel()
            assert abs(w.mean().item() - mean) < 4.5 * std / n**0.5
            assert abs(w.std().item() / std - 1) < 4.5 / n**0.5


def test_predictions_scale_as_a_homogeneous_network_must():
    """ReLU weights times 10: logits times 1000, and the same units are off."""
    wide, thin = (inner.predict("ReLU", s, 15) for s in ("U[-1, 1]", "U[-0.1, 0.1]"))
    assert wide.logit_std == pytest.approx(1000 * thin.logit_std, rel=1e-9)
    assert wide.dead == thin.dead > 0.03
    assert thin.largest == pytest.approx(0.1, abs=0.01)
    assert inner.dead_share("U[0, 1]") == 0


def test_golden_numbers():
    """Initial logit standard deviations of an independent program for 64-[64, 32]-10: 17, 2.1, 95, 0.1, 0.7."""
    names = ("U[-1, 1]", "U[-0.5, 0.5]", "N(0, 1)", "N(0, 0.1²)", "He")
    made = [inner.predict("ReLU", s, 15).logit_std for s in names]
    assert made == pytest.approx([17, 2.1, 95, 0.1, 0.7], rel=0.16)


def test_claims_hold_and_can_fail():
    result = entry.run(smoke=True)
    data = result.data
    assert result.holds
    assert {c.scheme: c.trained for c in data.cells if c.activation == "ReLU"}["He"] == 3

    def measured(key, **changes):
        return replace(data, measured=data.measured | {key: replace(data.measured[key], **changes)})

    def cell(activation, scheme, word):
        return replace(data, cells=tuple(
            replace(c, outcomes=(word,) * 3) if (c.activation, c.scheme) == (activation, scheme) else c for c in data.cells
        ))  # fmt: skip

    assert any("how far apart" in s for s in failing(measured(("ReLU", "He"), logit_std=1.0)))
    assert any("how sure" in s for s in failing(measured(("sigmoid", "N(0, 1)"), largest=0.2)))
    assert any(
        "gradient in the first" in s
        for s in failing(measured(("sigmoid", "U[0, 1]"), gradient=dict.fromkeys(inner.LOSSES, 0.1)))
    )
    assert any("sign" in s for s in failing(measured(("ReLU", "N(0, 1)"), dead=0.4)))
    assert any(
        "too small at the start" in s
        for s in failing(measured(("ReLU", "N(0, 1)"), gradient=dict.fromkeys(inner.LOSSES, 1e-3)))
    )
    assert any("'Normal weights converge'" in s for s in failing(cell("ReLU", "N(0, 1)", "trained")))
    assert any("U[0, 1] does not train ReLU" in s for s in failing(cell("ReLU", "U[0, 1]", "trained")))
    assert any("has to be cross-entropy" in s for s in failing(cell("ReLU", "He", "stalled")))
    assert any("does not care" in s for s in failing(cell("sigmoid", "U[-0.1, 0.1]", "trained")))
    assert any("wide ranges train" in s for s in failing(cell("sigmoid", "U[-1, 1]", "diverged")))
    assert np.isfinite([m.logit_std for m in data.measured.values()]).all()
    assert len(entry.figure(result).axes) == 6
