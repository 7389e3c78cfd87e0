"""Faults in a user's own step are read as they happen, named, and mended; a healthy step raises no alarm."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainability import Setup, SetupError, diagnose
from trainability.doctor import remedies, rules
from trainability.doctor.finding import Finding
from trainability.doctor.memory import SAID, on_cpu_when_full
from trainability.doctor.probes import loop_reading, scheduled_lrs
from trainability.doctor.readings import LoopReading, Readings, RunReading

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(120, 6, generator=GENERATOR)
Y = (X[:, :1] * X[:, 1:2] > 0).long().flatten()
FAILED = (RunReading("stalled", score=0.5),)


def descend(loss, optimizer):
    loss.backward()
    optimizer.step()
    return loss


def standard(model, batch, optimizer):
    optimizer.zero_grad()
    return descend(F.cross_entropy(model(batch[0]), batch[1]), optimizer)


def never_cleared(model, batch, optimizer):
    return descend(F.cross_entropy(model(batch[0]), batch[1]), optimizer)


def cleared_too_soon(model, batch, optimizer):
    loss = F.cross_entropy(model(batch[0]), batch[1])
    loss.backward()
    model.zero_grad()
    optimizer.step()
    return loss


def cut(model, batch, optimizer):
    optimizer.zero_grad()
    return descend(torch.tensor(float(F.cross_entropy(model(batch[0]), batch[1])), requires_grad=True), optimizer)


def without_step(model, batch, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(batch[0]), batch[1])
    loss.backward()
    return loss


def without_backward(model, batch, optimizer):
    optimizer.zero_grad()
    optimizer.step()
    return F.cross_entropy(model(batch[0]), batch[1])


class Elsewhere:
    def __init__(self):
        self.model = nn.Linear(6, 2)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def step(self, model, batch, optimizer):
        return standard(self.model, batch, self.optimizer)


def climbing(model, batch, optimizer):
    optimizer.zero_grad()
    return descend(-F.cross_entropy(model(batch[0]), batch[1]), optimizer)


def in_eval_mode(model, batch, optimizer):
    model.eval()
    return standard(model, batch, optimizer)


def new_head(model, batch, optimizer):
    model[3].weight = nn.Parameter(model[3].weight.clamp(-1, 1))
    return standard(model, batch, optimizer)


def last_layer_alone(model, batch, optimizer):
    optimizer.zero_grad()
    return descend(F.cross_entropy(model[3](model[:3](batch[0]).detach()), batch[1]), optimizer)


def build(step, lr=0.05):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return Setup(model, nn.CrossEntropyLoss(), optimizer, (X, Y), batch_size=20, epochs=30, step=step)


FAULTS = {
    "gradients-never-cleared": never_cleared,
    "gradients-cleared-before-step": cleared_too_soon,
    "detached-loss": cut,
    "step-never-called": without_step,
    "no-backward": without_backward,
    "another-model-trained": Elsewhere().step,
    "sign-flipped-loss": climbing,
    "eval-mode-in-training": in_eval_mode,
    "parameters-replaced": new_head,
    "gradient-never-arrives": last_layer_alone,
}


def judged(step):
    setup = build(step)
    from trainability.doctor.probes import snapshot

    start = snapshot(setup.clone(), *setup.batches.sample(64))
    return {f.cause for f in rules.judge(Readings(loop=loop_reading(setup), start=start, runs=FAILED))}


LOOP = set(FAULTS) | {"frozen-parameters"}


@pytest.mark.parametrize("cause", FAULTS)
def test_each_fault_is_named_and_no_other(cause):
    assert judged(FAULTS[cause]) & LOOP == {cause}


def accumulating(k):
    calls = 0

    def step(model, batch, optimizer):
        nonlocal calls
        loss = F.cross_entropy(model(batch[0]), batch[1]) / k
        loss.backward()
        calls += 1
        if calls % k == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    return step


def mixed_precision(model, batch, optimizer, scaler):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(batch[0]), batch[1])
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    return loss


def by_hand(model, batch, optimizer):
    loss = F.cross_entropy(model(batch[0]), batch[1])
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for p, g in zip(model.parameters(), gradients, strict=True):
            p -= 0.1 * g
    return loss


def with_closure(model, batch, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        return loss

    return optimizer.step(closure)


def with_penalty_and_noise(model, batch, optimizer):
    optimizer.zero_grad()
    noisy = batch[0] + 0.1 * torch.randn_like(batch[0])
    loss = F.cross_entropy(model(noisy), batch[1], label_smoothing=0.1)
    return descend(loss + 1e-3 * sum(p.square().sum() for p in model.parameters()), optimizer)


def with_validation(model, batch, optimizer):
    loss = standard(model, batch, optimizer)
    model.eval()
    with torch.no_grad():
        model(batch[0])
    model.train()
    return loss


HEALTHY = {
    "standard": standard,
    "accumulated over 2": accumulating(2),
    "accumulated over 9": accumulating(9),
    "mixed precision": partial(mixed_precision, scaler=torch.amp.GradScaler("cpu")),
    "by hand": by_hand,
    "with a closure": with_closure,
    "with a penalty and noise": with_penalty_and_noise,
    "with validation": with_validation,
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_step_raises_no_alarm_even_where_runs_fail(name):
    assert not judged(HEALTHY[name]) & LOOP


def test_a_warm_up_from_zero_is_no_learning_rate_of_zero():
    setup = build(None)
    model, optimizer = setup.model, setup.optimizer
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 5, 1.0))

    def step(model, batch, optimizer):
        loss = standard(model, batch, optimizer)
        scheduler.step()
        return loss

    fields = {"batch_size": 20, "epochs": 30, "step": step}
    setup = Setup(model, nn.CrossEntropyLoss(), optimizer, (X, Y), **fields)
    assert optimizer.param_groups[0]["lr"] == 0
    assert scheduled_lrs(optimizer) == (0.05,)
    found = diagnose(setup, seeds=1, workers=1)
    assert found.readings.optimizer.lrs == (0.05,)
    assert (found.verdict, found.findings) == ("trains", ())


class Holding:
    """Trains what it was built with, and has no __dict__ by which a copy could be tied to another model."""

    __slots__ = ("model", "optimizer")

    def __init__(self, setup):
        self.model, self.optimizer = setup.model, setup.optimizer

    def step(self, model, batch, optimizer):
        return standard(self.model, batch, self.optimizer)


def test_a_step_that_trains_the_original_is_seen_and_undone():
    setup = build(None)
    held = setup.replaced(step=Holding(setup).step)
    state = torch.get_rng_state()
    before = {k: v.clone() for k, v in setup.model.state_dict().items()}
    reading = loop_reading(held)
    assert reading.elsewhere
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in setup.model.state_dict().items())
    assert not setup.optimizer.state
    assert {f.cause for f in rules.judge(Readings(loop=reading))} == {"another-model-trained"}
    assert loop_reading(setup) is None


@pytest.mark.parametrize("cause", ["gradients-cleared-before-step", "eval-mode-in-training", "sign-flipped-loss"])
def test_the_smallest_change_mends_the_step(cause):
    setup = build(FAULTS[cause])
    readings = Readings(loop=loop_reading(setup))
    change = remedies.propose([Finding(cause, "step", {}, "")], readings)[0]
    assert change.name != "standard-step"
    mended = change.apply(setup)
    reading = loop_reading(mended)
    assert reading.emptied == reading.evaluating == 0
    weights = [p.detach().clone() for p in mended.model.parameters()]
    mended.train(order=1, steps=40)
    plain = build(None)
    plain.train(order=1, steps=40)
    assert any(not torch.equal(a, b) for a, b in zip(weights, mended.model.parameters(), strict=True))
    for a, b in zip(plain.model.parameters(), mended.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_diagnosis_names_the_fault_and_proves_the_line():
    found = diagnose(build(never_cleared), seeds=2, workers=1)
    assert found.verdict == "will-not-train"
    assert found.findings[0].cause == "gradients-never-cleared"
    assert "zero_grad" in found.remedies[0].code
    assert found.readings.loop.order == ("forward", "backward", "step")


def test_without_time_it_reports_what_it_has():
    found = diagnose(build(never_cleared), seeds=1, workers=1, max_seconds=0)
    assert found.findings[0].cause == "gradients-never-cleared"
    assert not found.remedies
    assert "No time was left to try changes." in found.says


def test_max_seconds_is_checked():
    with pytest.raises(SetupError, match="max_seconds is -1"):
        diagnose(build(None), max_seconds=-1)


def test_a_full_gpu_is_answered_by_the_cpu():
    cpu = SimpleNamespace(device=torch.device("cpu"))
    gpu = SimpleNamespace(device=torch.device("cuda"), on_cpu=lambda: cpu)
    diagnosis = diagnose(build(standard), seeds=1, steps=5, workers=1)

    def work(setup):
        if setup is gpu:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return diagnosis

    assert on_cpu_when_full(work)(gpu).says == f"{diagnosis.says} {SAID}"

    def always(setup):
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(SetupError, match="memory ran out"):
        on_cpu_when_full(always)(cpu)


def test_a_reading_shows_its_order_in_words():
    assert LoopReading(order=("clear", "step")).shown == "clear, step"
    assert LoopReading(moved=float("nan")).idle


def squares(flat):
    def step(model, batch, optimizer):
        optimizer.zero_grad()
        out = model(batch[0])
        return descend((((out.flatten() if flat else out) - batch[1].float()) ** 2).mean(), optimizer)

    return step


def squares_of_torch(model, batch, optimizer):
    optimizer.zero_grad()
    return descend(F.mse_loss(model(batch[0]), batch[1].float()), optimizer)


def distances_between_answers(model, batch, optimizer):
    optimizer.zero_grad()
    out = model(batch[0])
    return descend((out - out.T).square().mean() + (out.flatten() - batch[1].float()).square().mean(), optimizer)


@pytest.mark.parametrize(
    ("step", "widened"),
    [(squares(False), True), (squares_of_torch, True), (squares(True), False), (distances_between_answers, False)],
)
def test_a_column_against_a_row_is_seen_in_the_step(step, widened):
    net = nn.Linear(6, 1)
    setup = Setup(net, nn.L1Loss(), torch.optim.SGD(net.parameters(), lr=0.1), (X, Y.float()[:, None]), 20, step=step)
    flat = setup.replaced(data=(X, Y.float()))
    assert loop_reading(flat).widened == widened
    assert bool(rules.ALL["broadcast-loss"].judge(Readings(loop=loop_reading(flat), runs=FAILED))) == widened


def taking(rows_of_labels, rows_of_inputs, noise=0.0):
    def step(model, batch, optimizer):
        x, y = batch
        order = torch.arange(len(x)).roll(3)
        x = (x[order] if rows_of_inputs else x) + noise * torch.randn_like(x)
        y = y[order] if rows_of_labels else y
        optimizer.zero_grad()
        return descend(F.cross_entropy(model(x), y), optimizer)

    return step


@pytest.mark.parametrize(
    ("step", "shuffled"),
    [
        (taking(False, True), True),
        (taking(False, True, noise=0.02), True),
        (taking(True, True), False),
        (taking(False, False, noise=0.02), False),
    ],
)
def test_inputs_that_leave_their_labels_in_the_step_are_seen(step, shuffled):
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    setup = Setup(net, nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.1), (X, Y), 20, step=step)
    assert loop_reading(setup).shuffled == shuffled
    assert (
        bool(rules.ALL["inputs-and-labels-misaligned"].judge(Readings(loop=loop_reading(setup), runs=FAILED)))
        == shuffled
    )
