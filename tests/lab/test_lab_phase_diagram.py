"""Maps of Setups whose boundary is known exactly, and what axes do to a Setup."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import trainability as tr
from trainability.errors import SetupError, TrainabilityError, UnknownNameError
from trainability.lab.ensemble import MLP
from trainability.lab.phase import OUTCOMES, Axis, AxisError, Cells, Members, axis, explore, lines, success_curve
from trainability.optimizers import Momentum
from trainability.setup import Setup

X = torch.eye(2).repeat(4, 1)
Y = X[:, :1] - 0.5 * X[:, 1:]


def linear(optimizer=None, **more):
    """Hessian of the loss: the identity, so that the stable lr of gradient descent is 2."""
    torch.manual_seed(0)
    net = nn.Linear(2, 1, bias=False)
    optimizer = optimizer or (lambda p: torch.optim.SGD(p, lr=0.5))
    return Setup(net, nn.MSELoss(), optimizer(net.parameters()), (X, Y), **{"batch_size": None, "epochs": 80} | more)


def network(depth=3, activation=nn.ReLU, bias=False, width=12):
    sizes = [2, *[width] * (depth - 1), 1]
    parts = []
    for n, m in pairwise(sizes):
        parts += [nn.Linear(n, m, bias=bias), activation()]
    net = nn.Sequential(*parts[:-1])
    return Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), (X, Y), batch_size=None, epochs=20)


def test_gradient_descent_trains_below_the_stable_lr_and_diverges_above():
    setup = linear()
    before = setup.model.weight.clone()
    found = tr.phase_diagram(setup, "lr=0.05:20", "momentum=0:0.6", resolution=17, coarse=5, seeds=2, workers=1)
    assert torch.equal(before, setup.model.weight)
    assert setup.optimizer.param_groups[0]["lr"] == 0.5
    (line,) = found.lines
    assert line.label == "stable lr at the start"
    assert line.x == pytest.approx(2 * (1 + line.y), rel=1e-3)  # heavy ball on a quadratic
    assert line.y.tolist() == pytest.approx(np.linspace(0, 0.6, 9).tolist())
    limit = 2 * (1 + found.cells.y[:, None])
    lr = found.cells.x[None, :]
    assert found.share[(lr > 1.02 * limit) & found.evaluated].max() == 0
    assert (found.share[(lr < 0.9 * limit) & (lr > 0.15)] == 1).all()
    diverged = OUTCOMES.index("diverged")
    assert (found.cells.outcome == diverged)[(lr > 1.1 * limit) & found.evaluated].all()
    assert found.evaluated.mean() < 0.5
    assert found.resolution == (17, 17)
    assert found.runs == 2 * found.evaluated.sum()
    assert found.boundary.any()
    assert found.boundary_length > 0.9
    assert found.outcome_shares.shape == (17, 17, 4)


def test_a_map_is_the_same_whatever_the_workers_and_cells_equal_plain_training():
    setup = network()
    asked = {"resolution": 5, "coarse": 3, "seeds": 2, "steps": 15}
    one = tr.phase_diagram(setup, "lr=0.01:3", "scale=0.3:3", workers=1, **asked)
    two = tr.phase_diagram(setup, "lr=0.01:3", "scale=0.3:3", workers=2, **asked)
    assert np.array_equal(one.cells.codes, two.cells.codes)
    row, column = np.argwhere(one.evaluated)[7]
    for seed in (0, 1):
        own = network()
        own = own.replaced(model=setup.clone().model)
        own = own.replaced(optimizer=torch.optim.SGD(own.model.parameters(), lr=float(one.cells.x[column])))
        own.model.load_state_dict(setup.seeded(seed).model.state_dict())
        with torch.no_grad():
            for p in own.model.parameters():
                p *= one.cells.y[row]
        assert OUTCOMES[one.cells.codes[row, column, seed]] == own.train(order=seed, steps=15).outcome


def test_the_curve_over_one_axis():
    found = success_curve(linear(), ("lr", 0.1, 10), resolution=33, seeds=4, workers=1)
    assert found.share.shape == (1, 33)
    x = found.cells.x
    assert (found.share[0][(x > 0.2) & (x < 1.8)] == 1).all()
    assert (found.share[0][x > 2.05] == 0).all()
    assert found.low[0, 10] == pytest.approx(0.510, abs=1e-3)  # 4 of 4
    assert found.lines[0].x == pytest.approx([2.0], rel=1e-3)
    assert found.y is None


def test_zoom_reuses_what_is_known():
    found = tr.phase_diagram(linear(), "lr=0.5:8", "momentum=0:0.5", resolution=9, coarse=3, seeds=1, workers=1)
    asked = []
    evaluate = found.evaluate

    def counting(x, y, seed):
        asked.extend(zip(x.tolist(), y.tolist(), strict=True))
        return evaluate(x, y, seed)

    object.__setattr__(found, "evaluate", counting)
    near = found.zoom((1.6, 3.5), (0.1, 0.4), resolution=13)
    known = {(found.cells.x[j], found.cells.y[i]) for i, j in np.argwhere(found.evaluated)}
    assert asked
    assert not known & set(asked)
    assert near.cells.x[0] <= 1.6
    assert near.cells.x[-1] >= 3.5
    assert set(found.cells.x[(found.cells.x >= 1.6) & (found.cells.x <= 3.5)]) <= set(near.cells.x)
    limit = 2 * (1 + near.cells.y[:, None])
    assert (near.share[(near.cells.x[None] > 1.05 * limit)] == 0).all()
    with pytest.raises(AxisError, match="outside the map"):
        found.zoom((10.0, 20.0))
    with pytest.raises(AxisError, match="empty"):
        found.zoom((2.0, 1.0))


def test_saved_arrays(tmp_path):
    found = tr.phase_diagram(linear(), "lr=0.5:8", resolution=5, coarse=3, seeds=1, workers=1)
    with np.load(found.save(tmp_path / "map.npz")) as read:
        assert np.array_equal(read["share"], found.share)
        assert read["outcomes"].tolist() == list(OUTCOMES)
        assert str(read["line_0_label"]) == "stable lr at the start"
    with pytest.raises(TrainabilityError, match=r"\.npz"):
        found.save(tmp_path / "map.csv")
    with pytest.raises(TrainabilityError, match="cannot be written"):
        found.save(tmp_path / "no" / "map.npz")


def test_what_the_axes_change():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[1].parameters(), "lr": 0.2}]
    setup = Setup(net, nn.MSELoss(), torch.optim.Adam(groups, betas=(0.5, 0.9)), (X, Y), batch_size=2)
    made = Cells(setup, (axis("scale=0.5:3"), axis("lr=0.01:1"))).at({"scale": 3.0, "lr": 0.5})
    assert torch.equal(made.model[0].weight, 3 * net[0].weight)
    assert torch.equal(made.model[0].bias, net[0].bias)
    assert [g["lr"] for g in made.optimizer.param_groups] == pytest.approx([0.5, 1.0])
    assert made.optimizer.param_groups[0]["params"][0] is made.model[0].weight
    made = Cells(setup, (axis("beta1=0:0.9"), axis("batch_size=1:8"))).at({"beta1": 0.25, "batch_size": 5.0})
    assert [g["betas"] for g in made.optimizer.param_groups] == [(0.25, 0.9)] * 2
    assert made.batches.batch_size == 5
    assert [g["lr"] for g in setup.optimizer.param_groups] == [0.1, 0.2]


def test_parameters_of_the_function_are_axes_and_whole_where_they_count():
    built = []

    def build(depth: int = 2, gain=1.0):
        built.append((depth, gain))
        setup = network(depth=depth)
        with torch.no_grad():
            for p in setup.model.parameters():
                p *= gain
        return setup

    found = tr.phase_diagram(build, "depth=2:4", "gain=0.5:2", resolution=9, coarse=3, seeds=1, steps=3, workers=1)
    assert found.cells.x.tolist() == [2.0, 3.0, 4.0]
    assert {type(depth) for depth, _ in built} == {int}
    assert {gain for _, gain in built} >= {0.5, 1.25, 2.0}
    assert not found.lines


def test_depth_scaling_and_the_edge_of_chaos():
    torch.manual_seed(0)
    setup = network(depth=3)
    found, notes = lines(Cells(setup, (axis("lr=1e-4:1"), axis("scale=0.5:4"))))
    named = {line.label: line for line in found}
    assert not notes
    slope = np.polyfit(
        *(np.log(v) for v in (named["depth scaling: lr ~ scale⁻⁴"].y, named["depth scaling: lr ~ scale⁻⁴"].x)), 1
    )
    assert slope[0] == pytest.approx(-4)
    at_one = np.interp(0, np.log(named["stable lr at the start"].y), np.log(named["stable lr at the start"].x))
    assert slope[1] == pytest.approx(at_one, abs=0.1)
    weight = setup.model[2].weight.detach().double()
    assert named["edge of chaos"].y == pytest.approx(np.full(2, (2 / (12 * float(weight.square().mean()))) ** 0.5))


def test_the_depth_scale_of_a_tanh_network():
    from trainability.theory import signal

    def build(depth: int = 3):
        setup = network(depth, nn.Tanh, bias=True)
        for layer in setup.model[::2]:
            nn.init.zeros_(layer.bias)
            nn.init.constant_(layer.weight, 12**-0.5)  # a mean square of 1/fan_in
        return setup

    found, _ = lines(Cells(build, (axis("scale=0.5:2"), Axis("depth", 3, 30, whole=True))))
    named = {line.label: line for line in found}
    assert named["edge of chaos"].x == pytest.approx([1.0, 1.0])
    deep = named["depth scale: 6 correlation depths"]
    assert deep.y[0] == pytest.approx(signal.trainable_depth("tanh", 0.25, 0.0))


def test_what_is_not_predicted_is_said():
    adam = linear(lambda p: torch.optim.Adam(p, lr=0.1))
    assert "divides by what it has gathered" in lines(Cells(adam, (axis("lr=0.1:1"),)))[1][0]
    nadam = linear(lambda p: torch.optim.NAdam(p, lr=0.1))
    assert "no formula" in lines(Cells(nadam, (axis("lr=0.1:1"),)))[1][0]


def test_cells_as_members_of_an_ensemble_have_the_same_boundary():
    cells = Members(
        MLP((2, 1), bias=False), Momentum(lr=1.0, momentum=0.0), (X, Y), axes=("lr", "momentum"), loss="mse", steps=80,
        workers=1,
    )  # fmt: skip
    found = explore(cells, np.geomspace(0.3, 20, 33), np.linspace(0, 0.6, 33), coarse=9, seeds=1)
    limit, lr = 2 * (1 + found.y[:, None]), found.x[None, :]
    assert (found.share[lr > 1.02 * limit] == 0).all()
    assert (found.share[lr < 0.9 * limit] == 1).all()
    with pytest.raises(UnknownNameError, match="Did you mean 'scale'"):
        Members(MLP((2, 1)), Momentum(), (X, Y), axes=("scael",), loss="mse", steps=1)
    with pytest.raises(AxisError, match="two different"):
        Members(MLP((2, 1)), Momentum(), (X, Y), axes=("lr", "lr"), loss="mse", steps=1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("lr=1:1", "empty"),
        ("lr=1:0.1", "low end first"),
        ("lr=0:1", "logarithmic"),
        ("lr=nan:1", "finite"),
        ("lr=0.1:inf", "finite"),
        ("lr=0.1:much", "needed a number"),
        ("lr=0.1", "NAME=LOW:HIGH"),
        ("lr", "NAME=LOW:HIGH"),
        ("=1:2", "NAME=LOW:HIGH"),
        ("lr=0.1:1:lag", "Did you mean 'log'"),
        ("batch_size=1.2:1.9", "whole numbers"),
        (3, "NAME=LOW:HIGH"),
    ],
)
def test_bad_axes(given, words):
    with pytest.raises(AxisError, match=words):
        axis(given)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ("lrr=0.1:1", None, "Did you mean 'lr'"),
        ("lr=0.1:1", "lr=0.1:1", "both axes"),
        ("momentum=0:1", None, "below 1"),
        ("lr=-1:1:linear", None, "0 or more"),
        ("batch_size=0.5:4", None, "1 or more"),
    ],
)
def test_axes_that_a_setup_cannot_take(x, y, words):
    with pytest.raises(TrainabilityError, match=words):
        tr.phase_diagram(linear(), x, y, workers=1)


def test_other_bad_arguments():
    with pytest.raises(UnknownNameError, match="outcome"):
        tr.phase_diagram(linear(), "lr=0.1:1", success=("trainde",))
    with pytest.raises(UnknownNameError, match="problem"):
        tr.phase_diagram("digits-mpl", "lr=0.1:1")
    with pytest.raises(SetupError, match=r"needed is a trainability\.Setup"):
        tr.phase_diagram(3, "lr=0.1:1")
    with pytest.raises(ValueError, match="resolution"):
        tr.phase_diagram(linear(), "lr=0.1:1", resolution=1)
    with pytest.raises(AxisError, match="steps"):
        tr.phase_diagram(linear(), "lr=0.1:1", steps=0)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=2)
    net = nn.Linear(2, 1)
    with pytest.raises(AxisError, match="DataLoader"):
        tr.phase_diagram(Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters()), loader), "batch_size=1:4")


def test_a_budget_is_said():
    found = tr.phase_diagram(linear(), "lr=0.1:10", resolution=33, seeds=1, max_runs=6, workers=1, predict=False)
    assert found.runs == 6
    assert "stopped at 6 runs" in found.notes[0]
