"""Weights & Biases itself, offline: it needs no account then, and writes to a folder."""

import os

import pytest
import torch
from torch import nn

import trainability as tr


@pytest.fixture
def run(tmp_path):
    wandb = pytest.importorskip("wandb")
    kept = dict(os.environ)
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}
    run = wandb.init(dir=str(tmp_path), project="trainability")
    yield run
    run.finish()
    os.environ.clear()
    os.environ |= kept


def watched(run, after_step=lambda loss: None):
    torch.manual_seed(0)
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=50.0)
    x = torch.randn(32, 4)
    with tr.watch(net, optimizer, every=5, wandb=run) as w:
        for _ in range(40):
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            after_step(loss)
    return w


def test_looks_and_findings_arrive_beside_the_users_own(run):
    before = run.step
    w = watched(run)
    looks = w.report().looks
    assert run.step - before == len(looks) > 5, "nobody else commits rows: one for each look"
    assert run.summary["trainability/step"] == looks[-1].step
    assert "lr-too-high" in {f.cause for f in w.findings}
    for finding in w.findings:
        assert finding.says in run.summary[f"trainability/{finding.cause}"]

    before = run.step
    w = watched(run, lambda loss: run.log({"mine": loss.item()}))
    assert run.step - before in (40, 41), "the user's rows are the rows"
    assert run.summary["trainability/step"] == w.report().looks[-1].step
    run.log({"later": 1.0})
    assert run.summary["later"] == 1.0
