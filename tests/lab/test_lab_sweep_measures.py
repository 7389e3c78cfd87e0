"""Measures along a sweep: against autograd's dense Hessian on plain modules, whatever the chunks, stored and tabled."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian

import trainability as tr
from trainability.lab.ensemble import MLP, train_ensemble
from trainability.lab.sweep import Sweep, opened, to_parquet
from trainability.lab.sweep.errors import SweepError
from trainability.lab.sweep.measures import ALL, SAMPLE, SAYS
from trainability.lab.sweep.store import differences
from trainability.optimizers import SGD

EVERY = ["weight_norm", "gradient_norm", "sharpness", "dead_share", "output_rms"]


def by_autograd(model, x, y, loss):
    """The same quantities by another path: parameters as one dictionary, the Hessian written out."""
    model = model.double()
    params = {name: p.detach().clone() for name, p in model.named_parameters()}
    x, y = x.double(), y.double()

    def value(p):
        return loss(functional_call(model, p, (x,)), y)

    grads = torch.func.grad(value)(params)
    blocks = hessian(value)(params)
    sizes = {name: p.numel() for name, p in params.items()}
    whole = torch.cat([
        torch.cat([blocks[a][b].reshape(sizes[a], sizes[b]) for b in params], 1) for a in params
    ])  # fmt: skip
    h = model[1](model[0](x))
    return {
        "weight_norm": torch.cat([p.flatten() for p in params.values()]).norm(),
        "gradient_norm": torch.cat([g.flatten() for g in grads.values()]).norm(),
        "sharpness": torch.linalg.eigvalsh(whole)[-1],
        "dead_share": (h == 0).all(0).double().mean(),
        "output_rms": model(x).detach().square().mean().sqrt(),
    }


def test_measures_are_those_of_plain_modules():
    axes = {"lr": [0.05, 0.3], "scale": [0.5, 3.0], "seed": 2}
    sweep = Sweep(
        "circles", axes, steps=40, fixed={"width": 6}, measures=EVERY, measured=2, retire=False, dtype="float64"
    )
    found = sweep.run(workers=1)
    assert found.measured_step.values.tolist() == [0, 40]
    X, y = sweep.data.X, sweep.data.y
    for lr, scale, seed in [(0.05, 3.0, 1), (0.3, 0.5, 0)]:
        network = MLP((2, 6, 1), scale=scale)
        end = train_ensemble(
            network, SGD(lr), (X, y), loss="bce_with_logits", steps=40, seeds=[seed], keep_params=True, workers=1,
            dtype=torch.float64,
        )  # fmt: skip
        for i in (0, 1):
            model = network.member(seed, dtype=torch.float64)
            if i:
                model.load_state_dict({name: torch.as_tensor(v[0]) for name, v in end.params.items()})
            expected = by_autograd(model, X, y, nn.functional.binary_cross_entropy_with_logits)
            one = found.sel(lr=lr, scale=scale, seed=seed).isel(measured_step=i)
            for name, value in expected.items():
                allowed = 1e-2 if name == "sharpness" else 1e-9  # the eigenvalue is searched to that residual
                assert float(one[name]) == pytest.approx(float(value), rel=allowed, abs=1e-12), name


@pytest.mark.parametrize("how", [{"workers": 1, "chunk": 3}, {"workers": 2, "chunk": 5}, {"workers": 4, "chunk": 1000}])
def test_chunks_and_workers_change_no_measure(how):
    sweep = Sweep(
        "digits",
        {"activation": ["relu"], "width": [3, 8], "input_scale": [0.5, 2.0], "seed": 3},
        steps=6,
        fixed={"batch_size": 50},
        measures=EVERY,
    )
    first, other = sweep.run(workers=1), sweep.run(**how)
    for name in (*EVERY, "outcome", "curve"):
        np.testing.assert_array_equal(first[name].values, other[name].values, err_msg=name)
        assert first[name].notnull().any()


def test_runs_that_have_left_have_no_numbers(tmp_path):
    sweep = Sweep("abs", {"lr": [0.1, 1e6], "seed": 2}, steps=400, measures=["weight_norm"], measured=5)
    found = sweep.run(tmp_path, workers=1)
    norms = found.weight_norm.sel(lr=1e6)
    assert norms.isel(measured_step=0).notnull().all()
    assert norms.isel(measured_step=-1).isnull().all()
    table = opened(tmp_path).sel(lr=[0.1])
    assert table.weight_norm.attrs["description"] == SAYS["weight_norm"]
    path = to_parquet(opened(tmp_path), tmp_path / "runs.parquet")
    import pandas as pd

    rows = pd.read_parquet(path)
    assert list(rows.columns[-5:]) == [f"weight_norm_at_{s}" for s in (0, 100, 200, 300, 400)]
    np.testing.assert_array_equal(rows["weight_norm_at_100"], found.weight_norm.values[..., 1].ravel())


def test_an_interrupted_sweep_with_measures_goes_on(tmp_path):
    sweep = Sweep("abs", {"lr": [0.05, 0.1], "seed": 8}, steps=20, measures=["sharpness"])
    whole = sweep.run(workers=1)
    sweep.run(tmp_path, workers=1, chunk=4)
    log = tmp_path / "done.log"
    log.write_bytes(log.read_bytes()[:9])  # the rest of the journal is lost
    again = sweep.run(tmp_path, workers=1)
    np.testing.assert_array_equal(whole.sharpness.values, again.sharpness.values)


def test_without_measures_the_record_is_as_it_was():
    axes = {"seed": 2}
    plain = Sweep("abs", axes, steps=5).description
    assert "measures" not in plain
    told = differences(plain, Sweep("abs", axes, steps=5, measures=["weight_norm"]).description)
    assert told[0] == 'measures: nothing in the folder, ["weight_norm"] now'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"measures": ["sharpnes"]}, "measures[0]: there is no measure 'sharpnes'. Did you mean 'sharpness'?"),
        ({"measures": ["sharpness", "sharpness"]}, "measures[1]: given 'sharpness' twice"),
        ({"measures": ["dead_share"], "fixed": {"activation": "tanh"}}, "tanh has no units that can die"),
        ({"measures": ["saturated_share"]}, "relu does not saturate; it needs activation tanh or sigmoid"),
        ({"measures": ["weight_norm"], "measured": 0}, "measured: given 0"),
        ({"measures": "weight_norm"}, "measures: given 'weight_norm'"),
    ],
)
def test_bad_measures(change, words):
    with pytest.raises(SweepError) as caught:
        Sweep("abs", {"seed": 2}, steps=5, **change)
    assert words in str(caught.value)


def test_a_setups_network_is_not_measured():
    model = nn.Linear(2, 1)
    setup = tr.Setup(
        model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), (torch.ones(8, 2), torch.ones(8, 1))
    )
    with pytest.raises(SweepError, match="not measured on the way"):
        Sweep(setup, {"seed": 2}, steps=5, measures=["weight_norm"])


def test_every_measure_says_what_it_is():
    assert set(ALL) == set(SAYS)
    assert SAMPLE > 0
