"""Members of a stacked ensemble equal the plain torch.optim loop, in gradient and over 100 steps."""

import pytest
import torch
from torch import nn

from trainability.initializers import initialize
from trainability.lab.ensemble import MLP, Data, Online, train_ensemble
from trainability.lab.ensemble import _activations as activations
from trainability.lab.ensemble import _losses as losses
from trainability.lab.ensemble.mlp import StackedMLP, draw
from trainability.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, RMSprop
from trainability.setup import Setup

CPU = torch.device("cpu")
SEEDS = [4, 9, 2, 7, 1]

# Small enough that no member is chaotic: two roundings of a chaotic run part after a few dozen steps in any program.
LR = torch.tensor([0.02, 0.01, 0.03, 0.003, 0.05], dtype=torch.float64)
DECAY = torch.tensor([0.0, 0.01, 0.1, 0.0, 0.03], dtype=torch.float64)
SHARE = torch.tensor([0.9, 0.5, 0.6, 0.95, 0.7], dtype=torch.float64)
OTHER = torch.tensor([0.99, 0.9, 0.999, 0.95, 0.98], dtype=torch.float64)

OPTIMIZERS = {
    "SGD": (
        SGD(lr=LR, weight_decay=DECAY),
        lambda p, i: torch.optim.SGD(p, LR[i].item(), weight_decay=DECAY[i].item()),
    ),
    "Momentum": (
        Momentum(lr=LR, momentum=SHARE, weight_decay=DECAY),
        lambda p, i: torch.optim.SGD(p, LR[i].item(), momentum=SHARE[i].item(), weight_decay=DECAY[i].item()),
    ),
    "Nesterov": (
        Nesterov(lr=LR / 5, momentum=OTHER / 2),
        lambda p, i: torch.optim.SGD(p, LR[i].item() / 5, momentum=OTHER[i].item() / 2, nesterov=True),
    ),
    "Adam": (
        Adam(lr=LR / 10, betas=(SHARE, OTHER), weight_decay=DECAY),
        lambda p, i: torch.optim.Adam(
            p, LR[i].item() / 10, betas=(SHARE[i].item(), OTHER[i].item()), weight_decay=DECAY[i].item()
        ),
    ),
    "AdamW": (
        AdamW(lr=LR / 10, betas=(SHARE, OTHER), weight_decay=DECAY),
        lambda p, i: torch.optim.AdamW(
            p, LR[i].item() / 10, betas=(SHARE[i].item(), OTHER[i].item()), weight_decay=DECAY[i].item()
        ),
    ),
    "RMSprop": (
        RMSprop(lr=LR / 50, alpha=OTHER),
        lambda p, i: torch.optim.RMSprop(p, LR[i].item() / 50, OTHER[i].item()),
    ),
}


def data(loss: str, n: int = 23, inputs: int = 5, outputs: int = 3):
    generator = torch.Generator().manual_seed(8)
    x = torch.randn(n, inputs, generator=generator, dtype=torch.float64)
    if losses.get(loss).classes:
        return x, torch.randint(0, outputs, (n,), generator=generator)
    return x, torch.rand(n, outputs, generator=generator, dtype=torch.float64)


def plainly(net, make, loss, batches):
    """The losses of the loop that anybody would write, and the parameters at its end."""
    optimizer, seen = make(net.parameters()), []
    for x, y in batches:
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimizer.step()
        seen.append(value.item())
    return torch.tensor(seen, dtype=torch.float64), dict(net.named_parameters())


@pytest.mark.parametrize("loss", losses.ALL)
@pytest.mark.parametrize("activation", activations.ALL)
def test_gradient_by_hand_is_autograd(activation, loss):
    spec = MLP(
        (5, 7, 6, 3),
        activation,
        slope=torch.tensor([0.1, -0.2, 1.3, 0.0]),
        bias_init="small_normal",
        input_scale=torch.tensor([1.0, 2.0, 0.5, -1.0]),
    )
    chosen, seeds = losses.get(loss), [1, 2, 3, 4]
    engine = StackedMLP(spec, chosen, draw(spec, seeds, torch.float64, CPU), torch.float64, CPU)
    x, y = data(loss)
    value, grads = engine.gradient(x, engine.targets(y, 1))
    torch.testing.assert_close(engine.evaluate(x, engine.targets(y, 1)), value, rtol=0, atol=0)
    for e, seed in enumerate(seeds):
        net = spec.member(seed, e, torch.float64)
        one = chosen.plain(net(x * spec.input_scale[e]), y)
        names, parameters = zip(*net.named_parameters(), strict=True)
        assert abs(one.item() - value[e].item()) < 1e-14
        for name, g in zip(names, torch.autograd.grad(one, parameters), strict=True):
            torch.testing.assert_close(grads[name][e], g, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", losses.ALL)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_100_steps_are_the_plain_loop(name, loss):
    rule, make = OPTIMIZERS[name]
    names = list(activations.ALL)
    activation = names[(list(OPTIMIZERS).index(name) * 5 + list(losses.ALL).index(loss)) % len(names)]
    x, y = data(loss)
    spec = MLP((5, 7, 6, 3), activation, scale=torch.tensor([0.5, 1.0, 1.2, 1.0, 0.7]), slope=SHARE)
    run = train_ensemble(
        spec, rule, (x, y), loss=loss, steps=100, seeds=SEEDS, curve=range(100), keep_params=True, dtype=torch.float64,
        workers=1,
    )  # fmt: skip
    for e, seed in enumerate(SEEDS):
        net = spec.member(seed, e, torch.float64)
        seen, end = plainly(net, lambda p, e=e: make(p, e), losses.get(loss).plain, [(x, y)] * 100)
        torch.testing.assert_close(torch.as_tensor(run.curve[e]), seen, rtol=1e-10, atol=1e-10)
        for key, value in end.items():
            torch.testing.assert_close(torch.as_tensor(run.params[key][e]), value.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", activations.ALL)
def test_100_steps_in_mini_batches_with_every_activation(activation):
    x, y = data("mse", n=29)
    spec = MLP((5, 16, 3), activation, init="lecun_normal", bias_init="torch_default")
    run = train_ensemble(
        spec, SGD(lr=LR), Data(x, y, batch_size=8), loss="mse", steps=100, seeds=SEEDS, curve=range(100),
        dtype=torch.float64, workers=1,
    )  # fmt: skip
    for e, seed in enumerate(SEEDS):
        generator, order = torch.Generator().manual_seed(seed), []
        while len(order) < 100:
            order += torch.randperm(29, generator=generator).split(8)
        batches = [(x[rows], y[rows]) for rows in order[:100]]
        net = spec.member(seed, e, torch.float64)
        seen, _ = plainly(net, lambda p, e=e: torch.optim.SGD(p, LR[e].item()), nn.MSELoss(), batches)
        torch.testing.assert_close(torch.as_tensor(run.curve[e]), seen, rtol=1e-10, atol=1e-10)


def test_float32_agrees_to_a_part_in_ten_thousand():
    x, y = (t.float() if t.is_floating_point() else t for t in data("cross_entropy", n=64))
    spec = MLP((5, 32, 16, 3), "tanh", init="xavier_normal")
    run = train_ensemble(spec, Adam(lr=0.003), (x, y), loss="cross_entropy", steps=100, seeds=SEEDS, curve=range(100))
    for e, seed in enumerate(SEEDS):
        make = lambda p: torch.optim.Adam(p, 0.003)  # noqa: E731
        seen, _ = plainly(spec.member(seed), make, nn.CrossEntropyLoss(), [(x, y)] * 100)
        torch.testing.assert_close(torch.as_tensor(run.curve[e]), seen, rtol=1e-4, atol=1e-6)


def test_each_member_has_its_own_data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 20, 2, generator=generator, dtype=torch.float64)
    y = torch.randn(3, 20, generator=generator, dtype=torch.float64)
    spec = MLP((2, 9, 1))
    for size in (None, 6):
        run = train_ensemble(
            spec, SGD(lr=0.05), Data(x, y, batch_size=size, per_member=True), loss="half_mse", steps=30, seeds=[5, 6, 7],
            curve=range(30), dtype=torch.float64, workers=1,
        )  # fmt: skip
        for e in range(3):
            alone = train_ensemble(
                spec, SGD(lr=0.05), Data(x[e], y[e], batch_size=size), loss="half_mse", steps=30, seeds=[5 + e],
                curve=range(30), dtype=torch.float64, workers=1,
            )  # fmt: skip
            torch.testing.assert_close(run.curve[e], alone.curve[0], rtol=1e-12, atol=1e-14)
            for name in ("start_loss", "constant_loss", "target", "score"):
                assert getattr(run, name)[e] == pytest.approx(getattr(alone, name)[0], rel=1e-12)


@pytest.mark.parametrize("own", [True, False])
def test_fresh_samples_come_from_the_members_stream(own):
    teacher = torch.tensor([1.0, -2.0], dtype=torch.float64)

    def sample(generator):
        x = torch.randn(16, 2, generator=generator, dtype=torch.float64)
        return x, torch.relu(x @ teacher)

    spec = MLP((2, 6, 1), bias=False)
    run = train_ensemble(
        spec, SGD(lr=0.1), Online(sample, own=own, order_seed=3), loss="mse", steps=50, seeds=SEEDS, curve=range(50),
        dtype=torch.float64, workers=1,
    )  # fmt: skip
    for e, seed in enumerate(SEEDS):
        generator = torch.Generator().manual_seed(seed if own else 3)
        batches = [sample(generator) for _ in range(50)]
        net = nn.Sequential(spec.member(seed, dtype=torch.float64), nn.Flatten(0))
        seen, _ = plainly(net, lambda p: torch.optim.SGD(p, 0.1), nn.MSELoss(), batches)
        torch.testing.assert_close(torch.as_tensor(run.curve[e]), seen, rtol=1e-10, atol=1e-12)


def test_members_start_as_initialize_draws_them():
    spec = MLP(
        (3, 6, 2), init="lecun_uniform", options={"gain": torch.tensor([1.0, 2.0, 0.5])}, bias_init="small_normal"
    )
    stack = draw(spec, [10, 11, 12], torch.float32, CPU)
    for e, gain in enumerate([1.0, 2.0, 0.5]):
        net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
        generator = torch.Generator().manual_seed(10 + e)
        initialize(net, "lecun_uniform", bias="small_normal", gain=gain, generator=generator)
        for name, value in net.named_parameters():
            assert torch.equal(stack[name][e], value)


def test_a_member_is_what_setup_trains():
    x, y = data("cross_entropy", n=70)
    x, spec = x.float(), MLP((5, 12, 3))
    run = train_ensemble(
        spec, SGD(lr=torch.tensor([0.5, 1e-5, 1e3])), Data(x, y, batch_size=16), loss="cross_entropy", steps=60,
        seeds=[1, 2, 3], curve=range(60), workers=1,
    )  # fmt: skip
    for e, lr in enumerate([0.5, 1e-5, 1e3]):
        net = spec.member(1 + e)
        setup = Setup(net, nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr), (x, y), batch_size=16)
        one = setup.train(steps=60, order=1 + e)
        assert run.outcomes[e] == one.outcome
        for name in ("start_loss", "constant_loss", "target", "score"):
            assert getattr(run, name)[e] == pytest.approx(getattr(one, name), rel=1e-5, nan_ok=True), name
        if e < 2:
            assert run.curve[e] == pytest.approx(one.losses, rel=1e-4)
            assert run.end_loss[e] == pytest.approx(one.end_loss, rel=1e-4)
