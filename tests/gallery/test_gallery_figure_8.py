"""Figure 8's claims hold, can fail one by one, and its picture shows both sides of x = y."""

from dataclasses import replace

import numpy as np
import pytest

from trainability.gallery import figure_8_symmetry_breaking as entry


@pytest.fixture(scope="module")
def result():
    seen = []
    found = entry.run(smoke=True, progress=lambda stage, done, total: seen.append((done, total)))
    assert seen == [(i + 1, len(seen)) for i in range(len(seen))]
    return found


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def swapped(items, K, **changes):
    return tuple(replace(i, **changes) if i.K == K else i for i in items)


def test_the_claims_hold_and_the_numbers_are_the_golden_ones(result):
    assert failing(result.data) == []
    two, five, ten = result.data.paths
    # worked out by an independent program: highest y in the limit of small steps, steps of the published run
    assert [round(p.top[1], 6) for p in (two, five, ten)] == [0.397669, 0.189144, 0.107075]
    assert [p.first for p in (two, five, ten)] == [808, 384, 186]
    assert (two.x[999], two.y[999]) == pytest.approx((0.96746002, 0.03419019), abs=5.1e-9)
    assert (ten.x[999], ten.y[999]) == pytest.approx((0.99999946, 0.00000011), abs=5.1e-9)
    least = {s.K: s.least for s in result.data.sides}
    for K, value in {3: -0.04448, 4: -0.01754, 5: -0.00583, 6: 0.00150, 10: 0.01749}.items():
        assert least[K] == pytest.approx(value, abs=6e-6)


@pytest.mark.parametrize(
    ("part", "K", "changes", "says"),
    [
        ("paths", 2, lambda p: {"y": p.y + 1e-5}, "K = 2: the published run"),
        ("paths", 5, lambda p: {"x": np.roll(p.x, 1)}, "K = 5: the published run"),
        ("paths", 10, lambda p: {"gap": 1e-9}, "The plane is kept"),
        ("paths", 10, lambda p: {"time": 9.0}, "Larger K is faster"),
        ("paths", 5, lambda p: {"rise": 0.2}, "The detour"),
        ("paths", 2, lambda p: {"tops": tuple((lr, p.top[1]) for lr, _ in p.tops)}, "depend on the Euler step"),
        ("paths", 2, lambda p: {"tops": tuple((lr, p.tops[0][1]) for lr, _ in p.tops)}, "depend on the Euler step"),
        ("middles", 3, lambda m: {"saddle": m.saddle + 1e-8}, "The saddle of Theorem 7"),
        ("middles", 3, lambda m: {"slowest": (0.5, 0.5)}, "The saddle of Theorem 7"),
        ("middles", 4, lambda m: {"newton": (np.nan, m.newton[1])}, "The saddle of Theorem 7"),
        ("middles", 5, lambda m: {"opposite": -0.05}, "a second critical point"),
        ("middles", 5, lambda m: {"told": m.told + 1e-6}, "The saddle's eigenvalues"),
        ("sides", 6, lambda s: {"teacher": s.teacher - 1}, "From x > y every start"),
        ("sides", 2, lambda s: {"other": s.other - 1}, "from x < y every start"),
        ("sides", 3, lambda s: {"told": (0.0, 1.0)}, "from x < y every start"),
        ("sides", 10, lambda s: {"minima": (1, 2)}, "from x < y every start"),
        ("sides", 5, lambda s: {"least": 0.01}, "only from K = 6 on"),
        ("sides", 6, lambda s: {"returned": s.runs - 1}, "comes back"),
        ("sides", 5, lambda s: {"returned": 1}, "comes back"),
    ],
)  # fmt: skip
def test_each_claim_can_fail(result, part, K, changes, says):
    items = getattr(result.data, part)
    wrong = replace(result.data, **{part: swapped(items, K, **changes(next(i for i in items if i.K == K)))})
    assert any(says in s for s in failing(wrong))


def test_the_picture_shows_both_sides_and_both_protocols(result):
    picture = entry.figure(result)
    labels = [(a.get_xlabel(), a.get_ylabel()) for a in picture.axes]
    assert labels[0] == labels[1] == labels[2] == ("x, along the own teacher", "y, along every other teacher")
    assert labels[3][1] == "squared error, (x − 1)² + (K − 1) y²"
    for axes, word in zip(picture.axes, ("rows exchanged", "all students flipped"), strict=False):
        told = " ".join(t.get_text() for t in axes.texts)
        assert all(w in told for w in ("teacher", "saddle", "opposite point", word))
        assert axes.get_xlim()[0] < 0 < axes.get_ylim()[1]
    solid = [line for line in picture.axes[2].get_lines() if len(line.get_xdata()) == 1001]
    assert [len(line.get_xdata()) for line in picture.axes[2].get_lines()].count(2001) == len(solid) == 3
