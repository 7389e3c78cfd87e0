"""The entry on better minima: stacked equals single, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from trainability.gallery import better_minima
from trainability.gallery.better_minima import BATCH, TIMES, TRAIN, images, split, train, weights


def failing(data):
    return [c.says for c in better_minima.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    return better_minima.run(smoke=True).data


def changed(data, name, **values):
    return replace(data, ends=tuple(replace(e, **values) if e.name == name else e for e in data.ends))


def test_splits_do_not_meet_and_differ_by_seed():
    parts = split(3)
    assert sorted(torch.cat(parts).tolist()) == list(range(1797))
    assert [len(part) for part in parts] == [1000, 397, 400]
    assert not torch.equal(parts[0], split(4)[0])


@pytest.mark.parametrize(
    ("rule", "torch_rule"),
    [
        ("momentum", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        ("Adam", lambda p: torch.optim.Adam(p, lr=0.05)),
    ],
)
def test_a_member_of_the_stack_is_a_plain_torch_training(rule, torch_rule):
    found = train(rule, (0.01, 0.05), (7, 8), 1, 0.0)
    x, y = images()
    begin = weights(8)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    with torch.no_grad():
        for layer, i in ((model[0], 1), (model[2], 2)):
            layer.weight.copy_(begin[f"w{i}"].T)
            layer.bias.copy_(begin[f"b{i}"][0] if begin[f"b{i}"].ndim > 1 else begin[f"b{i}"])
    optimizer = torch_rule(model.parameters())
    train_on, _, test_on = split(8)
    order = torch.randperm(TRAIN, generator=torch.Generator().manual_seed(50_008))
    for batch in order.split(BATCH):
        index = train_on[batch]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[index]), y[index]).backward()
        optimizer.step()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(x[train_on]), y[train_on])
        accuracy = (model(x[test_on]).argmax(1) == y[test_on]).double().mean()
    assert found["loss"][1, 1] == pytest.approx(float(loss), rel=1e-3)
    assert found["accuracy"][1, 1] == pytest.approx(float(accuracy), abs=0.006)  # two images may tip by rounding


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    ball, adam, small = data.at("momentum"), data.at("Adam"), data.at("momentum, lr 0.025")
    better = changed(data, "momentum", accuracy=np.full(data.seeds, 0.99), level_accuracy=ball.level_accuracy + 0.06)
    assert any("against SGD:" in s for s in failing(better))
    assert any("At the same training loss, 0" in s for s in failing(better))
    assert any("Flatter" in s for s in failing(better))
    assert any("Against Adam" in s for s in failing(changed(data, "Adam", accuracy=adam.accuracy - 0.1)))
    assert any("may rest on" in s for s in failing(changed(data, "momentum, lr 0.025", loss=small.loss * 20)))
    assert any("first order" in s for s in failing(changed(data, TIMES, loss=data.at(TIMES).loss * 9)))
    assert any("stable" in s for s in failing(changed(data, "SGD", sharpness=np.full(data.seeds, 10.0))))
    rank = np.argsort(np.argsort(ball.level_accuracy + 1e-6 * np.arange(data.seeds)))
    told = data
    for name in better_minima.RULES:
        e = data.at(name)
        rank = np.argsort(np.argsort(e.level_accuracy))
        told = changed(told, name, level_sharpness=np.exp(-rank.astype(float)))
    assert any("Flatter" in s for s in failing(told))
    beyond = changed(data, better_minima.BEYOND, lr=2.0)
    assert any("room" in s for s in failing(beyond))
