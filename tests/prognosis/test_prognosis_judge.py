"""Rules before training: none raises, what is certain does not depend on a run, suspects need one that fails."""

from dataclasses import replace

import pytest

from trainability.doctor import rules
from trainability.doctor.readings import LossReading, OptimizerReading, Readings, RunReading, Snapshot, SplitReading
from trainability.prognosis.first_step import FirstStep
from trainability.prognosis.judge import certain, suspected, unseen
from trainability.prognosis.measure import UNTRAINED

GOOD = FirstStep(ray=((1.0, 2.2), (10.0, 1.5)))
WILD = FirstStep(after=1e6, ray=((0.1, 2.0), (1.0, 1e6)))


@pytest.mark.parametrize("cause", rules.ALL)
def test_every_rule_survives_without_runs(cause):
    lost = RunReading("diverged", start_loss=float("inf"), constant_loss=float("nan"))
    rule = rules.ALL[cause]
    for readings, run in [(r, UNTRAINED) for r in (*rule.sick, *rule.healthy)] + [(rule.sick[0], lost)]:
        before = replace(readings, runs=(run,), cut=True, early=None, end=None, motion=None)
        sure = certain(before)
        found = suspected(before, WILD if run is lost else GOOD)
        assert not {f.cause for f in found} & {f.cause for f in sure}
        assert all(f.severity == "warning" for f in found)
        assert all(f.says and f.where is not None for f in sure)


def test_healthy_readings_are_certain_of_nothing():
    assert certain(Readings(runs=(UNTRAINED,), cut=True)) == ()


@pytest.mark.parametrize("outcome", ["trained", "stalled", "diverged", "learning"])
def test_what_is_certain_does_not_depend_on_the_run_it_is_asked_with(outcome):
    sick = Readings(optimizer=OptimizerReading(lrs=(0.0,)), runs=(replace(UNTRAINED, outcome=outcome),))
    assert [f.cause for f in certain(sick)] == ["lr-zero"]


def test_a_symptom_is_suspected_and_never_certain():
    vanishing = next(r for r in rules.ALL["vanishing-gradient"].sick)
    before = replace(vanishing, runs=(UNTRAINED,), cut=True)
    assert "vanishing-gradient" not in {f.cause for f in certain(before)}
    assert "vanishing-gradient" in {f.cause for f in suspected(before, GOOD)}


def test_a_step_that_overshoots_is_suspected_of_its_learning_rate():
    fast = Readings(runs=(UNTRAINED,), cut=True, optimizer=OptimizerReading(lrs=(5.0,)))
    assert suspected(fast, WILD)[0].cause == "lr-too-high"
    assert suspected(fast, GOOD) == ()


def test_numbers_of_runs_that_were_not_made_are_left_out():
    wild = suspected(Readings(runs=(UNTRAINED,), optimizer=OptimizerReading(lrs=(5.0,))), WILD)[0]
    assert "share of runs that diverged" not in wild.evidence
    assert "largest loss early on" not in wild.evidence
    assert wild.evidence["lr"] == 5.0
    assert "diverged" not in wild.says.split(".")[0]
    broadcast = Readings(
        task="regression",
        loss=LossReading(family="mse", broadcasts=True, output_shape=(1,)),
        runs=(UNTRAINED,),
        start=Snapshot(),
    )
    (found,) = certain(broadcast)
    assert found.cause == "broadcast-loss"
    assert "score at the end" not in found.evidence


def test_a_run_that_trains_owes_nothing_to_the_validation_of_its_first_steps():
    begun = RunReading("learning", score=0.2, validation_loss=2.6, validation_constant_loss=2.3)
    deep = next(r for r in rules.ALL["rank-collapse"].sick)
    before = replace(deep, runs=(begun,), cut=True)
    assert "rank-collapse" not in {f.cause for f in certain(before)}
    assert "rank-collapse" in {f.cause for f in suspected(before, GOOD)}


def test_what_only_validation_would_show_is_told_apart():
    other = next(r for r in rules.ALL["train-and-validation-differ"].sick if r.split is not None)
    (found,) = unseen(replace(other, runs=(UNTRAINED,), cut=True))
    assert (found.cause, found.severity) == ("train-and-validation-differ", "warning")
    assert "validation loss" not in found.evidence, "no run was made"
    assert unseen(replace(other, runs=(UNTRAINED,), split=None)) == ()
    assert unseen(Readings(runs=(UNTRAINED,), split=SplitReading())) == ()


def test_a_page_ends_with_what_to_try():
    fast = suspected(Readings(runs=(UNTRAINED,), optimizer=OptimizerReading(lrs=(5.0,))), WILD)[0]
    assert fast.says.startswith("Learning rate above the stability limit. ")
    assert fast.says.endswith("Try a learning rate below the limit, scaled data, or a warm-up.")


def test_the_end_of_a_run_that_was_never_made_is_not_told():
    dead = next(r for r in rules.ALL["dying-relu"].sick)
    for found in suspected(replace(dead, runs=(UNTRAINED,), cut=True), WILD):
        assert "infinity" not in found.says
        assert float("inf") not in found.evidence.values()
