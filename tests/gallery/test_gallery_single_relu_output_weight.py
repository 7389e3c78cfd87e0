"""One ReLU with an output weight: golden numbers, and claims that fail on numbers that are tampered with."""

from dataclasses import replace

import numpy as np
import pytest

from trainability.gallery import single_relu_output_weight as entry


@pytest.fixture(scope="module")
def data():
    return entry.run(smoke=True).data


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def with_rate(data, i, **changes):
    made = list(data.rates)
    made[i] = replace(made[i], **changes)
    return replace(data, rates=tuple(made))


def test_golden_numbers(data):
    assert failing(data) == []
    # made by this entry: seeds 0 to 399 of the lab
    assert [e.lr for e in data.rates] == [0.03, 0.3, 1.0]
    assert data.rates[0].share == (166, 400)


def test_claims_can_fail(data):
    first, last = data.rates[0], data.rates[-1]
    none, every = np.zeros(400, bool), np.ones(400, bool)
    assert any("Share of starts" in s for s in failing(with_rate(data, 0, trained=none)))
    assert any("Which they are" in s for s in failing(with_rate(data, 0, trained=~first.trained)))
    assert any("The same from torch" in s for s in failing(replace(data, default=replace(data.default, trained=every))))
    assert any("others end" in s for s in failing(with_rate(data, 0, end_output=first.end_output + 0.3)))
    assert any("conserved but" in s for s in failing(with_rate(data, 0, kept=first.kept * 0.99)))
    turned = np.where(first.trained, -first.weight, first.end_weight)
    assert any("left-to-right" in s for s in failing(with_rate(data, 0, end_weight=turned, trained=every)))
    assert any("map on two moments" in s for s in failing(with_rate(data, 1, told=~data.rates[1].told)))
    assert any("Long steps" in s for s in failing(with_rate(data, 2, trained=last.trained & (last.weight > 0))))
    momentum = [e for e in data.others if e.name == "Momentum"]
    rest = [e for e in data.others if e.name != "Momentum"]
    lost = (replace(momentum[0], trained=none), *rest)
    assert any("Momentum" in s for s in failing(replace(data, others=lost)))
    assert any("Other rules" in s for s in failing(replace(data, others=lost)))
    assert any("With a bias" in s for s in failing(replace(data, bias_loss=np.zeros_like(data.bias_loss))))


def test_the_lab_starts_where_the_measure_says(data):
    first = data.rates[0]
    # N(0, 1) twice, independent: means and correlation within 4 standard errors of 400
    assert abs(first.weight.mean()) < 0.2
    assert abs(first.output.mean()) < 0.2
    assert abs(np.corrcoef(first.weight, first.output)[0, 1]) < 0.2
