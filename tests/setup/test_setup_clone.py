"""A copy of a Setup belongs to itself, whatever its loss refers to."""

import functools

import torch
from torch import nn

from trainability.setup.clone import clone_parts

GLOBAL = nn.Linear(2, 1)


def penalty_of_a_global(output, target):
    return GLOBAL.weight.square().sum() + (output - target).square().mean()


class Penalised(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, output, target):
        return self.model.weight.square().sum()


def gradient_reaches(loss_fn, model):
    loss = loss_fn(model(torch.ones(3, 2)), torch.zeros(3, 1))
    (gradient,) = torch.autograd.grad(loss, [model.weight], allow_unused=True)
    return gradient is not None


def losses(model):
    parameters = list(model.parameters())
    return {
        "closure": lambda o, t: model.weight.square().sum(),
        "closure over parameters": lambda o, t: parameters[0].square().sum(),
        "nested closure": (lambda inner: lambda o, t: inner())(lambda: model.weight.square().sum()),
        "partial": functools.partial(lambda m, o, t: m.weight.square().sum(), model),
        "module": Penalised(model),
        "bound method": Penalised(model).forward,
    }


def test_every_way_of_reaching_the_model_is_rebound():
    for name, loss_fn in losses(nn.Linear(2, 1)).items():
        model = loss_fn.__closure__[0].cell_contents if name == "closure" else None
        net = model or nn.Linear(2, 1)
        loss_fn = losses(net)[name]
        copy, _, new_loss = clone_parts(net, torch.optim.SGD(net.parameters(), lr=0.1), loss_fn)
        assert copy is not net, name
        assert torch.autograd.grad(new_loss(None, None), [copy.weight], allow_unused=True)[0] is not None, name
        assert torch.autograd.grad(loss_fn(None, None), [net.weight], allow_unused=True)[0] is not None, name


def test_a_global_is_rebound_and_the_module_keeps_its_own():
    copy, _, loss_fn = clone_parts(GLOBAL, torch.optim.SGD(GLOBAL.parameters(), lr=0.1), penalty_of_a_global)
    loss = loss_fn(torch.zeros(1, 1), torch.zeros(1, 1))
    assert torch.autograd.grad(loss, [copy.weight], allow_unused=True)[0] is not None
    assert penalty_of_a_global.__globals__["GLOBAL"] is GLOBAL


def test_a_plain_loss_is_itself():
    net = nn.Linear(1, 1)
    assert (
        clone_parts(net, torch.optim.SGD(net.parameters(), lr=1), nn.functional.mse_loss)[2] is nn.functional.mse_loss
    )


def test_the_optimizer_holds_the_copy_and_no_memory():
    net = nn.Linear(2, 1)
    optimizer = torch.optim.Adam([{"params": [net.weight], "lr": 0.1}, {"params": [net.bias], "lr": 0.2}])
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    hooked = []
    optimizer.register_step_pre_hook(lambda *a: hooked.append(1))
    copy, new, _ = clone_parts(net, optimizer, nn.functional.mse_loss)
    assert [g["lr"] for g in new.param_groups] == [0.1, 0.2]
    assert new.param_groups[0]["params"][0] is copy.weight
    assert not new.state
    assert optimizer.state
    new.step()
    assert hooked == [1]
