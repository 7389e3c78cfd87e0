"""The self-check and the range test, on problems whose answers are known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from trainability import curvature, optimizers
from trainability.curvature.behaviour import behaviour
from trainability.curvature.linear import growth, linear_name
from trainability.curvature.self_check import ritz_space
from trainability.setup import Setup
from trainability.theory import stability

SCALES = torch.tensor([3.0, 1.0, 0.5, 0.1], dtype=torch.float64)


def quadratic(build, batch_size=None):
    """Least squares with Hessian diag(9, 1, 0.25, 0.01) / 2: what it does is known for every lr."""
    model = nn.Linear(4, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.ones(1, 4))
    x = torch.diag(SCALES).repeat(4, 1)
    return Setup(
        model,
        nn.MSELoss(),
        build(model.parameters()),
        (x, torch.zeros(16, 1, dtype=torch.float64)),
        batch_size=batch_size,
    )


RULES = [
    lambda p: torch.optim.SGD(p, lr=0.1),
    lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.5),
    lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.7, nesterov=True),
]


@pytest.mark.parametrize("build", RULES)
def test_on_a_quadratic_below_the_limit_falls_and_above_it_diverges(build):
    point = curvature.at(quadratic(build))
    found = curvature.measure_at(point, tol=1e-8)
    check = curvature.self_check(point, found, steps=60)
    below, above, own = check.trials
    assert check.holds_on_the_quadratic
    assert below.growth < 1 < above.growth
    assert above.behaviour == "diverges"
    assert below.behaviour in ("decreases", "oscillates")
    assert below.losses[-1] < 0.5 * below.losses[0]
    assert (own.own, own.lr) == (True, 0.1)
    # The true loss is this quadratic, so that it grows as the model says: loss as the square of the distance.
    rates = np.array(above.losses)[-11:]
    if not found.effective_is_plain:
        return  # the loss that is reported has no weight decay in it
    assert (rates[-1] / rates[0]) ** (1 / 20) == pytest.approx(above.growth, rel=1e-3)


def test_a_wrong_limit_would_be_seen():
    point = curvature.at(quadratic(RULES[0]))
    found = curvature.measure_at(point, tol=1e-8)
    wrong = curvature.Limit(0.5 * found.limit.low, 0.5 * found.limit.high, 0.1)
    object.__setattr__(found, "limit", wrong)
    assert not curvature.self_check(point, found, steps=5).holds_on_the_quadratic


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0 - 1e-3, 1.0 + 1e-3, 1.1, 2.0])
@pytest.mark.parametrize(
    "rule",
    [
        optimizers.SGD(),
        optimizers.Momentum(momentum=0.9),
        optimizers.Momentum(momentum=0.8, dampening=0.5),
        optimizers.Nesterov(momentum=0.9),
        optimizers.Adam(betas=(0.9, 0.99)),
        optimizers.AdamW(weight_decay=0.3),
        optimizers.RMSprop(momentum=0.5),
    ],
)
def test_growth_is_the_spectral_radius_and_changes_side_at_the_limit(rule, factor):
    lr = factor * float(rule.stable_lr(10.0))
    found = growth(rule, lr, [10.0])
    name = linear_name(rule)
    from trainability.curvature.linear import hyper

    expected = stability.spectral_radius(name, lr, 10.0, **hyper(rule, name))
    assert found == pytest.approx(expected, rel=2e-2 if abs(factor - 1) > 0.01 else 2e-3)
    if abs(factor - 1) > 0.01:
        assert (found > 1) == (factor > 1)


def test_growth_by_the_rules_own_update():
    rule = optimizers.Momentum(lr=0.42, momentum=0.9)
    curvatures = torch.tensor([10.0, 1.0], dtype=torch.float64)
    theta, sizes = {"w": torch.ones(2, dtype=torch.float64)}, []
    state = rule.init(theta)
    for _ in range(60):
        theta, state = rule.update({"w": curvatures * theta["w"]}, state, theta)
        sizes.append(theta["w"].norm().item())
    assert growth(rule, 0.42, curvatures.numpy()) == pytest.approx((sizes[-1] / sizes[-21]) ** (1 / 20), rel=1e-6)


def test_the_ritz_space_holds_the_top():
    point = curvature.at(quadratic(RULES[0]))
    values, start = ritz_space(point)
    assert values.max() == pytest.approx(4.5, rel=1e-9)
    assert (start > 0).all()


class Product(nn.Module):
    """F = u . v / sqrt(n): the smallest network that catapults."""

    def __init__(self, n=1000):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.u = nn.Parameter(torch.randn(n, generator=g, dtype=torch.float64))
        self.v = nn.Parameter(torch.randn(n, generator=g, dtype=torch.float64))

    def forward(self, x):
        return x * (self.u @ self.v) / len(self.u) ** 0.5


def test_the_catapult():
    # x = 1, y = 0, gradient descent; sharpness lam0 = (u² + v²) / n at f = 0 for loss f² / 2. Lewkowycz and others
    # 2020: lr lam0 < 2 lazy, 2 to 4 catapult to a flatter place, above 4 divergence.
    model = Product()
    x = torch.ones(1, 1, dtype=torch.float64)
    setup = Setup(
        model, lambda o, y: ((o - y) ** 2).mean() / 2, torch.optim.SGD(model.parameters(), lr=0.1), (x, 0 * x)
    )
    point = curvature.at(setup)
    found = curvature.measure_at(point, tol=1e-6)
    check = curvature.self_check(point, found, steps=100, factors=(0.5, 1.25, 1.5, 2.3))
    lazy, near, far, lost, _ = check.trials
    assert lazy.behaviour == "decreases"
    assert lazy.sharpness[1] == pytest.approx(lazy.sharpness[0], rel=0.05)
    for trial in (near, far):
        assert trial.behaviour == "catapults"
        assert trial.sharpness[1] * trial.lr < 2
        assert max(trial.losses) > 10 * trial.losses[0]
        assert "catapults" in trial.says
    assert lost.behaviour == "diverges"


def test_behaviours_by_their_rules():
    assert behaviour([1, 0.5, 0.2], above=False) == "decreases"
    assert behaviour([1, 0.5, math.nan], above=True) == "diverges"
    assert behaviour([1.0, 5.0, 30.0], above=True) == "diverges"
    assert behaviour([1.0, 0.8, 0.9, 0.7, 0.8, 0.6], above=False) == "oscillates"
    rise = [1.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert behaviour(rise, above=True, sharpness=(5.0, 2.0)) == "catapults"
    assert behaviour(rise, above=True, sharpness=(5.0, 6.0)) == "decreases"
    assert behaviour(rise, above=False, sharpness=(5.0, 2.0)) == "decreases"
    assert behaviour([1.0, 0.9, 1.5, 1.4, 1.3, 1.2], above=False) == "rises"
    with pytest.raises(ValueError, match="at least two"):
        behaviour([1.0], above=False)


def test_a_network_that_died_is_said_to_have():
    g = torch.Generator().manual_seed(0)
    x, y = torch.rand(60, 6, generator=g), torch.randint(0, 3, (60,), generator=g)
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))
    for p in model.parameters():
        nn.init.normal_(p, 0, 0.4, generator=g)
    setup = Setup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), (x, y))
    point = curvature.at(setup)
    found = curvature.measure_at(point)
    check = curvature.self_check(point, found, factors=(30.0,))
    died = check.trials[0]
    assert died.constant == ("it gives one answer to all inputs" in died.says)
    assert not check.trials[1].constant


@pytest.mark.parametrize("build", RULES[:2])
def test_the_range_test_gives_an_interval_around_the_limit_of_a_quadratic(build):
    setup = quadratic(build)
    limit = float(optimizers.of(setup.optimizer).stable_lr(4.5))
    found = curvature.range_test(setup, seeds=2)
    low, high = found.interval
    assert limit / 4 < low <= limit  # rungs are a factor of 2 apart
    assert limit < high < 4 * limit
    assert found.losses.shape == (2, len(found.lrs))
    assert "all had diverged" in found.says
    assert found.lr == 0.1


def test_a_range_test_that_ends_before_divergence_says_so():
    found = curvature.range_test(quadratic(RULES[0]), seeds=2, lowest=1e-4, highest=1e-2)
    assert found.interval[1] == math.inf
    assert found.interval[0] > 0
    assert "2 of 2 had not diverged" in found.says
    assert np.isfinite(found.losses).all()


@pytest.mark.parametrize(
    "wrong", [{"seeds": 0}, {"steps": 0}, {"growth": 1.0}, {"lowest": 0.0}, {"lowest": 2.0, "highest": 1.0}]
)
def test_bad_arguments_of_the_range_test_are_refused(wrong):
    with pytest.raises(ValueError, match="need at least 1 seed"):
        curvature.range_test(quadratic(RULES[0]), **wrong)
