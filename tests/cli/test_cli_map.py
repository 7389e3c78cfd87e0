"""`trainability map`: what it prints, writes and refuses."""

import numpy as np
import pytest

from trainability.cli.app import run

FILE = """
import torch
from torch import nn
import trainability as tr

X = torch.eye(2).repeat(8, 1)
y = (X[:, :1] > 0).float()

def setup():
    model = nn.Linear(2, 1)
    return tr.Setup(model=model, loss_fn=nn.BCEWithLogitsLoss(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
                    data=(X, y), batch_size=None, epochs=30)

def wide(width: int = 3):
    model = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))
    return tr.Setup(model=model, loss_fn=nn.MSELoss(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
                    data=(X, y), batch_size=None, epochs=5)

def needs(width):
    return wide(width)
"""

SMALL = ["--resolution", "5", "--coarse", "3", "--workers", "1"]


@pytest.fixture
def train(tmp_path):
    file = tmp_path / "train_map.py"
    file.write_text(FILE)
    return file


def test_a_map_and_its_arrays(train, capsys):
    for name in ("map.png", "map.npz", "map.html"):
        out = train.parent / name
        words = ["map", f"{train}:setup", "--x", "lr=0.01:100", "--y", "scale=0.1:10", "--seeds", "2", "--steps", "20"]
        assert run([*words, *SMALL, "--out", str(out)]) == 0
        said = capsys.readouterr()
        assert "runs in" in said.out
        assert "Boundary:" in said.out
        assert "Predicted: stable lr at the start" in said.out
        assert "3 x 3 cells: 18 runs done" in said.err
        assert f"Written: {out}" in " ".join(said.err.split())
    assert (train.parent / "map.png").read_bytes().startswith(b"\x89PNG")
    assert "plotly" in (train.parent / "map.html").read_text(encoding="utf-8")
    with np.load(train.parent / "map.npz") as read:
        assert read["share"].shape == (5, 5)
        assert read["names"].tolist() == ["lr", "scale"]


def test_a_curve_and_a_parameter_of_the_function(train, capsys):
    out = train.parent / "map.svg"
    words = ["map", f"{train}:setup", "--x", "lr=0.3:30", "--seeds", "1", "--most-seeds", "2", *SMALL]
    assert run([*words, "--out", str(out)]) == 0
    assert "At least half succeed for lr from" in capsys.readouterr().out
    assert out.read_text().startswith("<?xml")
    words = ["map", f"{train}:wide", "--x", "width=1:4", "--seeds", "1", "--no-theory", "--max-runs", "2", *SMALL]
    assert run([*words, "--out", str(out)]) == 0
    assert "stopped at 2 runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["setup", "--x", "lrr=0.1:1"], "Did you mean 'lr'?"),
        (["setup", "--x", "lr=1:1"], "is empty"),
        (["setup", "--x", "lr="], "needed NAME=LOW:HIGH"),
        (["setup", "--x", "lr=0:1"], "on a logarithmic axis"),
        (["setup", "--x", "lr=nan:1"], "needed two finite numbers"),
        (["setup", "--x", "lr=0.1:1", "--y", "lr=0.1:1"], "both axes are lr"),
        (["setup", "--x", "lr=0.1:1", "--seeds", "0"], "--seeds is 0; needed is 1 or more"),
        (["setup", "--x", "lr=0.1:1", "--seeds", "4", "--most-seeds", "2"], "--most-seeds is 2"),
        (["setup", "--x", "lr=0.1:1", "--by", "loss"], "needed is success or outcome"),
        (["setup", "--x", "lr=0.1:1", "--out", "map.txt"], "needed is a file that ends in .png"),
        (["setup", "--x", "lr=0.1:1", "--out", "no/where/map.png"], "a folder that exists"),
        (["setup"], "--x"),
        (["stup", "--x", "lr=0.1:1"], "has no 'stup'"),
        (["needs", "--x", "lr=0.1:1"], "width"),
    ],
)
def test_bad_input(train, capsys, monkeypatch, words, message):
    monkeypatch.chdir(train.parent)
    name, *rest = words
    assert run(["map", f"{train}:{name}", *rest]) == 2
    said = capsys.readouterr()
    assert message in " ".join((said.err + said.out).split())
    assert "Traceback" not in said.err
    assert not (train.parent / "map.png").exists()


def test_an_unknown_problem(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["map", "digits-mpl", "--x", "lr=0.1:1"]) == 2
    assert "digits-mlp" in capsys.readouterr().err
