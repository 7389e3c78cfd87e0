"""What every problem promises: it builds, steps, repeats, states its best constant loss and its target."""

import inspect
import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from trainability import problems
from trainability.errors import UnknownNameError
from trainability.setup import Setup
from trainability.setup.constant_answer import constant_answer, constant_loss
from trainability.setup.untouched import seed_everything

NAMES = sorted(problems.ALL)
SMALL = {"deep-mlp": {"depth": 22}, "deep-conv": {"depth": 6}}  # what keeps a step cheap
MADE = [n for n in NAMES if not n.startswith("digits")]  # with options
EASY = {  # optimizer steps of a short training, and seeds that learn within them
    "abs-regression": (200, 0),
    "circles": (150, 0),
    "digits-mlp": (100, 0),
    "euclidean-distance": (100, 0),
    "fractal": (200, 0),
    "quadratic": (40, 0),
    "quartic": (100, 0),
    "relu-bias-weight": (200, 1),
    "single-relu-teacher": (60, 0),
    "sparse-linear": (300, 0),
    "teacher-student": (200, 0),
}


def built(name, seed=0, **options):
    return problems.get(name)(seed, **{**SMALL.get(name, {}), **options})


def state(setup):
    return torch.cat([p.detach().flatten().double() for p in setup.model.parameters()])


def best_constant(setup):
    """Lc over all training data, by the package's own search."""
    known, y = setup.facts, setup.batches.targets
    answer = constant_answer(setup.loss_fn, known.output, y, known.family, known.form)
    return constant_loss(setup.loss_fn, answer, y)


@pytest.mark.parametrize("name", NAMES)
def test_it_builds_steps_and_repeats(name):
    one, same, other = built(name), built(name), built(name, 1)
    assert isinstance(one, Setup)
    assert one.name == name
    assert one.task is not None
    assert torch.equal(state(one), state(same))
    assert name == "quartic" or not torch.equal(state(one), state(other))
    for a, b in zip((*one.data, *one.data), (*same.data, *other.data), strict=True):
        assert torch.equal(a, b), "data are the same for every seed"
    start = state(one).clone()
    runs = [s.train(steps=200 if one.batch_size == 1 else 2) for s in (one, same)]
    assert np.array_equal(runs[0].losses, runs[1].losses)
    assert np.isfinite(runs[0].losses).all()
    assert not torch.equal(state(one), start)
    assert torch.equal(state(one), state(same))


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_leaves_the_random_state_and_none_draws_from_it(name):
    seed_everything(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    seeded = built(name, 5)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert torch.equal(state(built(name, None)), state(seeded)), "the present state was that of seed 5"


@pytest.mark.parametrize("name", NAMES)
def test_the_stated_constant_loss_and_target_are_the_setups(name):
    setup, known = built(name), problems.KNOWN[name]
    found = best_constant(setup)
    assert found == pytest.approx(known.constant_loss, rel=2e-5, abs=1e-9)
    assert known.says
    assert setup.target == (None if known.target is None else pytest.approx(known.target))
    run = setup.train(steps=1)  # its answer is made from a fixed sample of the data, so that it is a little worse
    assert run.constant_loss == pytest.approx(known.constant_loss, rel=2e-3, abs=1e-9)
    stated = known.target if known.target is not None else run.constant_loss / 2
    assert run.target == pytest.approx(stated)


@pytest.mark.parametrize("name", MADE)
def test_fresh_seeds_keep_options_and_data(name):
    options = {"lr_output": 3.0} if name == "fractal" else {"lr": 0.0123}
    one = built(name, 0, **options)
    fresh = one.seeded(7)
    assert torch.equal(state(fresh), state(built(name, 7, **options)))
    assert [g["lr"] for g in fresh.optimizer.param_groups] == [g["lr"] for g in one.optimizer.param_groups]
    assert torch.equal(fresh.data[0], one.data[0])
    assert fresh.target == one.target
    signature = inspect.signature(problems.get(name)).parameters
    assert set(one.origin.keywords) == set(signature) - {"seed"}, "an option is forgotten for fresh seeds"
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for k, p in signature.items() if k != "seed")


@pytest.mark.parametrize("name", MADE)
def test_options_that_cannot_be_are_refused(name):
    options = inspect.signature(problems.get(name)).parameters
    for option in ("samples", "width", "depth", "inputs", "students", "teachers", "dimension", "features", "channels"):
        if option in options:
            for bad in (0, 2.5, True):
                with pytest.raises(ValueError, match=option if option != "samples" else "samples|number"):
                    problems.get(name)(0, **{option: bad})
    for option in ("lr", "lr_hidden", "lr_output", "scale", "start"):
        if option in options:
            for bad in (0.0, -1.0, math.nan):
                with pytest.raises(ValueError, match=option):
                    problems.get(name)(0, **{option: bad})
    if "initializer" in options:
        with pytest.raises(UnknownNameError, match="he_normal"):
            problems.get(name)(0, initializer="he_norma")


@pytest.mark.parametrize("name", sorted(EASY))
def test_the_easy_ones_learn(name):
    steps, seed = EASY[name]
    run = built(name, seed).train(steps=steps)
    assert run.outcome in ("learning", "trained"), (run.outcome, run.end_loss)


def test_the_nearest_name_is_given():
    with pytest.raises(UnknownNameError, match="Did you mean 'abs-regression'"):
        problems.get("abs-regresion")
    assert problems.get("teacher_student") is problems.get("teacher-student")


def test_every_member_has_what_is_known():
    assert sorted(problems.KNOWN) == NAMES
    assert all(a < b for a, b in pairwise(problems.ALL))
