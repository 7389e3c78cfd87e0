"""`trainability sharpness`: what it prints, writes and refuses."""

import json

import pytest
import torch

from trainability.cli.app import run
from trainability.curvature.report import Report

FILE = """
import torch
from torch import nn
import trainability as tr

g = torch.Generator().manual_seed(0)
X = torch.randn(80, 4, generator=g)
y = torch.randint(0, 3, (80,), generator=g)

def built(optimizer, model=None, loss=None):
    model = model or nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    return tr.Setup(model=model, loss_fn=loss or nn.CrossEntropyLoss(), optimizer=optimizer(model.parameters()),
                    data=(X, y), batch_size=16)

def setup():
    return built(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9))

def adam():
    return built(lambda p: torch.optim.Adam(p, lr=1e-3))

def flat():
    return built(lambda p: torch.optim.SGD(p, lr=0.1), nn.Linear(4, 3), lambda o, y: o.mean())

def frozen():
    return built(lambda p: torch.optim.SGD(p, lr=0.1), nn.Linear(4, 3).requires_grad_(False))

class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 2
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad

class Square(nn.Module):
    def forward(self, x):
        return Once.apply(x)

def once():
    return built(lambda p: torch.optim.SGD(p, lr=0.1), nn.Sequential(nn.Linear(4, 3), Square()))
"""


@pytest.fixture
def train(tmp_path):
    file = tmp_path / "train_sharpness.py"
    file.write_text(FILE)
    return file


def test_prints_the_limit_beside_the_users_lr_and_checks_it(train, capsys):
    out = train.parent / "found.json"
    random = torch.random.get_rng_state()
    assert run(["sharpness", f"{train}:setup", "--steps", "12", "--seeds", "2", "--top", "2", "--out", str(out)]) == 0
    assert torch.equal(random, torch.random.get_rng_state())
    text = capsys.readouterr().out
    for words in (
        "on all 80 samples", "largest eigenvalue", "number 2", "smallest eigenvalue", "trace", "95% from",
        "Stable lr for SGD", "Yours is 0.1", "0.9 of the limit", "1.1 of the limit", "your lr", "Range test: lr",
    ):  # fmt: skip
        assert words in text
    found = json.loads(out.read_text())
    assert found["stable_lr"]["low"] <= found["stable_lr"]["high"]
    assert found["self_check"]["holds_on_the_quadratic"]
    assert [t["factor"] for t in found["self_check"]["trials"]][:2] == [0.9, 1.1]
    assert len(found["range_test"]["diverged"]) == 2
    assert found["stable_lr"]["high"] == pytest.approx(2 * 1.9 / found["largest"][0])


def test_adaptive_rules_and_pictures(train, capsys):
    out = train.parent / "found.svg"
    assert run(["sharpness", f"{train}:adam", "--steps", "5", "--seeds", "0", "--sample", "30", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "as Adam sees it" in text
    assert "on 30 samples of 80" in text
    assert "preconditioner is from 100 mini-batches" in " ".join(text.split())
    assert "Range test" not in text
    assert out.read_text().startswith("<?xml")


def test_no_curvature_no_limit(train, capsys):
    assert run(["sharpness", f"{train}:flat", "--seeds", "1"]) == 0
    text = capsys.readouterr().out
    assert "no limit here" in text
    assert "The loss has no curvature" in text
    assert "of the limit" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frozen"], "holds no parameter that can be trained"),
        (["once"], "cannot be differentiated twice"),
        (["setup", "--steps", "-1"], "--steps is -1; needed is 0 or more"),
        (["setup", "--top", "0"], "--top is 0; needed is 1 or more"),
        (["setup", "--out", "found.txt"], "needed is a file that ends in .json"),
        (["nothing"], "has no 'nothing'"),
    ],
)
def test_bad_input(train, capsys, words, message):
    name, *rest = words
    assert run(["sharpness", f"{train}:{name}", *rest]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_a_place_that_cannot_be_written(train, capsys):
    out = train.parent / "no" / "found.json"
    assert run(["sharpness", f"{train}:flat", "--seeds", "0", "--steps", "0", "--out", str(out)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert Report.save
