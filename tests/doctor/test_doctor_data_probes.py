"""What ties labels to inputs, how splits differ, what a network lets through: against slower ways, and not fooled."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsRegressor
from torch import nn
from torch.nn import functional as F

import trainability as tr
from benchmarks.cases import CASES
from trainability.doctor import rules
from trainability.doctor.probes import capacity_reading, data_reading, label_reading, split_reading
from trainability.doctor.probes._learners import (
    PENALTIES,
    _shrunk,
    by_chance,
    correlation,
    features,
    nearest,
    p_value,
    quadratic,
)
from trainability.doctor.readings import Readings, RunReading
from trainability.doctor.remedies.realign import shifted
from trainability.doctor.report.words import nothing_found
from trainability.setup.batches import batches

torch.set_num_threads(1)
G = torch.Generator().manual_seed(0)
DRAW = np.random.default_rng(0)
PIXELS, DIGITS = load_digits(return_X_y=True)
_ORDER = np.random.RandomState(0).permutation(len(PIXELS))
PIXELS = torch.tensor(PIXELS[_ORDER] / 16, dtype=torch.float32)
DIGITS = torch.tensor(DIGITS[_ORDER])


def setup(X, y, outputs, loss=None, validation=None, model=None):
    model = model or nn.Sequential(nn.Flatten(), nn.Linear(X[0].numel(), outputs))
    loss = loss or nn.CrossEntropyLoss()
    return tr.Setup(model, loss, torch.optim.SGD(model.parameters(), lr=0.1), (X, y), validation=validation)


def informed(X, y, outputs, loss=None, model=None):
    """Whether any learner sees something."""
    reading = label_reading(setup(X, y, outputs, loss, model=model), [], ask=True)
    assert reading.detectable < 0.25
    return any(x.p <= 0.01 for x in reading.learners)


# The learners.


def test_leave_one_out_is_what_leaving_one_out_gives():
    x, y = DRAW.standard_normal((25, 4)), DRAW.standard_normal((25, 2))
    kernel, mean = x @ x.T, y.mean(0)
    penalties = PENALTIES * np.trace(kernel) / 25
    errors = []
    for penalty in penalties:
        total = 0.0
        for i in range(25):
            keep = np.arange(25) != i
            weights = np.linalg.solve(kernel[np.ix_(keep, keep)] + penalty * np.eye(24), (y - mean)[keep])
            total += ((y[i] - mean - kernel[i, keep] @ weights) ** 2).sum()
        errors.append(total)
    best = penalties[int(np.argmin(errors))]
    held = DRAW.standard_normal((7, 4))
    expected = held @ x.T @ np.linalg.solve(kernel + best * np.eye(25), y - mean) + mean
    values, vectors = np.linalg.eigh(kernel)
    got = _shrunk(np.maximum(values, 0), vectors, held @ x.T @ vectors)(y)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)


def test_nearest_neighbours_equal_scikit_learns():
    x, y, held = DRAW.standard_normal((60, 3)), DRAW.standard_normal((60, 2)), DRAW.standard_normal((20, 3))
    expected = KNeighborsRegressor(10).fit(x, y).predict(held)
    np.testing.assert_allclose(nearest(x, held)(y), expected, atol=1e-12)


def test_products_of_two_features_are_seen():
    x = DRAW.standard_normal((400, 6))
    y = (x[:, 0] * x[:, 1])[:, None]
    assert correlation(quadratic(x[:300], x[300:])(y[:300]), y[300:]) > 0.9


def test_the_spread_by_chance_is_that_over_many_orders():
    answers, labels = DRAW.standard_normal((40, 3)), DRAW.standard_normal((40, 3))
    answers, labels = answers - answers.mean(0), labels - labels.mean(0)
    found = np.std([correlation(answers, labels[DRAW.permutation(40)]) for _ in range(4000)])
    assert by_chance(answers, labels) == pytest.approx(found, rel=0.05)  # 4000 draws: 1.1% standard error


def test_p_values_keep_their_level():
    low = 0
    for _ in range(400):
        a, b = DRAW.standard_normal((30, 2)), DRAW.standard_normal((30, 2))
        orders = np.stack([DRAW.permutation(30) for _ in range(99)])
        low += p_value(a - a.mean(0), b - b.mean(0), orders) <= 0.1
    assert 15 <= low <= 69  # binomial(400, 0.1): outside in 3 of 100,000 samples


# Labels.


@pytest.mark.parametrize("k", [1, -1, 3])
def test_a_shift_is_found_and_undone(k):
    y = DIGITS[:1000].roll(-k)
    reading = label_reading(setup(PIXELS[:1000], y, 10, validation=(PIXELS[1000:], DIGITS[1000:])), [], ask=True)
    assert (reading.shift, reading.validation_shift) == (k, 0)
    assert reading.shift_correlation > 0.8
    X, back = shifted(PIXELS[:1000], y, k)
    assert torch.equal(back, DIGITS[k:1000] if k > 0 else DIGITS[: 1000 + k])
    assert len(X) == 1000 - abs(k)
    also = label_reading(setup(PIXELS[:1000], y, 10, validation=(PIXELS[1000:], DIGITS[1000:].roll(-k))), [], ask=True)
    assert also.validation_shift == k


def test_shuffled_labels_have_no_shift_and_inform_nobody():
    y = DIGITS[:1000][torch.randperm(1000, generator=G)]
    reading = label_reading(setup(PIXELS[:1000], y, 10), [], ask=True)
    assert reading.shift == 0
    assert all(x.p > 0.01 for x in reading.learners)  # by chance not in 4% of draws; this one is seeded
    stalled = Readings(labels=reading, runs=(RunReading(outcome="stalled", score=0.1),))
    found = rules.ALL["labels-independent-of-inputs"].judge(stalled)
    assert found.severity == "critical"
    assert not found.curable
    few = label_reading(setup(PIXELS[:100], y[:100], 10), [], ask=True)
    assert rules.ALL["labels-independent-of-inputs"].judge(replace(stalled, labels=few)) is None


def spirals():
    t = torch.rand(900, generator=G) * 10 + 1
    c = torch.randint(2, (900,), generator=G)
    angle = t + math.pi * c
    return torch.stack([t * angle.cos(), t * angle.sin()], 1) / 10, c, 2


def bars_anywhere():
    X, c = 0.3 * torch.randn(900, 1, 20, 20, generator=G), torch.randint(2, (900,), generator=G)
    for i, (a, b) in enumerate(torch.randint(0, 15, (900, 2), generator=G).tolist()):
        X[i, 0, a : a + 5, b] += c[i]
        X[i, 0, a, b : b + 5] += 1 - c[i]
    return X, c, 2


def exclusive_or():
    X = torch.randint(0, 2, (900, 15), generator=G).float()
    return X, (X[:, 3] != X[:, 7]).long(), 2


def which_word_comes_first():
    X = torch.randint(2, 50, (900, 12), generator=G)
    places = torch.stack([torch.randperm(12, generator=G)[:2] for _ in range(900)])
    X[torch.arange(900), places[:, 0]], X[torch.arange(900), places[:, 1]] = 0, 1
    return X, (places[:, 0] < places[:, 1]).long(), 2


def frequency_of_a_wave():
    f, phase = 1 + 2 * torch.rand(900, 1, generator=G), 6.3 * torch.rand(900, 1, generator=G)
    return torch.sin(f * torch.linspace(0, 6, 24) + phase)[:, :, None], (f[:, 0] > 2).long(), 2


@pytest.mark.parametrize(
    "data",
    [spirals, bars_anywhere, exclusive_or, which_word_comes_first, frequency_of_a_wave],
    ids=lambda f: f.__name__,
)
def test_hard_but_learnable_data_inform(data):
    G.manual_seed(5)
    X, y, outputs = data()
    model = nn.Sequential(nn.Embedding(50, 4), nn.Flatten(), nn.Linear(48, 2)) if not X.is_floating_point() else None
    assert informed(X, y, outputs, model=model)
    other = y[torch.randperm(len(y), generator=G)]
    assert not informed(X, other, outputs, model=model)  # seeded; by chance in 4% of draws


def test_noise_autoencoders_and_labels_per_place():
    X = torch.randn(1500, 8, generator=G)
    y = X[:, :1] + 2.5 * torch.randn(1500, 1, generator=G)  # 14% of the variance
    assert informed(X, y, 1, nn.MSELoss())
    assert informed(PIXELS[:600], PIXELS[:600], 64, nn.MSELoss())
    tags = torch.randint(3, (40, 5), generator=G)
    model = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(15, 15), nn.Unflatten(1, (3, 5)))
    assert (
        label_reading(setup(torch.randint(9, (40, 5), generator=G), tags, 3, model=model), [], ask=True).learners == ()
    )


def test_class_numbers_are_told_from_grades():
    def gain(y):
        reading = label_reading(setup(PIXELS[:900], y[:900, None].float(), 1, nn.MSELoss()), [], ask=True)
        return reading.as_classes - reading.as_numbers

    assert gain(DIGITS) > 0.3
    ink = PIXELS.sum(1)
    grades = torch.bucketize(ink + 2 * torch.randn(len(ink), generator=G), ink.quantile(torch.arange(1, 6) / 6))
    assert gain(grades) < 0.08


def test_several_labels_at_once():
    y = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]).repeat(10, 1)
    reading = label_reading(setup(torch.randn(40, 3, generator=G), y, 2), [], ask=False)
    assert (reading.several, reading.none, reading.learners) == (0.25, 0.25, ())
    marks = torch.randint(2, (40, 7), generator=G)  # one class per place, not several per sample
    model = nn.Sequential(nn.Linear(3, 14), nn.Unflatten(1, (2, 7)))
    assert label_reading(setup(torch.randn(40, 3, generator=G), marks, 2, model=model), [], ask=False).several == 0


@pytest.mark.parametrize("labels", [DIGITS + 1, DIGITS - 1, torch.where(torch.arange(len(DIGITS)) == 1700, 10, DIGITS)])
def test_labels_out_of_range_are_an_error_in_words(labels):
    with pytest.raises(tr.SetupError, match=r"labels run from .* and the model has 10 outputs"):
        tr.diagnose(setup(PIXELS, labels, 10), seeds=1)


def test_one_class_only_is_told_though_the_loss_is_zero():
    d = tr.diagnose(setup(PIXELS[:200], torch.zeros(200, dtype=torch.long), 10), seeds=1, workers=1, max_seconds=None)
    assert [f.cause for f in d.findings] == ["degenerate-labels"]
    assert d.remedies == d.attempts == ()


def test_nothing_is_proposed_for_labels_without_information():
    d = tr.diagnose(CASES["random-yield"].setup, seeds=2, workers=1, max_seconds=None)
    assert d.verdict == "will-not-train"
    assert d.findings[0].cause == "labels-independent-of-inputs"
    assert d.remedies == d.attempts == ()
    assert "No change of hyper-parameters helps" in d.findings[0].says
    assert "Nothing was tried" in nothing_found(d)


# Inputs and splits.


def test_constant_features_copies_and_condition():
    x = torch.randn(500, 3, generator=G, dtype=torch.float64)
    near = x[:, :1] + 1e-2 * torch.randn(500, 1, generator=G, dtype=torch.float64)
    X = torch.cat([x, near, 5 - 2 * x[:, 1:2], torch.full((500, 1), 7.0)], 1)
    y = (near - x[:, :1]) * 100
    reading = data_reading(batches((X, y), 50), "regression")
    assert reading.constant_features == pytest.approx(1 / 6)
    assert reading.copied_features == pytest.approx(1 / 5)
    expected = np.linalg.cond(np.corrcoef(X[:, :4].numpy().T))
    without_copy = data_reading(batches((X[:, :4], y), 50), "regression")
    assert without_copy.condition == pytest.approx(expected, rel=1e-3)
    assert without_copy.flat_skill > 0.9
    assert data_reading(batches((X[:, :4], x[:, :1]), 50), "regression").flat_skill < 0.01


def test_splits_drawn_alike_scaled_and_sorted():
    alike = split_reading(setup(PIXELS[:1000], DIGITS[:1000], 10, validation=(PIXELS[1000:], DIGITS[1000:])))
    assert alike.auc < 0.6
    assert alike.auc_p > 0.01
    assert not alike.one_factor
    scaled = split_reading(setup(PIXELS[:1000], DIGITS[:1000], 10, validation=(PIXELS[1000:] * 16, DIGITS[1000:])))
    assert scaled.one_factor
    assert scaled.factor == pytest.approx(16, rel=0.05)
    order = DIGITS.argsort()
    X, y = PIXELS[order], DIGITS[order]
    by_class = split_reading(setup(X[:1400], y[:1400], 10, validation=(X[1400:], y[1400:])))
    assert by_class.auc > 0.9
    assert by_class.label_distance > 0.8
    assert by_class.label_p < 0.01
    assert split_reading(setup(X, y, 10)) is None


# Capacity.


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(64, 30), nn.Linear(30, 2), nn.Linear(2, 10)

    def forward(self, x):
        x = F.dropout(F.relu(self.a(x)), 0.9, training=self.training)
        return self.c(F.relu(self.b(x)))


def test_the_narrowest_layer_and_the_heaviest_dropout():
    model = Functional().eval()
    reading = capacity_reading(setup(PIXELS[:50], DIGITS[:50], 10, model=model))
    assert (reading.layer, reading.units, reading.fan_in, reading.outputs) == ("b", 2, 30, 10)
    assert (reading.dropout, reading.dropout_p, reading.dropout_units) == ("dropout", 0.9, 30)
    assert reading.dropout_kept == pytest.approx(3.0)
    assert not reading.sequential
    assert not model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    plain = nn.Sequential(nn.Linear(64, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 10))
    before = {k: v.clone() for k, v in plain.state_dict().items()}
    reading = capacity_reading(setup(PIXELS[:50], DIGITS[:50], 10, model=plain))
    assert (reading.layer, reading.sequential, reading.dropout, reading.dropout_kept) == ("0", True, "3", 1.5)
    assert all(torch.equal(v, before[k]) for k, v in plain.state_dict().items())


def test_attention_and_recurrence_are_read_without_trouble():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(nn.Unflatten(1, (8, 8)), layer, nn.Flatten(), nn.Linear(64, 10))
    reading = capacity_reading(setup(PIXELS[:50], DIGITS[:50], 10, model=model))
    assert reading.dropout_p == pytest.approx(0.1)
    assert reading.outputs == 10


def test_features_are_standardised_and_few():
    for X in (torch.randn(60, 500, generator=G), torch.rand(40, 3, 16, 16, generator=G), PIXELS[:90]):
        f = features(X)
        assert f.shape[1] <= 300
        np.testing.assert_allclose(f.mean(0), 0, atol=1e-9)
        np.testing.assert_allclose(f.std(0), 1, atol=1e-9)
