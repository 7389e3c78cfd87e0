"""What is wrong with a sweep is said at its field, with the nearest name, before anything runs."""

import numpy as np
import pytest

from trainability.lab.sweep import Sweep, SweepError

GOOD = {"problem": "abs", "axes": {"seed": 2}, "steps": 5}

BAD = [
    ({"problem": "digts"}, "problem: there is no problem 'digts'. Did you mean 'digits'?"),
    ({"problem": {"name": "abs", "smples": 3}}, "problem: abs has no option 'smples'. Did you mean 'samples'?"),
    ({"problem": {"name": "abs", "samples": -3}}, "problem: samples: given -3, needed a whole number from 2"),
    ({"problem": {"data": "nowhere.npz"}}, "problem: 'nowhere.npz' cannot be read"),
    ({"problem": {"data": "table.csv"}}, "problem: given 'table.csv', needed a NumPy file"),
    ({"axes": {}}, "axes: there are none"),
    ({"axes": {"lrr": [1.0]}}, "axes.lrr: there is no such axis. Did you mean 'lr'?"),
    ({"fixed": {"widht": 3}}, "fixed.widht: there is no such axis. Did you mean 'width'?"),
    ({"axes": {"lr": []}}, "axes.lr: the axis is empty"),
    ({"axes": {"seed": 0}}, "axes.seed: given 0 seeds, needed at least 1"),
    ({"axes": {"lr": 0.1}}, "axes.lr: given 0.1, needed a list of values or a rule"),
    ({"axes": {"lr": [0.1, float("nan")]}}, "axes.lr[1]: given nan, needed a finite number"),
    ({"axes": {"lr": [0.1, "big"]}}, "axes.lr[1]: given 'big', needed a finite number"),
    ({"axes": {"lr": [0.1, -1.0]}}, "axes.lr: lr: given -1 for 1 of 2 values, needed at least 0"),
    ({"axes": {"lr": [0.1, 0.1]}}, "axes.lr: given 0.1 twice"),
    ({"axes": {"width": [2.5]}}, "axes.width[0]: given 2.5, needed a whole number from 1"),
    ({"axes": {"width": [0]}}, "axes.width[0]: given 0, needed a whole number from 1"),
    ({"axes": {"batch_size": [8, -1]}}, "axes.batch_size[1]: given -1, needed a whole number from 1"),
    ({"axes": {"batch_size": [8, 500]}}, "axes.batch_size[1]: given 500 for 101 samples"),
    ({"fixed": {"batch_size": 0}}, "fixed.batch_size: given 0, needed a whole number from 1"),
    ({"axes": {"lr": {"log": [0, 1, 3]}}}, "axes.lr.log: given (0, 1, 3), needed finite ends, the first above 0"),
    ({"axes": {"lr": {"lgo": [1, 2, 3]}}}, "axes.lr.lgo: there is no such field. Did you mean 'log'?"),
    ({"axes": {"lr": {"log": [1, 2]}}}, "axes.lr.log"),
    ({"axes": {"lr": {"log": [1, 2, 3], "linear": [1, 2, 3]}}}, "axes.lr: given 2 rules, needed one of"),
    ({"axes": {"lr": {"uniform": [0, 1]}}}, "axes.lr.uniform: combine is 'product'; needed is a list or one of linear"),
    ({"axes": {"optimizer": ["sdg"]}}, "axes.optimizer[0]: there is no optimizer 'sdg'. Did you mean 'SGD'?"),
    ({"axes": {"optimizer": ["Newton"]}}, "axes.optimizer[0]: Newton needs the Hessian"),
    ({"axes": {"optimizer": ["SGD", "Adam"], "momentum": [0.9]}}, "axes.momentum: SGD has no momentum; it has lr"),
    ({"axes": {"momentum": [0.9]}, "fixed": {"optimizer": "Adam"}}, "axes.momentum: Adam has no momentum"),
    ({"axes": {"momentum": [-0.9]}, "fixed": {"optimizer": "Momentum"}}, "axes.momentum: momentum: given -0.9"),
    ({"axes": {"optimizer": ["SGD(lr=0.1)"], "lr": [1.0]}}, "axes.lr: given here and in 'SGD(lr=0.1)'"),
    ({"axes": {"optimizer": ["SGD(rl=0.1)"]}}, "axes.optimizer[0]: SGD has no option 'rl'. Did you mean 'lr'?"),
    ({"axes": {"betas": [0.9]}, "fixed": {"optimizer": "Adam"}}, "axes.betas[0]: given 0.9, needed a pair"),
    ({"axes": {"betas": [[0.9, 1.5]]}, "fixed": {"optimizer": "Adam"}}, "axes.betas: betas: given 1.5"),
    ({"axes": {"initializer": ["he_norm"]}}, "axes.initializer[0]: there is no initializer 'he_norm'"),
    ({"axes": {"initializer": ["uniform(a=2, b=1)"]}}, "axes.initializer: uniform: "),
    ({"axes": {"initializer": ["constant"]}}, "axes.initializer: constant needs val"),
    ({"axes": {"std": [0.1]}}, "axes.std: he_normal has no std; it has gain"),
    ({"axes": {"std": [0.1, -0.1]}, "fixed": {"initializer": "normal"}}, "axes.std: normal: std: given -0.1"),
    ({"axes": {"activation": ["rleu"]}}, "axes.activation[0]: there is no activation 'rleu'. Did you mean 'relu'?"),
    ({"axes": {"negative_slope": [0.1]}}, "axes.negative_slope: relu has no slope below 0"),
    ({"axes": {"loss": ["mes"]}}, "axes.loss[0]: there is no loss 'mes'. Did you mean 'mse'?"),
    ({"axes": {"loss": ["mse", "cross_entropy"]}}, "loss cross_entropy and optimizer SGD(lr=0.1) do not fit together"),
    ({"axes": {"lr": [0.1]}, "fixed": {"lr": 0.1}}, "fixed.lr: given here and as an axis"),
    ({"steps": 0}, "steps: given 0: input should be greater than 0"),
    ({"steps": 2.5}, "steps: given 2.5"),
    ({"combine": "zpi"}, "combine: given 'zpi'"),
    ({"combine": "random"}, "runs: this field is missing"),
    ({"runs": 3}, "runs: given 3 with combine = 'product'"),
    ({"combine": "zip", "axes": {"lr": [1.0, 2.0], "width": [1, 2, 3]}}, "axes: given axes of lengths lr 2, width 3"),
    ({"combine": "random", "runs": 3, "axes": {"width": {"uniform": [1, 5]}}}, "axes.width.uniform: width takes whole"),
    ({"combine": "random", "runs": 3, "axes": {"lr": {"log_uniform": [1, 0.1]}}}, "needed the lower end first"),
    ({"dtype": "float16"}, "dtype: given 'float16'"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_what_is_wrong_is_said_at_its_field(change, words):
    with pytest.raises(SweepError) as caught:
        Sweep(**{**GOOD, **change})
    assert words in str(caught.value)


def test_every_problem_is_said_at_once():
    with pytest.raises(SweepError) as caught:
        Sweep("abs", {"lrr": [1], "width": [0, 2, -1], "scale": []}, steps=5)
    assert [field for field, _ in caught.value.problems] == ["axes.lrr", "axes.width[0]", "axes.width[2]", "axes.scale"]


@pytest.mark.parametrize("where", ["X", "y"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_in_the_data_that_are_not_finite(tmp_path, where, bad):
    arrays = {"X": np.ones((4, 2)), "y": np.ones(4)}
    arrays[where][2] = bad
    np.savez(tmp_path / "d.npz", **arrays)
    for problem in (tuple(arrays.values()), {"data": str(tmp_path / "d.npz")}):
        with pytest.raises(
            SweepError, match=rf"problem: given \d numbers in {where} that are not finite, the first in row 2"
        ):
            Sweep(problem, {"seed": 2}, steps=5)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("s.toml", "problem = \n", "the file is not valid TOML: Invalid value (at line 1"),
        ("s.yaml", "problem: [", "the file is not valid YAML: "),
        ("s.yaml", "- 1", "the file holds no table"),
        ("s.txt", "", "the file ends in '.txt', needed .toml"),
        ("s.toml", 'problem = "abs"\nsteps = 5\n', "axes: this field is missing"),
        (
            "s.toml",
            'problem = "abs"\nstep = 5\n[axes]\nseed = 2',
            "step: there is no such field. Did you mean 'steps'?",
        ),
        (
            "s.toml",
            'problem = "abs"\nsteps = "5"\n[axes]\nseed = 2',
            "steps: given '5': input should be a valid integer",
        ),
        ("s.toml", 'problem = "abs"\nsteps = 5\naxes = 3', "axes: given 3"),
    ],
)
def test_bad_files_name_the_file(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(SweepError) as caught:
        Sweep.from_file(tmp_path / name)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SweepError, match="cannot be read"):
        Sweep.from_file(tmp_path / "none.toml")


@pytest.mark.parametrize("how", [{"workers": 0}, {"chunk": -3}, {"chunk": 2.5}])
def test_bad_numbers_of_workers_and_chunks(how):
    with pytest.raises(SweepError, match="needed a whole number from 1"):
        Sweep(**GOOD).run(**how)
