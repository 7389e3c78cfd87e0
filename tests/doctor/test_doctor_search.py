"""The search for remedies on a bench whose runs follow a rule that is known: which changes are needed, in which number."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainability.doctor import remedies, search
from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, RunReading
from trainability.doctor.remedies import Change
from trainability.doctor.search import Search
from trainability.setup import Run

NAMES = "abcdef"


def run(good, promise, seed=0, seconds=1.0):
    """A run that trained, or that ended at `promise` times what a constant answer costs."""
    end = 0.1 if good else promise
    return Run(
        outcome="trained" if good else "stalled", losses=np.full(10, end), start_loss=1.0, constant_loss=1.0, target=0.5,
        score=1.0 if good else 0.0, constant_score=0.0, validation_loss=np.nan, validation_constant_loss=np.nan,
        validation_score=np.nan, seed=seed, steps=10, seconds=seconds, gradient_norms=np.zeros((0, 2)),
    )  # fmt: skip


def change(name, size=1.0):
    return Change(name, name, name.upper(), f"{name}()", size, (name,), (name,), lambda setup, generator: setup)


class Bench:
    """Trains exactly when all of `needed` are among a change's parts; the more of them, the lower the loss."""

    seeds, time_left = (1, 2, 3, 4, 5), True

    def __init__(self, needed, unlucky=()):
        self.needed, self.unlucky = set(needed), set(unlucky)
        self.proofs = []

    def _parts(self, one):
        return {p.name for p in one.parts} or {one.name}

    def _run(self, one, seed, screening=False):
        parts = self._parts(one)
        good = self.needed <= parts and not (screening and one.name in self.unlucky)
        return run(good, 1.0 - 0.1 * len(self.needed & parts), seed)

    def screen(self, changes):
        return [(c, self._run(c, 1000, screening=True), "") for c in changes]

    def prove(self, changes):
        self.proofs += [c.name for c in changes]
        return [(c, [self._run(c, s) for s in self.seeds]) for c in changes]


@pytest.fixture
def menu(monkeypatch):
    """Every finding is answered by the change of its own name, and by no other."""

    def propose(findings, readings):
        return [change(f.cause) for f in findings if f.cause in NAMES]

    monkeypatch.setattr(remedies, "propose", propose)
    return [Finding(n, n, {"n": 1.0}, "1.") for n in NAMES]


def searched(bench, findings):
    baseline = [run(False, 1.0, s) for s in bench.seeds]
    readings = Readings(runs=(RunReading("stalled", score=0.1),))
    return Search(bench, baseline).run(findings, readings)


@pytest.mark.parametrize("needed", [c for k in (1, 2, 3) for c in combinations(NAMES[:4], k)])
def test_exactly_what_is_needed_is_found(menu, needed):
    found, _ = searched(Bench(needed), menu)
    assert found, "nothing was proved"
    assert {p.name for p in found[0].change.parts} or {found[0].change.name} == set(needed)
    best = min(len(r.change.parts) or 1 for r in found)
    assert best == len(needed)


def test_a_part_that_is_not_needed_is_left_out(menu):
    """The single change fails on the one screening seed by bad luck; the pair works; the ablation brings the single back."""
    bench = Bench("a")
    baseline = [run(False, 1.0, s) for s in bench.seeds]
    one = Search(bench, baseline)
    a, b = change("a"), change("b")
    pair = remedies.together(a, b)
    one._try([pair])
    assert [r.change.name for r in one.proved] == ["a+b"]
    one._ablate()
    assert [r.change.name for r in one.proved] == ["a"]
    assert one.proved[0].verification.holds


def test_what_is_known_to_fail_is_not_proved_again(menu):
    bench = Bench("ab")
    found, _ = searched(bench, menu)
    assert [r.change.name for r in found[:1]] == ["a+b"]
    assert "a" not in bench.proofs
    assert "b" not in bench.proofs


def test_three_become_two(menu):
    bench = Bench("ac")
    one = Search(bench, [run(False, 1.0, s) for s in bench.seeds])
    a, b, c = (change(n) for n in "abc")
    one._try([remedies.together(remedies.together(a, b), c)])
    one._ablate()
    assert [{p.name for p in r.change.parts} for r in one.proved] == [{"a", "c"}]


def test_nothing_helps(menu):
    found, attempts = searched(Bench("z"), menu)
    assert found == ()
    assert {a.name for a in attempts} >= set(NAMES)


def test_no_time_for_more_than_singles(menu):
    bench = Bench("ab")
    bench.time_left = False
    assert searched(bench, menu)[0] == ()


def test_the_cost_is_the_time_of_a_run_over_that_of_an_unchanged_one():
    bench = Bench("a")
    one = Search(bench, [run(False, 1.0, s, seconds=2.0) for s in bench.seeds])
    assert one._remedy(change("a"), None, [run(True, 0.0, s, seconds=5.0) for s in bench.seeds]).cost == 2.5


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_no_remedy_can_do_without_a_part(needed):
    """Whatever is needed: each proved remedy works, and with any part left out it would not."""
    bench = Bench(needed)
    one = Search(bench, [run(False, 1.0, s) for s in bench.seeds])
    every = [change(n) for n in NAMES]
    one._try(every)
    one._try([remedies.together(a, b) for a, b in combinations(every, 2)])
    if not one.proved:
        one._try(one._triples())
    one._ablate()
    for remedy in one.proved:
        parts = {p.name for p in remedy.change.parts} or {remedy.change.name}
        assert parts == needed


def test_pairs_and_triples_do_not_touch_one_thing_twice(menu):
    bench = Bench("z")
    one = Search(bench, [run(False, 1.0, s) for s in bench.seeds])
    alike = [Change(n, n, n, n, 1.0, (n,), ("optimizer",), lambda s, g: s) for n in "abc"]
    one._try([*alike, change("d"), change("e")])
    one._try(one._pairs(menu))
    for made in (*one._pairs(menu), *one._triples()):
        assert len(set(made.touches)) == len(made.touches)
    assert search.TRIPLES > 0
