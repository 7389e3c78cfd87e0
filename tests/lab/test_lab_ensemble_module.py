"""Any module as an ensemble: members equal the plain training of a Setup, by vmap and in a loop."""

import pytest
import torch
from torch import nn

from trainability import optimizers
from trainability.lab.ensemble import Data, train_ensemble
from trainability.lab.ensemble.module import plan
from trainability.setup import Setup
from trainability.setup.untouched import random_state_kept, seed_everything

GENERATOR = torch.Generator().manual_seed(3)
PICTURES = torch.randn(40, 64, generator=GENERATOR)
LABELS = torch.randint(0, 4, (40,), generator=GENERATOR)


class Attention(nn.Module):
    """Eight tokens of eight numbers, one head's worth of attention, the mean of the tokens."""

    def __init__(self):
        super().__init__()
        self.mix = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        x = x.reshape(-1, 8, 8)
        return self.out(self.mix(x, x, x, need_weights=False)[0].mean(1))


class Tied(nn.Module):
    """One weight used twice, a buffer, a frozen parameter, a parameter that nothing depends on."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.second = nn.Linear(64, 64)
        self.second.weight = self.first.weight
        self.frozen = nn.Parameter(torch.randn(64), requires_grad=False)
        self.idle = nn.Parameter(torch.ones(3))
        self.register_buffer("shift", torch.randn(64))

    def forward(self, x):
        return self.second(torch.tanh(self.first(x) * self.frozen + self.shift))[:, :4]


def pictures(*layers):
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *layers)


BUILDS = {
    "plain": lambda: nn.Sequential(nn.Linear(64, 16), nn.GELU(), nn.Linear(16, 4)),
    "batch-norm": lambda: nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4)),
    "dropout": lambda: nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4)),
    "convolution": lambda: pictures(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 4)
    ),
    "attention": Attention,
    "tied": Tied,
    "odd": lambda: nn.Sequential(nn.Linear(64, 7), nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 4)),
}
SEEDS = [3, 1, 8]


def by_setup(build, seed, make, steps):
    with random_state_kept():
        seed_everything(seed)
        net = build().double()
    setup = Setup(net, nn.CrossEntropyLoss(), make(net.parameters()), (PICTURES.double(), LABELS), batch_size=16)
    return setup.train(steps=steps, order=seed), net


@pytest.mark.parametrize("path", ["auto", "loop"])
@pytest.mark.parametrize("name", BUILDS)
def test_members_are_what_setup_trains(name, path):
    lr = torch.tensor([0.05, 0.01, 0.1])
    run = train_ensemble(
        lambda seed: BUILDS[name](), optimizers.Momentum(lr=lr, momentum=0.8), Data(PICTURES, LABELS, batch_size=16),
        loss=nn.CrossEntropyLoss(), steps=12, seeds=SEEDS, curve=range(12), keep_params=True, dtype=torch.float64,
        workers=1, path=path,
    )  # fmt: skip
    for e, seed in enumerate(SEEDS):
        one, net = by_setup(BUILDS[name], seed, lambda p, e=e: torch.optim.SGD(p, lr[e].item(), momentum=0.8), 12)
        assert run.curve[e] == pytest.approx(one.losses, rel=1e-10)
        assert run.outcomes[e] == one.outcome
        for field in ("start_loss", "constant_loss", "target", "score"):
            assert getattr(run, field)[e] == pytest.approx(getattr(one, field), rel=1e-9), field
        held = dict(net.named_parameters())
        for key, value in run.params.items():
            torch.testing.assert_close(torch.as_tensor(value[e]), held[key].detach(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "fused"), [("plain", True), ("convolution", True), ("dropout", False)])
def test_what_can_be_fused_is(name, fused):
    torch.manual_seed(0)
    found = plan(BUILDS[name](), nn.CrossEntropyLoss(), PICTURES[:16], LABELS[:16])
    assert found.fused == fused or "last bits" in found.reason
    assert found.random == (name == "dropout")


def test_what_cannot_be_followed_is_trained_in_a_loop():
    class Branch(nn.Linear):
        def forward(self, x):
            return super().forward(x) if float(x.sum()) > 0 else -super().forward(x)

    found = plan(Branch(64, 4), nn.CrossEntropyLoss(), PICTURES, LABELS)
    assert not found.fused
    x = PICTURES * float(PICTURES.sum().sign())
    run = train_ensemble(
        lambda seed: Branch(64, 4),
        optimizers.SGD(lr=0.1),
        (x, LABELS),
        loss="cross_entropy",
        steps=30,
        seeds=2,
        workers=1,
    )
    assert (run.end_loss < run.start_loss).all()


def test_dropout_masks_come_from_the_members_seed():
    build = lambda seed: nn.Sequential(nn.Linear(64, 8), nn.Dropout(0.5), nn.Linear(8, 4))  # noqa: E731
    rule = optimizers.SGD(lr=0.0)
    run = train_ensemble(build, rule, (PICTURES, LABELS), loss="cross_entropy", steps=3, seeds=[5, 6, 5], workers=1)
    assert run.path == "loop"
    assert (run.curve[0] == run.curve[2]).all()
    assert len(set(run.curve[0].tolist())) == 3
    assert (run.curve[0] != run.curve[1]).all()


def test_the_random_state_and_the_model_come_out_as_they_went_in():
    net = BUILDS["batch-norm"]()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    plan(net, nn.CrossEntropyLoss(), PICTURES, LABELS)
    train_ensemble(
        lambda s: BUILDS["dropout"](), optimizers.SGD(), (PICTURES, LABELS), loss="cross_entropy", steps=2, seeds=2
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_members_of_another_structure_are_refused():
    build = lambda seed: nn.Sequential(nn.Linear(64, 4), nn.ReLU() if seed else nn.Tanh())  # noqa: E731
    with pytest.raises(ValueError, match="another structure for seed 1"):
        train_ensemble(build, optimizers.SGD(), (PICTURES, LABELS), loss="cross_entropy", steps=2, seeds=2, workers=1)


def test_nothing_to_train_and_a_path_that_is_not_possible():
    frozen = nn.Linear(64, 4).requires_grad_(False)
    with pytest.raises(ValueError, match="nothing to train"):
        plan(frozen, nn.CrossEntropyLoss(), PICTURES, LABELS)
    with pytest.raises(ValueError, match="cannot be trained so"):
        plan(BUILDS["dropout"](), nn.CrossEntropyLoss(), PICTURES, LABELS, "vmap")
    with pytest.raises(ValueError, match="needed 'auto', 'loop' or 'vmap'"):
        plan(BUILDS["plain"](), nn.CrossEntropyLoss(), PICTURES, LABELS, "fast")
