"""Negative slopes: golden numbers, and claims that fail on numbers that are tampered with."""

import math
from dataclasses import replace

import numpy as np
import pytest

from trainability.gallery import _negative_slopes_branches as branches
from trainability.gallery import negative_slopes as entry
from trainability.theory import families
from trainability.theory.one_relu import negative_slope


@pytest.fixture(scope="module")
def data():
    return entry.run(smoke=True).data


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def changed(data, field, which, **changes):
    made = [replace(m, **changes) if which(m) else m for m in getattr(data, field)]
    return replace(data, **{field: tuple(made)})


def test_golden_numbers(data):
    assert failing(data) == []
    # made by this entry: k = 2, slope -2/3, one and two units opposite
    net = next(n for n in data.nets if n.k == 2 and n.slope == -2 / 3)
    assert [round(v, 4) for v in net.minima] == [0.0482, 0.1058]


def test_one_unit_opposite_is_the_closed_form():
    branch = branches.follow(1, 1, (-0.5, -0.1))
    for c in (-0.5, -0.1):
        assert branch.at(c) == pytest.approx(negative_slope.minima(c)[1].loss, abs=1e-12)
    assert branch.at(-2.0) == pytest.approx(negative_slope.minima(-2.0)[1].loss, abs=1e-12)
    assert math.isnan(branch.at(-1e-3))


def test_six_absolute_values_with_one_sign_turned_are_the_bad_minimum_of_relus():
    branch = branches.follow(6, 1, (0.0,), step=0.05)
    assert branch.at(0.0) == pytest.approx(families.flipped(6, 1).loss, abs=1e-11)
    assert math.isnan(branch.ends)


def test_claims_about_one_unit_can_fail(data):
    def two(m):
        return m.d == 2 and m.slope == -0.5

    assert any("share of starts that end" in s for s in failing(changed(data, "ones", two, aligned=20)))
    assert any("cone about the teacher, of" in s for s in failing(changed(data, "ones", two, cone=50)))
    assert any("Loss at either" in s for s in failing(changed(data, "ones", two, losses=(0.0, 0.2))))
    assert any("one dimension" in s for s in failing(changed(data, "ones", lambda m: m.d == 1, aligned=150)))
    assert any("costs little" in s for s in failing(changed(data, "ones", two, aligned=150)))
    assert any("source's case" in s for s in failing(changed(data, "others", lambda m: True, losses=(0.1, 0.2))))
    assert any(
        "fresh batches" in s for s in failing(changed(data, "sampled", lambda m: True, aligned=np.zeros(24, bool)))
    )


def test_claims_about_networks_can_fail(data):
    c, a, b = data.mirror[0]
    assert any("one landscape" in s for s in failing(replace(data, mirror=((c, a, b + 1e-6),))))
    bad = np.full(40, 0.1)

    def at(slope):
        return lambda n: n.slope == slope

    assert any("absolute values" in s for s in failing(changed(data, "nets", at(-1.0), loss=bad)))
    assert any("absolute values" in s for s in failing(changed(data, "nets", at(-1.0), upright=40)))
    assert any("beside -1" in s for s in failing(changed(data, "nets", at(-0.95), loss=0 * bad)))
    assert any("Every bad minimum" in s for s in failing(changed(data, "nets", at(-2 / 3), minima=(0.0777,))))
    assert any("They vanish" in s for s in failing(changed(data, "nets", at(0.0), loss=bad)))
    assert any("fewer than six" in s for s in failing(changed(data, "branches", lambda b: True, ends=math.nan)))
    assert any("advice" in s for s in failing(changed(data, "nets", at(0.3), loss=bad)))
    assert any("are minima" in s for s in failing(changed(data, "nets", at(0.0), unclear=30)))
