"""The stored trees: read as they were fitted, honest about what they do not know."""

import json
import math
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainability.prognosis import model
from trainability.prognosis.model import of, probability, score

STUMP = {
    "features": ["x", "y"], "medians": [0.0, None], "ranges": [[-1.0, 1.0], [0.0, 2.0]], "shift": 0.0, "scale": 1.0,
    "members": [[0.0, [[0, 0.0, 1, -2.0, 2.0]]], [0.0, [[0, 0.5, 0, -1.0, [1, 1.0, 1, 0.0, 3.0]]]]],
}  # fmt: skip


def test_a_tree_by_hand():
    # x = 1: the first member gives 2, the second goes right, y = 0.5 <= 1 gives 0: the mean log-odds are 1
    found = of(STUMP, {"x": 1.0, "y": 0.5})
    assert found.value == pytest.approx(1 / (1 + math.exp(-1)))
    assert found.low == pytest.approx(1 / (1 + math.exp(-0.1)))
    assert found.high == pytest.approx(1 / (1 + math.exp(-1.9)))
    # without x (its median is 0) both members say -2 and -1: the log-odds lose 2.5
    assert found.reasons[0] == ("x", 1.0, pytest.approx(2.5))


def test_what_is_not_known_follows_the_tree():
    assert score(STUMP["members"][0], [math.nan, 0.0]) == -2.0
    assert score(STUMP["members"][1], [math.nan, 5.0]) == 3.0


def test_outside_is_said_with_a_margin():
    assert of(STUMP, {"x": 1.1, "y": 1.0}).outside == ()
    assert of(STUMP, {"x": 1.3, "y": 1.0}).outside == (("x", 1.3, -1.0, 1.0),)
    assert of(STUMP, {"x": math.nan, "y": 1.0}).outside == ()


def test_the_exported_trees_equal_scikit_learn():
    from benchmarks.calibration import exported, fitted

    rng = np.random.RandomState(0)
    X = np.round(rng.randn(300, 4), 4)
    X[rng.rand(300, 4) < 0.1] = np.nan
    y = (np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2 > 0.5).astype(float)
    fit = fitted(X, y, rng.randint(0, 5, 300), seed=1)
    member = json.loads(json.dumps(exported(fit)))
    ours = np.array([score(member, list(x)) for x in X])
    np.testing.assert_allclose(ours, fit.decision_function(X), atol=0.01)


def test_the_file_is_small_and_says_how_it_was_made():
    file = resources.files("trainability.prognosis").joinpath("coefficients.json")
    assert len(file.read_bytes()) < 200_000
    stored = model.stored()
    assert "benchmarks.calibration" in stored["made by"]
    for which in ("before", "after"):
        one = stored[which]
        assert one["scale"] > 0
        assert len(one["features"]) == len(one["medians"]) == len(one["ranges"])
        assert len(one["members"]) >= 10


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=80, max_size=80),
    st.sampled_from(["before", "after"]),
)
def test_any_numbers_give_a_probability_within_its_interval(values, which):
    found = probability(which, dict(zip(model.stored()[which]["features"], values, strict=False)))
    assert 0 <= found.low <= found.high <= 1
    assert 0 <= found.value <= 1
