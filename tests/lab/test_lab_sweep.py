"""Sweeps: the numbers are those of single runs, whatever the chunks and the workers, and come with their labels."""

import json
import weakref

import numpy as np
import pytest
import torch

import trainability as tr
from trainability.lab import can_fork
from trainability.lab.ensemble import MLP, OUTCOMES, Data, Retire, train_ensemble
from trainability.lab.sweep import Sweep, opened, to_parquet
from trainability.lab.sweep.axes import Draw, drawn
from trainability.lab.sweep.blocks import Blocks, chunk_shape
from trainability.optimizers import Adam, Momentum

MIXED = {
    "activation": ["relu", "tanh"],
    "lr": [0.01, 0.3, 30.0],
    "width": [2, 5],
    "scale": [0.5, 2.0],
    "seed": 3,
}


def same(a, b):
    assert set(a.variables) == set(b.variables)
    for name in a.variables:
        assert a[name].dims == b[name].dims
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name].values, b[name].values, err_msg=name)


def test_a_run_is_the_ensemble_run_of_its_own_point():
    sweep = Sweep(
        "circles", {**MIXED, "momentum": [0.0, 0.9]}, steps=60, fixed={"optimizer": "Momentum", "batch_size": 50}
    )
    found = sweep.run(workers=1, chunk=12)
    assert found.outcome.dims == ("activation", "lr", "width", "scale", "seed", "momentum")
    assert found.outcome.shape == (2, 3, 2, 2, 3, 2)
    for at in [(0, 1, 1, 0, 2, 1), (1, 2, 0, 1, 0, 0), (1, 0, 1, 1, 1, 1)]:
        one = found[dict(zip(found.outcome.dims, at, strict=True))]
        alone = train_ensemble(
            MLP(
                (2, int(one.width), 1),
                str(one.activation.values),
                scale=torch.tensor([float(one.scale)], dtype=torch.float64),
            ),
            Momentum(*(torch.tensor([float(v)], dtype=torch.float64) for v in (one.lr, one.momentum))),
            Data(sweep.data.X, sweep.data.y, 50),
            loss="bce_with_logits",
            steps=60,
            seeds=[int(one.seed)],
            retire=Retire(),
            workers=1,
        )
        assert OUTCOMES[int(one.outcome)] == alone.outcomes[0]
        np.testing.assert_array_equal(one.curve.values, alone.curve[0].astype(np.float32))
        for name in ("start_loss", "end_loss", "best_loss", "score", "steps_to_target"):
            np.testing.assert_array_equal(one[name].values, getattr(alone, name)[0])


@pytest.mark.parametrize("how", [{"combine": "product"}, {"combine": "random", "runs": 20}])
def test_chunks_and_workers_change_nothing(how):
    axes = MIXED if how["combine"] == "product" else {
        "activation": {"choice": ["relu", "tanh"]}, "lr": {"log_uniform": [0.01, 30.0]}, "width": {"integers": [1, 4]},
        "depth": [1, 2], "seed": 2,
    }  # fmt: skip
    sweep = Sweep("abs", axes, steps=120, **how)
    first = sweep.run(workers=1)
    for workers, chunk in [(1, 7), (2, 20), (4, 9), (2, 1000)]:
        same(first, sweep.run(workers=workers, chunk=chunk))
    assert len(np.unique(first.outcome)) >= 2


def test_a_point_does_not_depend_on_what_else_is_swept():
    wide = Sweep("abs", {"lr": [0.01, 0.1, 1.0], "seed": 4}, steps=50).run(workers=1)
    narrow = Sweep("abs", {"lr": [0.1], "seed": [3]}, steps=50).run(workers=1)
    same(wide.sel(lr=[0.1], seed=[3]), narrow)


def test_zip_and_random_draws_have_a_dimension_of_runs():
    zipped = Sweep("abs", {"lr": [0.1, 0.2], "optimizer": ["SGD", "Adam"], "seed": 2}, steps=9, combine="zip")
    found = zipped.run(workers=1)
    assert found.outcome.dims == ("run", "seed")
    assert found.lr.dims == found.optimizer.dims == ("run",)
    drawn_ = Sweep("abs", {"lr": {"log_uniform": [1e-3, 1]}}, steps=9, combine="random", runs=7).run(workers=1)
    assert drawn_.outcome.dims == ("run",)
    assert drawn_.seed.values.tolist() == list(range(7))  # without seeds, each point has its own


def test_draws_follow_their_law():
    """20000 draws; the mean of a uniform law lies within 5 standard errors but for one in 1.7 million."""
    n = 20_000
    laws = {
        "lr": Draw("log_uniform", (1e-4, 1.0)),
        "scale": Draw("uniform", (2.0, 4.0)),
        "depth": Draw("integers", (1, 3)),
    }
    found = drawn(laws, n, draw_seed=3)
    bound = 5 / np.sqrt(12 * n)
    assert abs(np.log(found["lr"]).mean() / np.log(1e-4) - 0.5) < bound
    assert abs(np.mean(found["scale"]) / 2 - 1.5) < bound
    assert set(found["depth"]) == {1, 2, 3}
    assert drawn(laws, n, 4)["lr"][:3] != found["lr"][:3]


def test_betas_are_pairs_and_batch_sizes_numbers():
    sweep = Sweep(
        "abs", {"betas": [[0.9, 0.999], [0.5, 0.9]], "batch_size": [20, "full"]}, steps=30, fixed={"optimizer": "Adam"}
    )
    found = sweep.run(workers=1)
    assert found.betas.values.tolist() == ["0.9, 0.999", "0.5, 0.9"]
    assert found.batch_size.values.tolist() == [20, 101]
    alone = train_ensemble(
        MLP((1, 8, 1)),
        Adam(betas=tuple(torch.tensor([[0.5], [0.9]], dtype=torch.float64))),
        Data(sweep.data.X, sweep.data.y, 20),
        loss="mse",
        steps=30,
        seeds=[0],
        workers=1,
    )
    np.testing.assert_array_equal(found.end_loss.values[1, 0], alone.end_loss[0])


def test_options_in_brackets_are_the_options():
    both = Sweep("abs", {"initializer": ["uniform(r=0.3)"], "seed": 2}, steps=5).run(workers=1)
    apart = Sweep("abs", {"r": [0.3], "seed": 2}, steps=5, fixed={"initializer": "uniform"}).run(workers=1)
    np.testing.assert_array_equal(both.curve.values[0], apart.curve.values[0])


def test_results_say_what_they_are(tmp_path):
    sweep = Sweep("digits", {"lr": [0.1, 1e9], "seed": 2}, steps=40)
    found = sweep.run(tmp_path, workers=1, command="a command")
    assert found.outcome.attrs["legend"]["3"] == "trained"
    assert found.outcome.attrs["flag_values"] == [-1, 0, 1, 2, 3]
    assert json.loads(found.attrs["config"])["axes"]["lr"] == [0.1, 1e9]
    assert json.loads(found.attrs["versions"])["torch"] == torch.__version__
    assert found.attrs["command"] == "a command"
    assert found.score.sel(lr=0.1).min() > 0.5
    assert (found.outcome.sel(lr=1e9) == 0).all()
    table = found.drop_vars("curve").drop_dims("step").to_dataframe()
    assert table.loc[(0.1, 1), "outcome"] == int(found.outcome.sel(lr=0.1, seed=1))


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    sweep = Sweep("abs", {"lr": [0.1, 1e9], "optimizer": ["SGD", "Adam"], "seed": 3}, steps=40)
    found = sweep.run(workers=1)
    table = parquet.read_table(to_parquet(found, tmp_path / "runs.parquet")).to_pandas()
    assert len(table) == 12
    row = table[(table.lr == 0.1) & (table.optimizer == "Adam") & (table.seed == 2)].iloc[0]
    one = found.sel(lr=0.1, optimizer="Adam", seed=2)
    assert row.outcome == OUTCOMES[int(one.outcome)]
    assert row.end_loss == float(one.end_loss)
    np.testing.assert_array_equal(row.curve, one.curve.values)


def test_boxes_cover_the_grid_once():
    blocks = Blocks((3, 5, 2), (2, 3, 2))
    runs = np.concatenate([blocks.runs(i) for i in range(len(blocks))])
    assert sorted(runs) == list(range(30))
    assert sum(blocks.size(i) for i in range(len(blocks))) == 30
    grid = np.arange(30).reshape(3, 5, 2)
    for i in range(len(blocks)):
        np.testing.assert_array_equal(grid[blocks.slices(i)].ravel(), blocks.runs(i))


def test_boxes_hold_one_structure_where_there_are_many_seeds():
    sweep = Sweep("abs", {"lr": [0.1, 1.0], "width": [2, 4], "seed": 100}, steps=5)
    assert chunk_shape(sweep, 50) == (1, 1, 50)
    assert chunk_shape(sweep, 200) == (2, 1, 100)


def test_problems_data_can_be_the_users_own(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 3))
    y = (X[:, 0] > 0).astype(int)
    np.savez(tmp_path / "mine.npz", X=X, y=y)
    given = Sweep((X, y), {"seed": 2}, steps=20).run(workers=1)
    (tmp_path / "s.toml").write_text('problem = {data = "mine.npz"}\nsteps = 20\n[axes]\nseed = 2\n')
    same(given, Sweep.from_file(tmp_path / "s.toml").run(workers=1))


def test_toml_and_yaml_and_python_are_the_same_sweep(tmp_path):
    (tmp_path / "s.toml").write_text(
        'problem = "abs"\nsteps = 5\n[axes]\nlr = {log = [1e-3, 1, 4]}\nseed = 2\n[fixed]\nwidth = 4\n'
    )
    (tmp_path / "s.yaml").write_text(
        "problem: abs\nsteps: 5\naxes: {lr: {log: [1.0e-3, 1, 4]}, seed: 2}\nfixed: {width: 4}\n"
    )
    here = tr.Sweep("abs", {"lr": np.array([1e-3, 0.01, 0.1, 1]), "seed": 2}, steps=5, fixed={"width": 4})
    for name in ("s.toml", "s.yaml"):
        assert Sweep.from_file(tmp_path / name).description == here.description


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_does_not_grow_with_the_number_of_runs(tmp_path, monkeypatch, workers):
    """However many boxes there are, the results of a few of them are in memory at a time."""
    from trainability.lab.sweep import executors

    if workers > 1 and not can_fork():
        pytest.skip("needs forking")
    real, alive, most = getattr(executors, "here" if workers == 1 else "forked"), weakref.WeakSet(), []

    class Traced(dict):
        __hash__ = object.__hash__

    def traced(*given):
        for number, arrays in real(*given):
            kept = Traced(arrays)
            del arrays
            alive.add(kept)
            most.append(len(alive))
            yield number, kept
            del kept

    monkeypatch.setattr(executors, "here" if workers == 1 else "forked", traced)
    Sweep("abs", {"seed": 160}, steps=2).run(tmp_path, workers=workers, chunk=4)
    assert len(most) == 40
    assert max(most) <= 2


@pytest.mark.skipif(not can_fork(), reason="needs forking")
def test_no_more_than_a_few_boxes_wait_for_their_turn(monkeypatch):
    from trainability.lab.sweep import executors

    sweep = Sweep("abs", {"seed": 80}, steps=2)
    blocks, flying = Blocks((80,), (4,)), []
    real = executors.wait

    def wait(futures, **how):
        flying.append(len(futures))
        return real(futures, **how)

    monkeypatch.setattr(executors, "wait", wait)
    assert sorted(number for number, _ in executors.forked(sweep, blocks, range(20), 2)) == list(range(20))
    assert max(flying) == 4


@pytest.mark.skipif(not can_fork(), reason="needs forking")
def test_what_a_worker_raises_is_raised_here(tmp_path, monkeypatch):
    from trainability.lab.sweep import executors

    def broken(sweep, runs):
        raise ZeroDivisionError("in the worker")

    monkeypatch.setattr(executors, "train", broken)
    with pytest.raises(ZeroDivisionError, match="in the worker"):
        Sweep("abs", {"seed": 8}, steps=5).run(tmp_path, workers=2, chunk=2)
    assert (opened(tmp_path).outcome == -1).all()
