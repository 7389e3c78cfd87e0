"""Every layer and activation is seen, called as a module or a function, in place or not, and no hook stays."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainability import Setup
from trainability.doctor.probes import snapshot
from trainability.doctor.probes.recorder import recording

X = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(50) % 3


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return F.softmax(self.b(torch.tanh(F.relu(self.a(x)))), dim=1)


class Reused(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.act = nn.Linear(6, 6), nn.Linear(6, 3), nn.ReLU()

    def forward(self, x):
        return self.b(self.act(self.a(self.act(self.a(x)))))


def seen(model, x=X):
    calls = []
    with recording(model, lambda c: calls.append((c.name, c.kind, c.role))):
        model(x)
    return calls


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules())


def test_functions_are_seen_like_modules():
    assert seen(Functional()) == [
        ("a", "linear", "weight"),
        ("relu", "relu", "activation"),
        ("tanh", "tanh", "activation"),
        ("b", "linear", "weight"),
        ("softmax", "softmax", "activation"),
    ]


def test_a_reused_module_is_seen_at_each_call():
    assert [name for name, _, _ in seen(Reused())] == ["a", "act", "a#2", "act#2", "b"]


@pytest.mark.parametrize("inplace", [False, True])
def test_in_place_activations_do_not_change_what_is_read_before_them(inplace):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 40), nn.ReLU(inplace=inplace), nn.Linear(40, 3))
    setup = Setup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, Y))
    reading = snapshot(setup, X, Y)
    z = F.linear(X, model[0].weight, model[0].bias).detach()
    linear, relu, _ = reading.layers
    assert linear.mean_square == pytest.approx(float(z.square().mean()), rel=1e-5)
    assert relu.mean_square == pytest.approx(float(z.relu().square().mean()), rel=1e-5)
    assert relu.dead == pytest.approx(float((z <= 0).all(0).float().mean()))


def test_gradients_at_layers_equal_autograds():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    setup = Setup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, Y))
    reading = snapshot(setup, X, Y)
    z = model[0](X)
    (expected,) = torch.autograd.grad(F.cross_entropy(model[2](torch.tanh(z)), Y), [z])
    assert reading.layers[0].gradient == pytest.approx(float(expected.square().mean().sqrt()), rel=1e-5)
    total = torch.autograd.grad(F.cross_entropy(model(X), Y), list(model.parameters()))
    assert reading.gradient_norm == pytest.approx(float(sum(g.square().sum() for g in total) ** 0.5), rel=1e-5)


def test_the_gradient_at_the_logits_goes_through_softmax_in_closed_form():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 3), nn.Softmax(1))
    one_hot = F.one_hot(Y, 3).float()
    setup = Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, one_hot))
    reading = snapshot(setup, X, one_hot)
    z = model[0](X)
    (expected,) = torch.autograd.grad(F.mse_loss(z.softmax(1), one_hot), [z])
    assert reading.output.gradient == pytest.approx(float(expected.square().mean().sqrt()) * len(X), rel=1e-4)
    assert (reading.output.activation, reading.output.path) == ("softmax", "1")


@pytest.mark.parametrize(
    ("model", "x", "kinds"),
    [
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)),
         torch.randn(50, 1, 6, 6), ["conv2d", "batch_norm", "relu", "linear"]),
        (nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)), X,
         ["linear", "layer_norm", "gelu", "linear"]),
        (nn.Sequential(nn.Linear(6, 8), nn.SELU(), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 3), nn.LogSoftmax(1)), X,
         ["linear", "selu", "linear", "silu", "linear", "log_softmax"]),
    ],
    ids=["conv", "norm", "log-softmax"],
)  # fmt: skip
def test_kinds(model, x, kinds):
    assert [kind for _, kind, _ in seen(model, x)] == kinds


def test_hooks_are_gone_also_when_the_model_raises():
    class Raises(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(6, 3)

        def forward(self, x):
            self.a(x)
            raise RuntimeError("no")

    model = Raises()
    with pytest.raises(RuntimeError, match="no"):
        seen(model)
    assert hooks(model) == 0
    relu = F.relu(torch.tensor([-1.0]))
    assert float(relu) == 0


def test_a_snapshot_changes_nothing():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.ReLU(), nn.Linear(5, 3))
    model.eval()
    setup = Setup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, Y))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    one, two = snapshot(setup, X, Y), snapshot(setup, X, Y)
    assert repr(one) == repr(two)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not any(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert hooks(model) == 0


def test_identical_units_and_missing_parameters_are_read():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    nn.init.constant_(model[0].weight, 0.1)
    setup = Setup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model[0].parameters(), lr=0.1), (X, Y))
    first, _, second, _ = snapshot(setup, X, Y).weights
    assert (first.identical_rows, first.says, first.held) == (1.0, "every weight 0.1", True)
    assert (second.identical_rows, second.held) == (0.0, False)
