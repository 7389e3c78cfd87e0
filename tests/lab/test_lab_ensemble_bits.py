"""A member's numbers are its own: to the last bit, whatever the chunk, the order and the number of workers."""

import numpy as np
import pytest
import torch
from torch import nn

from trainability import optimizers
from trainability.lab import can_fork
from trainability.lab.ensemble import MLP, Data, Online, Retire, train_ensemble
from trainability.lab.ensemble import _activations as activations
from trainability.lab.ensemble.module import plan

GENERATOR = torch.Generator().manual_seed(3)
X = torch.randn(37, 5, generator=GENERATOR)
LABELS = torch.randint(0, 3, (37,), generator=GENERATOR)
VALUES = torch.randn(37, generator=GENERATOR)
MANY = 22
SEEDS = torch.randint(0, 10**9, (MANY,), generator=GENERATOR).tolist()
LRS = 10 ** torch.linspace(-3, 0.5, MANY)


def same(one, two, order=slice(None)):
    for name in (
        "outcome",
        "start_loss",
        "end_loss",
        "final_loss",
        "best_loss",
        "score",
        "curve",
        "steps_run",
        "retired",
    ):
        np.testing.assert_array_equal(getattr(one, name)[order], getattr(two, name), err_msg=name)
    for kind in ("params", "measured"):
        for name, values in getattr(one, kind).items():
            np.testing.assert_array_equal(values[order], getattr(two, kind)[name], err_msg=name)


def check(
    network, data, *, rule=lambda lr: optimizers.SGD(lr=lr), loss="cross_entropy", steps=12, pick=lambda n, i: n, **more
):
    """Train all at once; then in chunks of 1 and 7, reversed, and in two processes."""

    def run(order, **how):
        chosen = [SEEDS[i] for i in order]
        lrs = LRS[torch.as_tensor(order)]
        return train_ensemble(
            pick(network, order), rule(lrs), data, loss=loss, steps=steps, seeds=chosen, keep_params=True, curve=steps,
            **{"workers": 1, **more, **how},
        )  # fmt: skip

    here = list(range(MANY))
    whole = run(here, chunk=64)
    assert np.isfinite(whole.best_loss).all()
    assert len(set(whole.best_loss.tolist())) > MANY / 2  # members do differ
    same(whole, run(here, chunk=7))
    same(whole, run(here[:6], chunk=1), slice(6))
    same(whole, run(here[::-1], chunk=7), slice(None, None, -1))
    if can_fork():
        same(whole, run(here, workers=2))
    return whole


@pytest.mark.parametrize("sizes", [(5, 7, 3), (5, 16, 16, 3), (5, 3), (5, 33, 1, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_full_batches(sizes, dtype):
    check(MLP(sizes), (X, LABELS), dtype=dtype)


@pytest.mark.parametrize("activation", activations.ALL)
def test_every_activation_in_own_mini_batches(activation):
    network = MLP((5, 9, 1), activation, bias_init="torch_default", slope=torch.linspace(-0.5, 1.5, MANY))
    pick = lambda n, order: optimizers.take(n, torch.as_tensor(order))  # noqa: E731
    check(network, Data(X, VALUES, batch_size=8), loss="bce_with_logits", steps=8, pick=pick)


@pytest.mark.parametrize("name", ["Momentum", "Nesterov", "Adam", "AdamW", "RMSprop"])
def test_optimizers(name):
    check(MLP((5, 9, 3)), (X, LABELS), rule=lambda lr: optimizers.get(name)(lr=lr / 10), steps=8)


def test_shared_order_and_fresh_samples():
    def draw(generator):
        x = torch.randn(6, 5, generator=generator)
        return x, x.square().sum(1)

    check(MLP((5, 9, 3)), Data(X, LABELS, batch_size=10, order="shared"))
    for own in (True, False):
        check(MLP((5, 9, 1)), Online(draw, own=own), loss="mse", rule=lambda lr: optimizers.SGD(lr=lr / 100))


def test_with_members_leaving():
    network, rule = MLP((5, 20, 3)), lambda lr: optimizers.SGD(lr=lr * 3)
    run = check(
        network, (X, LABELS), rule=rule, steps=200, retire=Retire(window=20, flat=0.1), loss="softmax_mse",
        measures={"size": lambda s: s.params["0.weight"].square().sum((1, 2))}, measured_at=(0, 100, 200),
    )  # fmt: skip
    assert 0 < (run.steps_run < 200).sum() < MANY


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda seed: nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Linear(16, 3)), "auto"),
        (lambda seed: nn.Sequential(nn.Linear(5, 7), nn.Sigmoid(), nn.Dropout(0.3), nn.Linear(7, 3)), "loop"),
        (
            lambda seed: nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 4, 2), nn.Flatten(), nn.Linear(16, 3)),
            "auto",
        ),
    ],
)
def test_modules(build, path):
    run = check(build, Data(X, LABELS, batch_size=16), steps=5, path=path)
    assert run.path in ("vmap", "loop")
    if path == "loop" or plan(build(0), nn.CrossEntropyLoss(), X[:16], LABELS[:16]).random:
        assert run.path == "loop"


def test_each_members_own_data():
    x = torch.randn(MANY, 11, 5, generator=GENERATOR)
    y = torch.randint(0, 3, (MANY, 11), generator=GENERATOR)
    build = lambda seed: nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))  # noqa: E731
    for network in (MLP((5, 7, 3)), build):
        for size in (None, 4):
            runs = [
                train_ensemble(
                    network,
                    optimizers.SGD(lr=LRS[rows] / 10),
                    Data(x[rows], y[rows], batch_size=size, per_member=True),
                    loss="cross_entropy",
                    steps=7,
                    seeds=[SEEDS[i] for i in rows],
                    chunk=chunk,
                    workers=1,
                    keep_params=True,
                )
                for rows, chunk in ((list(range(MANY)), 64), (list(range(MANY))[::-1], 7))
            ]
            same(*runs, slice(None, None, -1))
