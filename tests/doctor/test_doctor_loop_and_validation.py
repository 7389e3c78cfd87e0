"""What is seen of averages, schedules, batches, labels and rows left out, against values reckoned by another path."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from trainability import Setup
from trainability.doctor.probes import ScheduleProbe, averages_reading, held_out_reading, loop_reading, noise_reading
from trainability.doctor.probes.held_out import renumbering
from trainability.doctor.verification import verification
from trainability.setup import Run


def blobs(n=400, classes=3, seed=0, spread=0.5):
    """Classes around corners of a cube, in five columns."""
    draw = np.random.default_rng(seed)
    y = draw.integers(0, classes, n)
    centres = np.random.default_rng(9).normal(0, 2, (classes, 5))
    x = centres[y] + spread * draw.normal(size=(n, 5))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def network(x, y, *, step=None, validation=None, hidden=32, epochs=10, batch_size=20):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(x.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, int(y.max()) + 1))
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    return Setup(
        model,
        nn.CrossEntropyLoss(),
        adam,
        (x, y),
        batch_size=batch_size,
        epochs=epochs,
        validation=validation,
        step=step,
    )


# running averages


def normalised(momentum):
    x, y = blobs()
    x = 30 + 10 * x
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(5, momentum=momentum), nn.Linear(5, 3))
    return Setup(
        model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=0.05), (x, y), batch_size=40, epochs=4
    )


def test_averages_taken_anew_are_those_of_the_data():
    setup = normalised(0.001)
    run = setup.train(seed=1)
    assert run.trained
    assert not run.keeps
    before = {k: v.clone() for k, v in setup.model.state_dict().items()}
    reading = averages_reading(setup, run)
    assert all(torch.equal(v, before[k]) for k, v in setup.model.state_dict().items())
    assert setup.model[0].momentum == 0.001
    assert reading.left == pytest.approx(0.999**40)
    x, y = setup.data
    parts = x[:400].split(40)
    setup.model[0].running_mean = torch.stack([p.mean(0) for p in parts]).mean(0)
    setup.model[0].running_var = torch.stack([p.var(0) for p in parts]).mean(0)
    setup.model.eval()
    with torch.no_grad():
        assert reading.fresh_loss == pytest.approx(float(nn.functional.cross_entropy(setup.model(x), y)), rel=1e-4)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_averages_that_follow_are_no_finding(momentum):
    setup = normalised(momentum)
    run = setup.train(seed=1)
    assert run.keeps
    assert averages_reading(setup, run) is None


# the user's own step


def stepping(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


class Kept:
    first = None

    def __call__(self, model, batch, optimizer):
        self.first = self.first or batch
        return stepping(model, self.first, optimizer)


def augmented(model, batch, optimizer):
    x, y = batch
    return stepping(model, (x + 0.1 * torch.randn_like(x), y), optimizer)


class Accumulated:
    def __init__(self, clear_always):
        self.clear_always, self.count = clear_always, 0

    def __call__(self, model, batch, optimizer):
        x, y = batch
        if self.clear_always:
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y) / 4
        loss.backward()
        self.count += 1
        if self.count % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss * 4


def sharpness_aware(model, batch, optimizer):
    x, y = batch
    nn.functional.cross_entropy(model(x), y).backward()
    moves = [0.05 * p.grad / p.grad.norm().clamp_min(1e-9) for p in model.parameters()]
    with torch.no_grad():
        for p, move in zip(model.parameters(), moves, strict=True):
            p.add_(move)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    with torch.no_grad():
        for p, move in zip(model.parameters(), moves, strict=True):
            p.data.sub_(move)
    optimizer.step()
    optimizer.zero_grad()
    return loss


@pytest.mark.parametrize(("step", "used"), [(Kept(), 1), (stepping, 8), (augmented, 8)])
def test_batches_given_and_used(step, used):
    reading = loop_reading(network(*blobs(), step=step))
    assert (reading.calls, reading.given, reading.used) == (8, 8, used)


def test_rows_in_another_order_are_the_same_batch():
    x, y = blobs(60)
    setup = network(x, y, step=stepping, batch_size=60)
    reading = loop_reading(setup)
    assert (reading.given, reading.used) == (1, 1)


def test_a_whole_graph_at_every_step_is_no_batch_again():
    x, y = blobs()

    def transductive(model, batch, optimizer):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x)[:20], y[:20])
        loss.backward()
        optimizer.step()
        return loss

    reading = loop_reading(network(x, y, step=transductive))
    assert (reading.used, reading.again) == (1, False)


@pytest.mark.parametrize(
    ("step", "thrown"),
    [(Accumulated(True), 0.75), (Accumulated(False), 0.0), (stepping, 0.0), (sharpness_aware, 0.0)],
)
def test_gradients_thrown_away(step, thrown):
    assert loop_reading(network(*blobs(), step=step)).thrown == thrown


class Scheduled:
    def __init__(self, made):
        self.made, self.scheduler = made, None

    def __call__(self, model, batch, optimizer):
        self.scheduler = self.scheduler or self.made(optimizer)
        loss = stepping(model, batch, optimizer)
        self.scheduler.step()
        return loss


def decaying(optimizer):
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)


def cosine(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)


def warmed_up(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(i / 10, (100 - i) / 90))


@pytest.mark.parametrize(
    ("made", "area", "tenfold"),
    [
        (decaying, sum(0.9**i for i in range(100)) / 100, 22),
        (cosine, sum((1 + math.cos(math.pi * i / 100)) / 2 for i in range(100)) / 100, 80),
        (warmed_up, sum(min(i / 10, (100 - i) / 90) for i in range(100)) / 100, 91),
    ],
)
def test_the_learning_rate_along_a_run(made, area, tenfold):
    setup = network(*blobs(), step=Scheduled(made), epochs=5)
    probe = ScheduleProbe(setup, 100)
    setup.train(steps=100, observe={at: probe.look(at) for at in probe.at})
    reading = probe.reading()
    assert reading.area == pytest.approx(area, rel=0.02)
    assert reading.tenfold_step == tenfold
    assert reading.peak == pytest.approx(1e-2)


def test_the_standard_step_has_no_schedule():
    setup = network(*blobs())
    assert ScheduleProbe(setup, 100).at == []


# rows left out


def test_a_renumbering_is_read_from_answers():
    x, y = blobs(800)
    to = torch.tensor([2, 0, 1])
    setup = network(x[:500], y[:500], validation=(x[500:], to[y[500:]]))
    start = {k: v.clone() for k, v in setup.model.state_dict().items()}
    reading = held_out_reading(setup, 250, 0.1)
    assert all(torch.equal(v, start[k]) for k, v in setup.model.state_dict().items())
    assert (reading.folds, reading.n, reading.validation_n) == (1, 100, 300)
    assert dict(reading.relabelling) == {2: 0, 0: 1, 1: 2}
    assert reading.held > 0.95
    assert reading.relabelled > 0.95
    assert reading.as_given < 0.1


def test_rows_known_by_heart():
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 40, generator=draw), torch.randint(0, 2, (60,), generator=draw)
    v, w = torch.randn(100, 40, generator=draw), torch.randint(0, 2, (100,), generator=draw)
    reading = held_out_reading(network(x, y, validation=(v, w), epochs=40), 120, 0.1)
    assert (reading.folds, reading.n) == (5, 60)
    assert reading.learned > 0.99
    assert reading.held < 0.5 + 4 * 0.5 / math.sqrt(60)  # four standard deviations: by chance once in 30,000


def test_without_validation_data_nothing_is_left_out():
    assert held_out_reading(network(*blobs()), 10, 0.1) is None


def test_renumbering_agrees_with_every_permutation():
    from itertools import permutations

    draw = np.random.default_rng(0)
    answers, labels = draw.integers(0, 4, 200), draw.integers(0, 4, 200)
    best = max((np.array(p)[labels] == answers).sum() for p in permutations(range(4)))
    assert (renumbering(answers, labels, 4)[labels] == answers).sum() == best


# label noise


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_the_share_of_wrong_labels(share):
    x, y = blobs(1600, spread=1.0)
    draw = np.random.default_rng(3)
    wrong = torch.tensor(draw.random(1000) < share)
    other = (y[:1000] + torch.tensor(draw.integers(1, 3, 1000))) % 3
    setup = network(x[:1000], torch.where(wrong, other, y[:1000]), validation=(x[1000:], y[1000:]))
    reading = noise_reading(setup)
    assert reading.noise == pytest.approx(float(wrong.float().mean()), abs=0.06)
    assert reading.low < share + 0.03
    assert (reading.low > 0.1) == (share > 0)


# what a run is worth


RUN = Run("trained", np.ones(10), 2.3, 2.3, 1.15, 1.0, 0.1, 3.0, 2.3, 0.97, 1, 10, 0.1, np.zeros((0, 2)))


def test_too_sure_and_right_generalises():
    assert RUN.generalises
    assert RUN.succeeded
    assert not replace(RUN, validation_score=0.3).generalises
    assert replace(RUN, validation_score=0.3, validation_loss=2.0).generalises
    assert not replace(RUN, validation_score=0.6, validation_constant_score=0.5).generalises


def test_what_eval_mode_loses_is_not_learned():
    assert RUN.keeps
    assert replace(RUN, by_batch_loss=0.3, by_averages_loss=0.4).keeps
    lost = replace(RUN, by_batch_loss=0.3, by_averages_loss=1.2)
    assert not lost.keeps
    assert not lost.succeeded
    assert not lost.learned


def test_a_cure_carries_over_to_validation_data():
    lost = replace(RUN, validation_score=0.2)
    weak, strong = replace(RUN, validation_score=0.3, validation_loss=2.2), RUN
    assert weak.succeeded
    assert not verification([lost], [weak], "trained").holds
    assert verification([lost], [strong], "trained").holds
    stalled = replace(RUN, outcome="stalled", score=0.1)
    assert verification([stalled], [weak], "trained").holds
