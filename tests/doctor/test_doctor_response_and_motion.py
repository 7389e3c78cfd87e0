"""How a network answers to mixed and scaled inputs, and how a run moves, against cases worked out by hand."""

import math

import pytest
import torch
from torch import nn

from trainability import Setup, diagnose
from trainability.doctor.examine import examine
from trainability.doctor.probes import response

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(200, 6, generator=DRAW)
Y = X @ torch.randn(6, 1, generator=DRAW)


class Power(nn.Module):
    def __init__(self, power):
        super().__init__()
        self.power = power

    def forward(self, x):
        return x.abs() ** self.power


def net(*between, bias=False):
    torch.manual_seed(0)
    layers = []
    for middle in between:
        layers += [nn.Linear(6, 6, bias=bias), middle]
    return nn.Sequential(*layers, nn.Linear(6, 1, bias=bias))


def setup(model, lr=0.01, loss=None, **options):
    return Setup(model, loss or nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=lr), (X, Y), **options)


def test_a_chain_of_affine_maps_does_not_bend_and_its_floor_is_that_of_least_squares():
    noisy = Y + 0.5 * torch.randn(Y.shape, generator=torch.Generator().manual_seed(1))
    model = net(nn.Identity(), nn.Dropout(0.5), bias=True)
    seen = response(Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, noisy)))
    assert seen.bend < 1e-4
    assert (seen.weight_layers, seen.hidden_activations) == (3, 0)
    wide = torch.cat([X, torch.ones(len(X), 1)], 1).double()
    fit = wide @ torch.linalg.lstsq(wide, noisy.double()).solution
    assert seen.linear_loss == pytest.approx(float((fit - noisy).square().mean()), rel=1e-3)


@pytest.mark.parametrize(
    "middle", [nn.ReLU(), nn.Tanh(), nn.GELU(), Power(1.0), Power(0.5), nn.LayerNorm(6)], ids=lambda m: str(m)
)
def test_anything_nonlinear_bends(middle):
    assert response(setup(net(middle))).bend > 0.05


def test_a_small_signal_does_not_hide_a_tanh():
    model = net(nn.Tanh(), nn.Tanh())
    with torch.no_grad():
        for p in model.parameters():
            p *= 1e-3
    assert response(setup(model)).bend > 1e-3


@pytest.mark.parametrize(("power", "layers"), [(1.0, 3), (2.0, 3), (3.0, 2), (0.5, 2)])
def test_the_power_of_growth_is_the_activations_own(power, layers):
    seen = response(setup(net(*[Power(power)] * layers)))
    assert seen.growth == pytest.approx(power, rel=1e-3)
    assert seen.total_growth == pytest.approx(power**layers, rel=1e-3)
    assert seen.finite


def test_an_overflow_is_told_and_the_power_still_read():
    model = net(Power(2.0), Power(2.0))
    with torch.no_grad():
        model[0].weight *= 1e10
    seen = response(setup(model))
    assert not seen.finite
    assert seen.growth == pytest.approx(2.0, rel=1e-3)


def test_indices_are_left_alone():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 1))
    data = torch.zeros(20, 2, dtype=torch.long), torch.zeros(20, 1)
    seen = response(Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), data))
    assert math.isnan(seen.bend)
    assert seen.weight_layers == 0


def test_gradients_turn_above_one_over_the_curvature_and_go_on_below():
    # Full batch on a quadratic with one curvature h = 2: a step multiplies the error by 1 - 2 lr.
    x = torch.tensor([[1.0], [-1.0]])
    for lr, expected in ((0.9, -1.0), (0.1, 1.0)):
        model = nn.Linear(1, 1, bias=False)
        run = Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=lr), (x, 3 * x), batch_size=None)
        moved = examine(run, 12).motion
        assert moved.turn == pytest.approx(expected, abs=1e-3)


def test_the_noise_scale_of_a_gradient_is_that_of_its_definition():
    # At weight 0 the gradient of one sample is -2 x y: its variance over its squared mean, by hand.
    draw = torch.Generator().manual_seed(3)
    x = 1 + torch.randn(256, 1, generator=draw)
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    one = Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=1e-12), (x, x), batch_size=8)
    g = (-2 * x * x).double()
    by_hand = float(g.var() / g.mean() ** 2)
    assert examine(one, 8).motion.noise_scale == pytest.approx(by_hand, rel=0.6)  # eight batches: a rough estimate


def test_a_run_that_breaks_has_no_motion():
    assert examine(setup(net(nn.ReLU()), lr=1e6), 60).motion is None


def test_probes_leave_no_trace():
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))
    one = setup(model)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    response(one)
    examine(one, 12)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_an_affine_network_on_a_bent_task_is_named_and_cured():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.Linear(32, 2))
    labels = (X[:, :2].prod(1) > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    told = diagnose(Setup(model, nn.CrossEntropyLoss(), optimizer, (X, labels), 32, 40), seeds=1, workers=1)
    assert told.findings[0].cause == "no-nonlinearity"
    assert told.findings[0].evidence["lowest loss of an affine map"] > 0.6
    assert told.remedies[0].change.name == "relu-between-layers"


def test_an_affine_network_that_is_enough_is_left_alone():
    told = diagnose(setup(net(nn.Identity(), bias=True), lr=0.05, epochs=20), seeds=1, workers=1)
    assert told.findings == ()
