"""The proof's steps against networks: the draws against autograd, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from trainability.gallery import variance_recursion as entry


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def test_rules_are_those_of_the_papers():
    """Layer 2 of the uneven network has 300 inputs and 100 units."""
    assert entry.RULES["fan-in"][1] == pytest.approx(2 / 300)
    assert entry.RULES["fan-out"][1] == pytest.approx(2 / 100)
    assert entry.RULES["harmonic mean"][1] == pytest.approx(4 / 400)


def test_gamma_law_of_skewed_weights():
    """The factor of the first layer, by drawing gamma numbers: 4.5 standard errors."""
    y = stats.gamma(20).rvs(400_000, random_state=0) - 20
    squares = 2 * np.maximum(y, 0) ** 2 / 20
    made = entry.narrow("skewed", 2000).x[:, 0]
    error = np.hypot(squares.std() / 400_000**0.5, made.std() / 2000**0.5)
    assert abs(squares.mean() - made.mean()) < 4.5 * error
    assert squares.mean() == pytest.approx(1.118, abs=0.012)


def test_the_wrong_formulas_are_wrong_by_the_known_factors():
    right, mean, variance = entry._wrong(entry.uneven("fan-in", 100))
    assert right == pytest.approx(1, abs=0.05)
    assert mean == pytest.approx(np.pi**-0.5, abs=0.05)
    assert variance == pytest.approx(1 - 1 / np.pi, abs=0.05)


def test_claims_hold_and_can_fail():
    result = entry.run(smoke=True)
    data = result.data
    assert result.holds

    def with_rule(rule, **changes):
        return replace(data, uneven=data.uneven | {rule: replace(data.uneven[rule], **changes)})

    def with_law(law, **changes):
        return replace(data, narrow=data.narrow | {law: replace(data.narrow[law], **changes)})

    he, normal = data.uneven["fan-in"], data.narrow["normal"]
    assert any("Var y_l" in s for s in failing(with_rule("fan-in", y=1.4 * he.y)))
    assert any("E[x]" in s for s in failing(with_rule("fan-in", x_mean=he.x)))
    assert any("backward" in s for s in failing(with_rule("fan-out", dx=1.5 * data.uneven["fan-out"].dx)))
    assert any("n_first/n_last" in s for s in failing(with_rule("fan-in", x=1.5 * he.x)))
    mean = data.uneven["harmonic mean"]
    assert any("harmonic" in s for s in failing(with_rule("harmonic mean", x=mean.x * 2.0 ** np.arange(6))))
    assert any("1/2" in s for s in failing(replace(data, half=(0.34, 0.34, *data.half[2:]))))
    assert any("half of the units" in s for s in failing(replace(data, half=(*data.half[:3], 0.84))))
    assert any("second moment grows" in s for s in failing(with_law("normal", x=1 + 0.01 * (normal.x - 1))))
    assert any("median falls" in s for s in failing(with_law("normal", x=1 + 0.01 * (normal.x - 1))))
    assert any("independent" in s for s in failing(with_law("normal", pairs=1 + 0.01 * (normal.pairs - 1))))
    assert any("Symmetric" in s for s in failing(with_law("skewed", x=normal.x)))
    assert len(entry.figure(result).axes) == 5
