"""The numbers: logarithms that never overflow, and forecasts that are right on curves with a known end."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainability.doctor import rules
from trainability.prognosis import model
from trainability.prognosis.difficulty import difficulty
from trainability.prognosis.features import after_first_steps, before_training, log, numbers, ratio
from trainability.prognosis.first_step import FirstStep
from trainability.prognosis.measure import Measured
from trainability.prognosis.window import Window
from trainability.prognosis.words import SAYS, said

ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(ANY, ANY)
def test_logarithms_stay_within_bounds(a, b):
    for value in (log(a), ratio(a, b)):
        assert value != value or -12 <= value <= 12


@given(ANY, ANY, ANY, ANY, ANY, st.integers(1, 10**6))
def test_no_measurement_breaks_the_numbers(start, constant, target, after, promised, budget):
    step = FirstStep(start, constant, target, start, after, promised, ray=((1.0, after), (10.0, constant)))
    for rule in list(rules.ALL.values())[:6]:
        found = numbers(Measured(rule.sick[0], step), budget)
        assert all(isinstance(v, float) and not math.isinf(v) for v in found.values())


@given(st.lists(ANY, min_size=1, max_size=60), ANY, ANY, ANY, st.integers(1, 100))
def test_no_losses_break_the_numbers(losses, start, constant, target, times):
    window = Window(np.array(losses), 0.1, len(losses) * times)
    with np.errstate(all="ignore"):
        found = after_first_steps(window, start, constant, target)
    assert all(not math.isinf(v) for v in found.values())


@pytest.mark.parametrize("power", [0.2, 0.5, 1.0])
def test_a_power_law_is_forecast(power):
    budget = 2000
    t = np.arange(1, budget + 1)
    curve = 2.0 * t**-power
    found = after_first_steps(Window(curve[:200], 0.1, budget), 2.0, 2.0, 1.0)
    # the window's end is the mean of a fifth, so its slope is right to some percent
    assert found["forecast by a power law"] == pytest.approx(math.log10(curve[-1]), abs=0.1)


def test_a_straight_line_is_forecast():
    budget = 1000
    curve = 2.0 - 1.5 * np.arange(budget) / budget
    found = after_first_steps(Window(curve[:100], 0.1, budget), 2.0, 2.0, 1.0)
    assert found["forecast by a straight line"] == pytest.approx((curve[-1] - 1.0) / 2.0, abs=0.06)
    assert found["late fall over noise"] <= -99


def test_a_lost_loss_is_said_and_not_computed_with():
    found = after_first_steps(Window(np.array([1.0, math.nan, math.inf]), math.nan, 30), 1.0, 1.0, 0.5)
    assert found["lost"] == 1.0
    assert found["end over reference"] == 12


def test_faster_steps_promise_more():
    slow, fast = (
        before_training(Measured(rules.ALL["lr-zero"].healthy[0], FirstStep(promised=p)), 100) for p in (1e-6, 1e-2)
    )
    name = "promised decrease over what is open"
    assert fast[name] - slow[name] == pytest.approx(4.0)


def test_every_number_of_the_stored_model_is_measured_and_has_words():
    known = numbers(Measured(rules.ALL["lr-zero"].healthy[0], FirstStep()), 100, Window(np.ones(10), 0.1, 100))
    for which in ("before", "after"):
        for name in model.stored()[which]["features"]:
            assert name in known
            assert said(name, 1.0)
    assert set(SAYS) <= set(known)


def test_the_held_out_line_is_that_of_leaving_one_out():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    y = x[:, :1] + 0.5 * torch.randn(30, 1, generator=generator, dtype=torch.float64)
    z = (x - x.mean(0)) / x.std(0, correction=0)
    missed = 0.0
    for i in range(30):
        rest = [j for j in range(30) if j != i]
        a = torch.cat([z[rest], torch.ones(29, 1, dtype=torch.float64)], 1)
        ridge = torch.diag(torch.tensor([1e-3 * 30] * 4 + [0.0], dtype=torch.float64))
        w = torch.linalg.solve(a.T @ a + ridge, a.T @ y[rest])
        missed += float((y[i] - torch.cat([z[i], torch.ones(1, dtype=torch.float64)]) @ w).square())
    total = float((y - y.mean(0)).square().sum())
    found = difficulty(x, y, classes=False)
    assert found.held_line == pytest.approx(1 - missed / total, abs=1e-6)
    assert found.line > found.held_line


def test_what_only_neighbours_see():
    x = torch.linspace(-1, 1, 200)[:, None]
    labels = (x[:, 0].abs() > 0.5).long()
    found = difficulty(x, labels, classes=True)
    assert found.held_line < 0.05
    assert found.neighbours > 0.9


@pytest.mark.parametrize("x", [torch.arange(40).reshape(20, 2), torch.full((20, 3), math.nan), torch.zeros(3, 2)])
def test_difficulty_is_silent_where_it_has_no_meaning(x):
    found = difficulty(x, torch.arange(len(x)) % 2, classes=True)
    assert math.isnan(found.line)
    assert math.isnan(found.neighbours)
