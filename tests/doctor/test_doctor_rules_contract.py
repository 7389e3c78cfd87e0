"""Every rule fires on its sick examples, is silent on its healthy ones, and never raises."""

import dataclasses
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainability.doctor import rules
from trainability.doctor.readings import (
    AlignmentReading,
    AnswersReading,
    AveragesReading,
    BadGradientReading,
    BiasReading,
    CapacityReading,
    CurvatureReading,
    CutReading,
    DataReading,
    GraphReading,
    HeldOutReading,
    LabelReading,
    LayerReading,
    LearnerReading,
    LoopReading,
    LossReading,
    MixingReading,
    MotionReading,
    NoiseReading,
    OptimizerReading,
    OutputReading,
    PullReading,
    Readings,
    ResponseReading,
    RunReading,
    ScheduleReading,
    SightReading,
    Snapshot,
    SplitReading,
    UnregisteredReading,
    ValuesReading,
    WeightReading,
    WiringReading,
)
from trainability.doctor.rules._rule import fmt

EACH = list(rules.ALL.values())
IDS = list(rules.ALL)


@pytest.mark.parametrize("rule", EACH, ids=IDS)
def test_sick_and_healthy(rule):
    assert rule.sick
    assert rule.healthy
    for readings in rule.sick:
        finding = rule.judge(readings)
        assert finding is not None
        assert finding.cause == rule.cause
        assert finding.evidence
        assert finding.where
    for readings in rule.healthy:
        assert rule.judge(readings) is None


@pytest.mark.parametrize("rule", EACH, ids=IDS)
def test_a_rule_is_a_page(rule):
    for text in (rule.title, rule.why, rule.not_meant, rule.source):
        assert text
        assert text.strip() == text
    says = rule.judge(rule.sick[0]).says
    assert says.endswith(".")
    assert "nan" not in says.split()
    assert "None" not in says.split() or rule.cause in ("parameters-not-in-optimizer", "no-trainable-parameters")
    assert any(c.isdigit() for c in says), "a finding says the count it rests on"


def test_a_healthy_setup_raises_no_alarm():
    assert rules.judge(Readings()) == ()


def test_findings_come_strongest_first():
    sick = Readings(
        data=DataReading(input_rms=50.0, feature_rms_high=60.0),
        loss=LossReading(broadcasts=True),
        runs=(RunReading("stalled", score=0.1),),
    )
    assert [f.cause for f in rules.judge(sick)] == ["broadcast-loss", "unscaled-inputs"]
    defects = replace(sick, data=DataReading(nonfinite_inputs=3), optimizer=OptimizerReading(lrs=(0.0,)))
    assert {f.cause for f in rules.judge(defects)} == {"non-finite-data", "lr-zero"}


NUMBER = st.sampled_from([0.0, -1.0, 1e-300, 0.5, 1.0, 100.0, 1e30, math.nan, math.inf, -math.inf])


SHARE = st.sampled_from([0.0, 1e-9, 0.5, 0.99, 1.0, math.nan])
POSITIVE = st.sampled_from([0.0, 1e-300, 1.0, 1e30, math.nan, math.inf])
SHARES = {"dead", "always_on", "saturated", "share_across_inputs", "same_class", "max_probability", "identical_rows"}


def records(record, **fixed):
    """Records of a kind with every float field drawn from the awkward numbers."""
    fields = {
        f.name: SHARE if f.name in SHARES else POSITIVE if f.name == "mean_square" else NUMBER
        for f in dataclasses.fields(record)
        if f.type == "float"
    }
    return st.builds(record, **{**fields, **fixed})


LAYERS = st.lists(
    records(
        LayerReading,
        name=st.just("1"),
        kind=st.sampled_from(["linear", "relu", "tanh", "softmax"]),
        role=st.sampled_from(["weight", "activation", "norm"]),
        units=st.integers(0, 9),
    ),
    max_size=6,
).map(tuple)
WEIGHTS = st.lists(
    records(WeightReading, name=st.just("w"), shape=st.sampled_from([(3,), (3, 3), (1, 0)])), max_size=4
).map(tuple)
OUTPUTS = records(
    OutputReading,
    activation=st.sampled_from(["", "softmax", "sigmoid", "relu", "log_softmax"]),
    columns=st.sampled_from([1, 2, 10]),
    form=st.sampled_from(["values", "probabilities", "independent-probabilities"]),
)
SNAPSHOTS = records(Snapshot, layers=LAYERS, weights=WEIGHTS, output=OUTPUTS, step=st.integers(0, 9))
READINGS = st.builds(
    Readings,
    task=st.sampled_from(["regression", "binary", "multi-class", "multi-label"]),
    data=records(DataReading, nonfinite_inputs=st.sampled_from([0, 2])),
    loss=records(
        LossReading,
        family=st.sampled_from(["mse", "cross-entropy", "bce-with-logits", "nll-of-probabilities"]),
        broadcasts=st.booleans(),
        sums=st.booleans(),
    ),
    optimizer=st.builds(OptimizerReading, lrs=st.sampled_from([(), (0.0,), (1e-3,), (5.0, 0.0)])),
    start=SNAPSHOTS,
    early=st.none() | SNAPSHOTS,
    end=st.none() | SNAPSHOTS,
    healthy=st.none() | SNAPSHOTS,
    curvature=st.none() | records(CurvatureReading),
    labels=records(
        LabelReading,
        learners=st.lists(records(LearnerReading, name=st.just("linear")), max_size=3).map(tuple),
        shift=st.sampled_from([0, 2, -1]),
        distinct=st.integers(0, 3),
    ),
    sight=records(SightReading, places=st.integers(0, 3), steps=st.integers(0, 5)),
    biases=records(
        BiasReading, layers=st.integers(0, 2), biases=st.integers(0, 1), symmetry=st.sampled_from(["", "ray", "odd"])
    ),
    values=records(ValuesReading, distinct=st.integers(0, 3)),
    capacity=records(CapacityReading, units=st.integers(0, 4), dropout=st.sampled_from(["", "1"])),
    split=st.none() | records(SplitReading),
    averages=st.none() | records(AveragesReading),
    schedule=st.none() | records(ScheduleReading, steps=st.integers(0, 9), tenfold_step=st.integers(0, 9)),
    held_out=st.none() | records(HeldOutReading, relabelling=st.sampled_from([(), ((0, 1),)]), n=st.integers(0, 9)),
    noise=st.none() | records(NoiseReading, classes=st.integers(0, 3)),
    graph=st.builds(
        GraphReading,
        unregistered=st.builds(UnregisteredReading, numbers=st.integers(0, 9), registered=st.integers(0, 9)),
        bad_gradient=records(BadGradientReading, tensors=st.integers(0, 2), step=st.integers(0, 2)),
        cut=records(CutReading, tensors=st.sampled_from([(), ("w",)])),
        mixing=records(MixingReading, swapped=st.sampled_from([(), ("lstm",)])),
        alignment=records(AlignmentReading, places=st.integers(0, 8), misplaced=st.integers(0, 8)),
        wiring=records(WiringReading, softmaxes=st.sampled_from([(), ("1",)]), dropout=st.sampled_from(["", "1"])),
    ),
    answers=st.none() | records(AnswersReading, forms=st.integers(0, 2), soft=st.booleans(), linear=st.booleans()),
    pull=st.none() | records(PullReading),
    end_pull=st.none() | records(PullReading),
    response=records(ResponseReading, weight_layers=st.integers(0, 3), hidden_activations=st.integers(0, 2)),
    motion=st.none() | records(MotionReading),
    loop=st.none()
    | records(
        LoopReading,
        steps=st.integers(0, 8),
        backwards=st.integers(0, 8),
        given=st.integers(0, 8),
        used=st.integers(0, 8),
        reaching=st.integers(0, 8),
        rootless=st.integers(0, 2),
        elsewhere=st.booleans(),
        mode_matters=st.booleans(),
        order=st.sampled_from([(), ("forward", "step")]),
        replaced=st.sampled_from([(), ("w",)]),
        silent=st.sampled_from([(), ("w",)]),
    ),
    runs=st.lists(
        records(RunReading, outcome=st.sampled_from(["diverged", "stalled", "learning", "trained"])),
        min_size=1,
        max_size=3,
    ).map(tuple),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(READINGS)
def test_no_reading_makes_a_rule_raise(readings):
    for finding in rules.judge(readings):
        assert finding.says
        assert not math.isnan(finding.weight)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e-300, -2.5e7, 99999.9, 1e5, 3.0])
def test_numbers_are_written(value):
    assert fmt(value)


def test_findings_do_not_change_with_the_order_of_runs():
    runs = (RunReading("trained"), RunReading("stalled", score=0.1), RunReading("diverged", score=math.nan))
    one, two = (Readings(runs=r).failed for r in (runs, runs[::-1]))
    assert one == two == pytest.approx(2 / 3)
    assert replace(Readings(), runs=()).failed == 0


def test_a_run_that_was_cut_while_it_learned_has_not_failed():
    learning = (RunReading("learning", end_loss=2.0, score=0.3),)
    assert Readings(runs=learning).fails
    assert not Readings(runs=learning, cut=True).fails
    assert Readings(runs=(RunReading("stalled", score=0.1),), cut=True).fails
