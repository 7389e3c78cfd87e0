"""Every alarm fires on its sick examples, is silent on its healthy ones, and never raises."""

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainability.doctor.readings import CurvatureReading, LayerReading
from trainability.watch import alarms
from trainability.watch.state import Dead, Order, Sample, State, Weight

EACH, IDS = list(alarms.ALL.values()), list(alarms.ALL)


@pytest.mark.parametrize("alarm", EACH, ids=IDS)
def test_sick_and_healthy(alarm):
    assert alarm.sick
    assert alarm.healthy
    for state in alarm.sick:
        finding = alarm.judge(state)
        assert finding is not None
        assert finding.cause == alarm.cause
        assert finding.evidence
        assert finding.where
        assert finding.says.endswith(".")
        assert any(c.isdigit() for c in finding.says), "a finding says the count it rests on"
        assert "not mean" in finding.says or "not say" in finding.says
    for state in alarm.healthy:
        assert alarm.judge(state) is None


def test_a_healthy_run_raises_no_alarm():
    assert alarms.judge(State()) == ()
    assert alarms.judge(State(outcome="trained", recent_loss=0.01, trend=0.0)) == ()
    assert alarms.judge(State(step=3, outcome=None)) == ()


def test_every_file_is_listed():
    home = Path(alarms.__file__).parent
    members = {p.stem for p in home.glob("*.py") if not p.stem.startswith("_")}
    listed = {a.judge.__module__.rpartition(".")[2] for a in EACH}
    assert members == listed


NUMBER = st.sampled_from([0.0, -1.0, 1e-300, 0.5, 1.0, 100.0, 1e30, math.nan, math.inf, -math.inf])
LAYER = st.builds(
    LayerReading, st.just("1"), st.just("tanh"), st.sampled_from(["weight", "activation"]), saturated=NUMBER
)
SAMPLE = st.builds(
    Sample,
    lr=NUMBER,
    loss=NUMBER,
    gradient_norm=NUMBER,
    layers=st.lists(LAYER, max_size=5).map(tuple),
    weights=st.lists(st.builds(Weight, st.just("w"), st.booleans(), NUMBER, NUMBER, NUMBER), max_size=2).map(tuple),
)
STATE = st.builds(
    State,
    step=st.sampled_from([0, 1, 50, 400]),
    outcome=st.sampled_from([None, "diverged", "stalled", "learning", "trained"]),
    start_loss=NUMBER,
    recent_loss=NUMBER,
    peak_loss=NUMBER,
    trend=NUMBER,
    nonfinite=st.sampled_from([0, 1, 5]),
    nonfinite_weights=st.sampled_from([(), ("w",)]),
    first=SAMPLE,
    last=SAMPLE,
    ratios=st.lists(NUMBER, max_size=5).map(tuple),
    dead=st.lists(st.builds(Dead, st.just("1"), st.just(4), NUMBER, NUMBER, st.sampled_from([0, 512])), max_size=2).map(
        tuple
    ),
    order=st.builds(Order, *[st.sampled_from([0, 1, 5, 200])] * len(fields(Order))),
    trainable=st.sampled_from([0, 1, 8]),
    missing=st.sampled_from([(), ("w",)]),
    zero_lr=st.sampled_from([0, 400]),
    curvature=st.none() | st.builds(CurvatureReading, sharpness=NUMBER, stable_lr=NUMBER, batch_stable_lr=NUMBER),
)


@settings(max_examples=150, deadline=None)
@given(STATE)
def test_no_alarm_ever_raises(state):
    # Shares and lrs that cannot be are left to the formatting; what matters is that nothing raises.
    dead = tuple(replace(d, share=0.5) if not 0 <= d.share <= 1 else d for d in state.dead)
    for finding in alarms.judge(replace(state, dead=dead)):
        assert finding.says
