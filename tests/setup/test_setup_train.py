"""Setup.train is the plain loop, from any seed, as often as one likes."""

import pytest
import torch
from torch import nn

from trainability import Setup, SetupError
from trainability.problems import get

X = torch.linspace(-1, 1, 40)[:, None]
Y = X**2


def build():
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return Setup(model, nn.MSELoss(), optimizer, (X, Y), batch_size=10, epochs=5)


def test_equals_a_hand_written_loop_exactly():
    torch.manual_seed(0)
    setup = build()
    twin = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    twin.load_state_dict(setup.model.state_dict())
    run = setup.train(steps=12, order=7)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    generator, losses = torch.Generator().manual_seed(7), []
    for _ in range(3):
        for rows in torch.randperm(40, generator=generator).split(10):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(twin(X[rows]), Y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert run.losses.tolist() == losses
    for a, b in zip(setup.model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_same_seed_gives_the_same_run_and_another_another():
    setup = Setup.from_function(build)
    one, two, other = setup.train(seed=1), setup.train(seed=1), setup.train(seed=2)
    assert one.losses.tolist() == two.losses.tolist() != other.losses.tolist()
    assert one.seed == 1


def test_without_a_seed_training_starts_from_the_weights_as_given():
    setup = build()
    first = setup.train()
    setup.train(seed=3)
    assert setup.train().losses.tolist() == first.losses.tolist()


def test_a_built_setup_gets_fresh_seeds_from_its_own_values():
    setup = build()
    values = setup.model[0].weight.detach().clone().flatten().sort().values
    fresh = setup.seeded(5)
    assert not torch.equal(fresh.model[0].weight, setup.model[0].weight)
    assert torch.equal(fresh.model[0].weight.flatten().sort().values, values)
    assert torch.equal(setup.seeded(5).model[0].weight, fresh.model[0].weight)


def test_a_function_gives_fresh_draws_and_keeps_its_data():
    calls = []

    def noisy():
        calls.append(1)
        setup = build()
        return Setup(setup.model, setup.loss_fn, setup.optimizer, (X, torch.randn(40, 1)), batch_size=10, epochs=5)

    setup = Setup.from_function(noisy)
    fresh = setup.seeded(5)
    assert not torch.equal(fresh.model[0].weight.sort().values, setup.model[0].weight.sort().values)
    assert fresh.data[1] is setup.data[1]
    assert torch.equal(setup.seeded(5).model[0].weight, fresh.model[0].weight)


def test_a_function_that_seeds_itself_falls_back_to_resampling():
    def seeded():
        torch.manual_seed(0)
        return build()

    setup = Setup.from_function(seeded)
    assert not torch.equal(setup.seeded(1).model[0].weight, setup.seeded(2).model[0].weight)


def test_a_function_that_returns_one_global_setup():
    one = build()
    setup = Setup.from_function(lambda: one)
    assert not torch.equal(setup.seeded(1).model[0].weight, setup.seeded(2).model[0].weight)


def test_the_random_state_outside_is_left_alone():
    torch.manual_seed(4)
    before = torch.get_rng_state()
    Setup.from_function(build).train(seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_outcomes_by_the_stated_rules():
    setup = build()
    assert setup.train(steps=400).outcome == "trained"
    setup.optimizer.param_groups[0]["lr"] = 1e-9
    assert setup.train(steps=40).outcome == "stalled"
    net = nn.Linear(1, 1)
    wild = Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=50.0), (X, Y), batch_size=None, epochs=60)
    run = wild.train()
    assert run.outcome == "diverged"
    assert run.steps == 60


def test_score_follows_training_in_the_tasks_own_terms():
    setup = get("digits-mlp")()
    (X_, y_), chance = setup.validation, 0.2
    assert setup.score(X_, y_) < chance
    run = setup.train(seed=0, steps=300)
    assert run.trained
    assert setup.score(X_, y_) > 0.9
    assert run.validation_score == pytest.approx(setup.score(X_, y_))


def test_a_given_target_decides():
    assert Setup(**{**_fields(), "target": 1e-9}).train(steps=400).outcome == "learning"


def _fields():
    s = build()
    names = ("model", "loss_fn", "optimizer", "data", "batch_size", "epochs")
    return {n: getattr(s, n) for n in names}


def test_lbfgs_gets_its_closure():
    net = nn.Linear(1, 1)
    setup = Setup(net, nn.MSELoss(), torch.optim.LBFGS(net.parameters()), (X, 3 * X), batch_size=None, epochs=5)
    assert setup.train().outcome == "trained"
    assert setup.clone().train().outcome == "trained"


def test_a_loss_over_the_models_own_weights_trains_the_copy():
    net = nn.Linear(1, 1)
    setup = Setup(
        net,
        lambda o, t: (o - t).square().mean() + net.weight.square().sum(),
        torch.optim.SGD(net.parameters(), lr=0.1),
        (X, 3 * X),
        batch_size=None,
        epochs=100,
    )
    before = net.weight.clone()
    copy = setup.clone()
    copy.train()
    assert torch.equal(net.weight, before)
    mean = float(X.square().mean())
    assert float(copy.model.weight) == pytest.approx(3 * mean / (mean + 1), rel=1e-3)  # ridge regression's closed form


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "net"}, "model is a str"),
        ({"loss_fn": 3}, "loss_fn is a int"),
        ({"optimizer": 3}, "optimizer is a int"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": -4}, "batch_size is -4"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"data": (X, Y[:3])}, "40 inputs and 3 targets"),
        ({"model": nn.LazyLinear(3)}, "lazy layers"),
    ],
)
def test_bad_fields_are_named(change, words):
    with pytest.raises(SetupError, match=words):
        Setup(**{**_fields(), **change})


def test_an_optimizer_can_be_given_as_a_function():
    setup = Setup(**{**_fields(), "optimizer": lambda p: torch.optim.SGD(p, lr=0.5)})
    assert setup.optimizer.param_groups[0]["lr"] == 0.5
