"""Leave no trace."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from trainability.setup.untouched import random_state_kept, untouched


def everything(model, optimizer):
    return {
        "tensors": {k: v.clone() for k, v in model.state_dict().items()},
        "grads": {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()},
        "modes": [m.training for m in model.modules()],
        "wanted": [p.requires_grad for p in model.parameters()],
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        "lr": [g["lr"] for g in optimizer.param_groups],
        "state": {
            k: {n: (v.clone() if torch.is_tensor(v) else v) for n, v in s.items()} for k, s in optimizer.state.items()
        },
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].tolist(),
        "python": random.getstate(),
    }


def same(a, b):
    if torch.is_tensor(a):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def havoc(model, optimizer):
    optimizer.zero_grad()
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    model.eval()
    model[0].weight.requires_grad_(False)
    model[0].register_forward_hook(lambda *a: None)
    optimizer.param_groups[0]["lr"] = 7.0
    torch.rand(3), np.random.rand(), random.random()


@pytest.mark.parametrize("ending", [None, ValueError, KeyboardInterrupt])
def test_nothing_is_left_behind(ending):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    before = everything(model, optimizer)
    try:
        with untouched(model, optimizer):
            havoc(model, optimizer)
            if ending:
                raise ending
    except (ValueError, KeyboardInterrupt):
        pass
    after = everything(model, optimizer)
    for key, value in before.items():
        assert same(value, after[key]), key


def test_gradients_keep_their_tensor():
    model = nn.Linear(1, 1)
    model(torch.ones(1, 1)).sum().backward()
    gradient = model.weight.grad
    with untouched(model):
        model.zero_grad()
        model(torch.full((1, 1), 5.0)).sum().backward()
    assert model.weight.grad is gradient
    assert float(gradient) == 1.0


def test_random_state_is_kept():
    with random_state_kept():
        a = torch.rand(1), np.random.rand(), random.random()
    with random_state_kept():
        b = torch.rand(1), np.random.rand(), random.random()
    assert a == b
