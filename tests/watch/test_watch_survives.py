"""Ways of training that a naive watch does not survive."""

import os
import socket
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import trainability as tr

X = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 16), nn.ReLU(inplace=True), nn.Linear(16, 2)
    )


def run(call, optimizer, n, begin=0):
    for i in range(begin, begin + n):
        at = slice(16 * (i % 16), 16 * (i % 16) + 16)
        optimizer.zero_grad()
        F.cross_entropy(call(X[at]), Y[at]).backward()
        optimizer.step()


@pytest.fixture
def no_recompile():
    torch._dynamo.reset()
    kept = torch._dynamo.config.error_on_recompile
    yield lambda: setattr(torch._dynamo.config, "error_on_recompile", True)
    torch._dynamo.config.error_on_recompile = kept
    torch._dynamo.reset()


@pytest.mark.parametrize("watched", ["compiled", "inner", "in place"])
def test_a_compiled_model_is_not_compiled_again_and_its_layers_are_seen(watched, no_recompile):
    model = net()
    if watched == "in place":
        model.compile(backend="aot_eager")
        call = model
    else:
        call = torch.compile(model, backend="aot_eager")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tr.watch(call if watched == "compiled" else model, optimizer, every=3) as w:
        run(call, optimizer, 4)
        no_recompile()
        run(call, optimizer, 110, begin=4)
    assert w.error == ""
    assert w.findings == ()
    found = w.report()
    assert found.compiled
    assert [kind for _, kind, _, _ in found.looks[-1].layers] == ["linear", "relu", "linear", "relu", "linear"]
    assert len(found.looks[-1].dead) == 2


def test_gradient_accumulation():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    told = []
    with tr.watch(model, optimizer, every=3) as w:
        for step in range(30):
            optimizer.zero_grad()
            parts = []
            for part in range(4):
                at = slice(16 * part, 16 * part + 16)
                loss = F.cross_entropy(model(X[at]), Y[at]) / 4
                loss.backward()
                parts.append(loss.item())
            told.append(sum(parts) / 4)
            optimizer.step()
            assert w.step == step + 1
    assert w.findings == ()
    assert w.losses.values.tolist() == pytest.approx(told)


def test_mixed_precision_with_a_scaler_tells_the_loss_and_not_its_multiple():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    told = []
    with tr.watch(model, optimizer, every=3) as w:
        for i in range(60):
            at = slice(16 * (i % 16), 16 * (i % 16) + 16)
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(X[at]), Y[at])
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            told.append(loss.item())
    assert w.error == ""
    assert w.findings == ()
    assert w.losses.values.tolist() == pytest.approx(told)
    assert w.report().looks[-1].gradient_norm <= 1.01


def test_tied_weights_are_one():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(10, 8), nn.Linear(8, 10, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, x):
            return self.head(self.embed(x))

    model = Tied()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = torch.arange(10)
    with tr.watch(model, optimizer, every=2) as w:
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(model(x), (x + 1) % 10).backward()
            optimizer.step()
    assert w.findings == ()
    assert [n for n, _ in w.report().looks[-1].weights] == ["embed.weight"]


def test_a_closure_and_a_scheduler():
    model = net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X), Y)
        loss.backward()
        return loss

    with tr.watch(model, optimizer, every=2) as w:
        for _ in range(20):
            optimizer.step(closure)
    assert w.error == ""
    assert w.findings == ()
    assert w.step == len(w.losses) == 20

    model = net()
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    warm = torch.optim.lr_scheduler.LambdaLR(adam, lambda i: min(i / 10, 1))  # begins with 0
    with tr.watch(model, adam, every=1) as w:
        for i in range(40):
            run(model, adam, 1, begin=i)
            warm.step()
    assert w.findings == ()


def test_two_models_that_train_each_other():
    """Only the loss that reaches the watched model is its loss."""
    generator, critic = nn.Linear(4, 8), nn.Linear(8, 1)
    first = torch.optim.SGD(generator.parameters(), lr=1e-3)
    second = torch.optim.SGD(critic.parameters(), lr=1e-3)
    told = []
    with tr.watch(generator, first) as w:
        for _ in range(40):
            fake = generator(torch.ones(16, 4))
            second.zero_grad()
            (critic(fake.detach()).mean() + 100).backward()
            second.step()
            first.zero_grad()
            loss = -critic(fake).mean()
            loss.backward()
            first.step()
            told.append(loss.item())
    assert w.findings == ()
    assert w.losses.values.tolist() == pytest.approx(told)


def test_replacing_a_layer_and_validating_in_between():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tr.watch(model, optimizer, every=1) as w:
        for i in range(30):
            run(model, optimizer, 1, begin=i)
            model.eval()
            with torch.no_grad():
                model(X)
            model.train()
    assert w.findings == ()
    assert all(0 < len(look.layers) <= 5 for look in w.report().looks)


def test_a_checkpoint_and_a_restart(tmp_path):
    whole, log = net(), tmp_path / "run.jsonl"
    optimizer = torch.optim.SGD(whole.parameters(), lr=0.1)
    with tr.watch(whole, optimizer, every=5) as w:
        run(whole, optimizer, 60)

    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tr.watch(model, optimizer, every=5, log=log) as first:
        run(model, optimizer, 30)
        torch.save(
            {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "watch": first.state_dict()},
            tmp_path / "c",
        )
        run(model, optimizer, 10, begin=30)  # lost
    saved = torch.load(tmp_path / "c")
    model = net()
    model.load_state_dict(saved["model"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    again = tr.watch(model, optimizer, every=5, log=log)
    again.load_state_dict(saved["watch"])
    with again:
        run(model, optimizer, 30, begin=30)
    assert again.step == 60
    assert again.losses.values.tolist() == w.losses.values.tolist()
    told = tr.watch.read(log)
    assert (told.steps, told.restarts) == (60, (30,))
    steps = [look.step for look in told.looks]
    assert steps == sorted(set(steps))


RANK = """
import os, sys, torch, torch.distributed as dist
from torch import nn
from torch.nn import functional as F
import trainability as tr
dist.init_process_group("gloo", init_method="env://")
rank = dist.get_rank()
torch.manual_seed(0)
inner = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 2))
model = nn.parallel.DistributedDataParallel(inner)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(64, 8, generator=torch.Generator().manual_seed(rank)); y = (x[:, 0] > 0).long()
with tr.watch(model, optimizer, every=3, log=sys.argv[1]) as w:
    for i in range(30):
        optimizer.zero_grad(); F.cross_entropy(model(x), y).backward(); optimizer.step()
p = w.report()
print(rank, p.steps, len(p.findings), [n for n, _, _, _ in p.looks[-1].layers] if p.looks else None, w.error)
dist.destroy_process_group()
"""


def test_of_two_ranks_the_first_reports(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    ranks = []
    for rank in range(2):
        environment = {
            **os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        ranks.append(
            subprocess.Popen(
                [sys.executable, "-c", RANK, str(tmp_path / "run.jsonl")],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    said = [process.communicate(timeout=120) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], said
    assert said[0][0].strip() == "0 30 0 ['0', '1', '2']"
    assert said[1][0].strip() == "1 0 0 None"
    assert sum('"start"' in line for line in (tmp_path / "run.jsonl").read_text().splitlines()) == 1
