"""The log, what is read from it, and the other places that records go to."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import trainability as tr
from trainability.cli.app import run as command
from trainability.errors import TrainabilityError
from trainability.watch import PostMortem, read


def watched(steps=60, lr=0.1, **options):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    x = torch.randn(32, 4)
    with tr.watch(net, optimizer, F.mse_loss, every=5, name="<b>mine</b>", **options) as w:
        for _ in range(steps):
            optimizer.zero_grad()
            F.mse_loss(net(x), x[:, :1]).backward()
            optimizer.step()
    return w


def test_the_log_tells_what_the_watch_knows(tmp_path):
    w = watched(log=tmp_path / "deep" / "run.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "deep" / "run.jsonl").read_text().splitlines()]
    assert [lines[0]["kind"], lines[-1]["kind"]] == ["start", "end"]
    found = read(tmp_path / "deep" / "run.jsonl")
    assert found.to_dict() == w.report().to_dict()
    assert (found.steps, found.outcome, found.loss_fn, found.weights) == (60, w.outcome, "mse_loss", 49)
    assert found.looks[-1].loss == pytest.approx(sum(w.losses.values[-len(w.losses) % 5 - 5 :][:5]) / 5, rel=0.2)


def test_a_diverging_run_is_told_in_every_form(tmp_path):
    watched(lr=50.0, log=tmp_path / "run.jsonl")
    found = read(tmp_path / "run.jsonl")
    assert found.outcome == "diverged"
    assert found.findings[0].cause == "lr-too-high"
    assert found.alarms[0][0] < 30, "it is told long before the end"
    text = found.to_text()
    assert "lr-too-high" in text
    assert max(map(len, text.splitlines())) <= 80
    page = found.save(tmp_path / "p.html").read_text()
    assert "<b>mine</b>" not in page
    assert "&lt;b&gt;mine" in page
    assert page.count('class="plot"') >= 3
    assert "http" not in page.split("<script>")[0]
    data = json.loads(found.save(tmp_path / "p.json").read_text())
    assert data["alarms"][0]["step"] == found.alarms[0][0]
    sarif = json.loads(found.save(tmp_path / "p.sarif").read_text())
    assert [r["ruleId"] for r in sarif["runs"][0]["results"]] == [f.cause for f in found.findings]
    assert found.save(tmp_path / "p.txt").read_text() == text
    with pytest.raises(TrainabilityError, match="needed is an ending of"):
        found.save(tmp_path / "p.doc")


def test_a_killed_run_is_read_up_to_its_last_whole_line(tmp_path):
    log = tmp_path / "run.jsonl"
    code = f"""
import os, signal, torch, trainability as tr
from torch import nn
net = nn.Linear(2, 1); optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
w = tr.watch(net, optimizer, every=2, log={str(log)!r}).start()
for i in range(50):
    optimizer.zero_grad(); net(torch.ones(4, 2)).square().mean().backward(); optimizer.step()
    if i == 40: os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    log.write_text(log.read_text()[:-20])
    found = read(log)
    assert 30 <= found.steps <= 41
    assert "breaks off" in found.ended
    assert "breaks off" in found.to_text().replace("\n", " ")
    torch.manual_seed(0)
    watched(log=log, steps=10)  # a second run adds to it, from its own beginning
    assert read(log).steps == 10


def test_what_is_no_log(tmp_path):
    with pytest.raises(TrainabilityError, match="cannot be read"):
        read(tmp_path / "none.jsonl")
    for text in ("", "hello\n", "[1]\n", '{"kind": "look"}\n', '{"kind": "start"}\n'):
        (tmp_path / "bad").write_text(text)
        with pytest.raises(TrainabilityError, match="is not what a watch writes"):
            read(tmp_path / "bad")
    with pytest.raises(TrainabilityError, match="cannot be written"):
        watched(log=tmp_path)
    assert str(PostMortem())


def test_the_command(tmp_path, capsys):
    watched(lr=50.0, log=tmp_path / "run.jsonl")
    assert command(["postmortem", str(tmp_path / "run.jsonl"), "--out", str(tmp_path / "out")]) == 0
    assert "lr-too-high" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"postmortem.html", "postmortem.json", "postmortem.sarif"}
    assert command(["postmortem", str(tmp_path / "none")]) == 2


def test_nothing_is_printed_unless_asked(capfd):
    watched(lr=50.0)
    assert capfd.readouterr() == ("", "")
    watched(lr=50.0, terminal=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "lr-too-high" in err
    assert "diverged" in err


def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    w = watched(lr=50.0, tensorboard=tmp_path)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    told = [(e.step, e.value) for e in events.Scalars("trainability/update")]
    own = [(x.step, x.update) for x in w.report().looks if x.update == x.update]
    assert [s for s, _ in told] == [s for s, _ in own]
    assert [v for _, v in told] == pytest.approx([v for _, v in own])
    assert any("lr-too-high" in tag for tag in events.Tags()["tensors"])


def test_an_own_sink_and_a_run_of_weights_and_biases():
    """W&B needs an account; what is passed only has to look like its run."""

    class Run:
        def __init__(self):
            self.logged, self.summary, self.defined = [], {}, []

        def define_metric(self, name, step_metric=None):
            self.defined.append((name, step_metric))

        def log(self, values, commit=True):
            self.logged.append((values, commit))

    class Mine(list):
        def write(self, record):
            self.append(record["kind"])

        def close(self):
            self.append("closed")

    run, mine = Run(), Mine()
    w = watched(lr=50.0, wandb=run, sinks=[mine])
    assert run.defined == [("trainability/step", None), ("trainability/*", "trainability/step")]
    steps = [values["trainability/step"] for values, commit in run.logged if not commit]
    assert steps == [x.step for x in w.report().looks]
    assert "trainability/lr-too-high" in run.summary
    assert mine[0] == "start"
    assert mine[-2:] == ["end", "closed"]
