"""Sweeps over a Setup: any module, with the user's own loss and optimizer."""

import numpy as np
import pytest
import torch
from torch import nn

import trainability as tr
from trainability.cli.app import run
from trainability.lab.sweep import Sweep, SweepError, opened

X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
Y = (X @ torch.tensor([[1.0], [2.0], [-1.0]])).tanh()


def setup(**change):
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return tr.Setup(
        **{"model": model, "loss_fn": nn.MSELoss(), "optimizer": optimizer, "data": (X, Y), "batch_size": 20, **change}
    )


def test_a_run_is_the_setups_own_training():
    made = tr.setup.Setup.from_function(setup)
    found = Sweep(setup, {"seed": 3}, steps=30, retire=False, curve=30).run(workers=1)
    for seed in range(3):
        alone = made.train(seed=seed, steps=30)
        np.testing.assert_allclose(found.curve.sel(seed=seed).values, alone.losses, rtol=2e-5)


def test_hyper_parameters_vary_and_chunks_change_nothing():
    axes = {"lr": [1e-3, 0.05, 1e4], "momentum": [0.0, 0.9], "seed": 4}
    sweep = Sweep(setup, axes, steps=25)
    one = sweep.run(workers=1)
    for workers, chunk in [(1, 5), (2, 7)]:
        other = sweep.run(workers=workers, chunk=chunk)
        for name in one.variables:
            np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)
    with torch.no_grad():
        made = tr.setup.Setup.from_function(
            lambda: setup(optimizer=lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.0))
        )
    alone = made.train(seed=2, steps=25)
    np.testing.assert_allclose(float(one.end_loss.sel(lr=1e-3, momentum=0.0, seed=2)), alone.end_loss, rtol=1e-4)


def test_starts_are_the_initializers():
    axes = {"initializer": ["he_normal", "normal(std=0.5)"], "scale": [1.0, 2.0], "seed": 2}
    sweep = Sweep(setup, axes, steps=1, fixed={"lr": 0.0, "bias": "zeros"})
    found = sweep.run(workers=1)
    model = tr.setup.Setup.from_function(setup).seeded(1).model
    tr.initializers.initialize(model, "normal", std=0.5, bias="zeros", generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(2.0)
    rows = torch.randperm(60, generator=torch.Generator().manual_seed(1))[:20]
    with torch.no_grad():
        loss = float(nn.functional.mse_loss(model(X[rows]), Y[rows]))
    assert float(found.final_loss.sel(initializer="normal(std=0.5)", scale=2.0, seed=1)) == pytest.approx(
        loss, rel=1e-5
    )


@pytest.mark.parametrize(
    ("problem", "change", "words"),
    [
        (setup, {"axes": {"width": [3]}}, "axes.width: there is no such axis. the Setup's own network decides it"),
        (setup, {"axes": {"std": [0.1]}}, "axes.std: needs an initializer"),
        (setup, {"axes": {"betas": [[0.9, 0.99]]}}, "axes.betas: Momentum has no betas"),
        (setup, {"axes": {"batch_size": [100]}}, "axes.batch_size[0]: given 100 for 60 samples"),
        (setup, {"axes": {"bias": ["zeros"]}}, "axes.bias: needs an initializer beside it"),
        (lambda: 3, {}, "problem: <lambda>() returned a int; needed is a trainability.Setup"),
        (lambda: setup(optimizer=torch.optim.NAdam), {}, "problem: NAdam has no counterpart here"),
        (lambda: setup(data=torch.utils.data.TensorDataset(X, Y)), {}, "needed one whose data are a pair (X, y)"),
        (lambda: setup(data=(X / 0, Y)), {}, "in X that are not finite"),
        (lambda: setup(data=(X, Y.repeat(1, 2))), {"fixed": {"loss": "mse"}}, "do not fit together"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(problem, change, words):
    with pytest.raises(SweepError) as caught:
        Sweep(problem, **{"axes": {"seed": 2}, "steps": 3, **change})
    assert words in str(caught.value)


def test_a_changed_setup_is_refused(tmp_path):
    Sweep(setup, {"seed": 2}, steps=3).run(tmp_path, workers=1)
    with pytest.raises(tr.TrainabilityError, match="data: "):
        Sweep(lambda: setup(loss_fn=nn.L1Loss()), {"seed": 2}, steps=3).run(tmp_path, workers=1)


def test_the_command_line_loads_a_setup(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "import torch, trainability as tr\nfrom torch import nn\n"
        "def build():\n"
        "    model = nn.Linear(2, 1)\n"
        "    x = torch.ones(8, 2)\n"
        "    return tr.Setup(model, nn.MSELoss(), torch.optim.Adam(model.parameters()), (x, x[:, :1]), batch_size=None)\n"
    )
    (tmp_path / "s.toml").write_text(
        'problem = {setup = "mine.py:build"}\nsteps = 40\n[axes]\nlr = [1e-3, 0.1]\nseed = 3\n'
    )
    command = ["sweep", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert run(command) == 0
    assert run(command) == 0  # the same Setup is known again
    assert opened(tmp_path / "out").sizes["lr"] == 2
    (tmp_path / "s.toml").write_text('problem = {setup = "mine.py:biuld"}\nsteps = 4\n[axes]\nseed = 3\n')
    assert run(command) == 2
    assert "Did you mean 'build'?" in capsys.readouterr().err
