"""Outcomes by the stated rules, members that leave early without changing them, measures, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from trainability.errors import UnknownNameError
from trainability.lab.ensemble import MLP, OUTCOMES, Data, Online, Retire, train_ensemble
from trainability.lab.ensemble._chunk import _cut_lost
from trainability.lab.ensemble.retire import CONVERGED, DIVERGED, LOST, STILL, divergence_bound
from trainability.measures.outcome import default_target, end_loss, outcome
from trainability.optimizers import SGD, Adam

GENERATOR = torch.Generator().manual_seed(5)
X = torch.randn(48, 3, generator=GENERATOR)
Y = torch.relu(X @ torch.tensor([1.0, -1.0, 0.5]))
MANY = 120
LRS = 10 ** torch.linspace(-4, 1.3, MANY, dtype=torch.float64)
SCALES = torch.tensor([0.3, 1.0, 3.0, -1.0] * (MANY // 4), dtype=torch.float64)


def ensemble(**more):
    network = MLP((3, 4, 1), scale=SCALES, bias=False)
    given = {"loss": "mse", "steps": 600, "seeds": MANY, "curve": 600, "workers": 1, **more}
    return train_ensemble(network, SGD(lr=LRS), given.pop("data", (X, Y)), **given)


@pytest.fixture(scope="module")
def whole():
    return ensemble()


def test_every_outcome_is_the_rules(whole):
    assert set(whole.outcomes) == set(OUTCOMES)
    for e in range(MANY):
        losses = whole.curve[e].tolist()
        assert whole.outcomes[e] == outcome(losses, whole.start_loss[e], whole.constant_loss[e], whole.target[e])
        assert whole.target[e] == default_target(whole.start_loss[e], whole.constant_loss[e])
        np.testing.assert_equal(whole.end_loss[e], end_loss(losses))
        hits = np.flatnonzero(whole.curve[e] <= whole.target[e])
        assert whole.steps_to_target[e] == (hits[0] if len(hits) else -1)
    assert whole.constant_loss == pytest.approx(float(Y.var(correction=0)), rel=1e-6)
    assert (whole.start_loss == whole.curve[:, 0]).all()
    assert whole.share("trained") == np.mean([word == "trained" for word in whole.outcomes])


@pytest.mark.parametrize("window", [20, 50, 100])
def test_leaving_early_changes_no_outcome(whole, window):
    run = ensemble(retire=Retire(window=window))
    assert run.outcomes == whole.outcomes
    assert {CONVERGED, STILL, DIVERGED} & set(run.retired.tolist())
    stayed = run.retired == 0
    np.testing.assert_array_equal(run.curve[stayed], whole.curve[stayed])
    np.testing.assert_array_equal(run.score[stayed], whole.score[stayed])
    for e in np.flatnonzero(~stayed):
        assert run.steps_run[e] < 600
        np.testing.assert_array_equal(run.curve[e, : run.steps_run[e]], whole.curve[e, : run.steps_run[e]])
    still = run.retired == STILL
    np.testing.assert_array_equal(run.curve[still], whole.curve[still])
    assert (run.steps_run[still] < 600).all()


def test_leaving_early_in_mini_batches_changes_no_outcome():
    data = Data(X, Y, batch_size=16)
    plain, left = ensemble(data=data), ensemble(data=data, retire=Retire())
    assert plain.outcomes == left.outcomes
    assert not (left.retired == STILL).any()  # a batch that moves nothing says nothing about the next
    assert (left.steps_run < 600).any()


def test_lost_members_leave_without_being_asked(whole):
    lost = whole.retired == LOST
    assert lost.any()
    assert (whole.steps_run[lost] < 600).all()
    assert all(whole.outcomes[e] == "diverged" for e in np.flatnonzero(lost))
    assert np.isnan(whole.score[lost]).all()


def test_nothing_counts_after_twenty_losses_that_are_not_finite():
    losses = np.ones((60, 2))
    losses[10:30, 0] = losses[10:29, 1] = np.inf
    _cut_lost(losses)
    assert np.isnan(losses[30:, 0]).all()
    assert np.isinf(losses[10:30, 0]).all()
    assert (losses[29:, 1] == 1).all()


@pytest.mark.parametrize(("start", "constant"), [(2.0, 3.0), (2.0, np.nan), (np.nan, 3.0), (-2.0, -3.0), (2.0, 0.0)])
def test_the_bound_is_where_the_outcome_turns(start, constant):
    bound = float(divergence_bound(np.array([start]), np.array([constant]))[0])
    assert outcome([bound * (1 + 1e-9)], start, constant, -1e9) == "diverged"
    assert outcome([bound * (1 - 1e-9)], start, constant, -1e9) != "diverged"


def test_rules_of_leaving():
    rules, falling = Retire(window=20), np.linspace(30, 20, 20)
    columns = np.stack([np.full(20, 30.0), falling, np.full(20, 0.1), np.full(20, 0.5), falling / 300], 1)
    bound, target, unmoved = np.full(5, 10.0), np.full(5, 0.2), np.array([False, False, False, True, False])
    reason, level = rules.judge(columns, bound, target, unmoved)
    assert reason.tolist() == [DIVERGED, 0, CONVERGED, STILL, 0]
    assert level[[0, 2, 3]].tolist() == [30.0, pytest.approx(0.1), 0.5]
    off = Retire(diverged=False, converged=False, still=False, window=20)
    assert not off.judge(columns, bound, target, unmoved)[0].any()


def test_measures_see_the_members_in_training():
    seen = []

    def norm(snapshot):
        seen.append((snapshot.step, len(snapshot.members)))
        assert snapshot.outputs(X).shape == (len(snapshot.members), len(X), 1)
        return torch.stack([snapshot.params["0.weight"].norm(dim=(1, 2)), torch.as_tensor(snapshot.members)], 1)

    run = ensemble(measures={"norm": norm}, measured_at=[600, 0, 300], keep_params=True, chunk=50)
    assert run.measured["norm"].shape == (MANY, 3, 2)
    np.testing.assert_array_equal(run.measured_at, [0, 300, 600])
    np.testing.assert_array_equal(run.measured["norm"][:, 0, 1], np.arange(MANY))
    end = np.linalg.norm(run.params["0.weight"], axis=(1, 2))
    stayed = run.steps_run == 600
    np.testing.assert_allclose(run.measured["norm"][stayed, 2, 0], end[stayed], rtol=1e-6)
    assert np.isnan(run.measured["norm"][~stayed, 2]).all()
    assert seen[0] == (0, 50)
    with pytest.raises(ValueError, match="measure 'one'"):
        ensemble(measures={"one": lambda s: torch.ones(1)}, measured_at=[0], steps=2)


def test_a_stated_target_may_differ_by_member():
    targets = np.linspace(0.01, 2.0, MANY)
    run = ensemble(target=targets.tolist(), steps=50, chunk=7)
    np.testing.assert_array_equal(run.target, targets)


def refused(match, kind=ValueError, network=None, rule=None, data=None, **more):
    given = {"loss": "mse", "steps": 2, "seeds": 3, "workers": 1, **more}
    with pytest.raises(kind, match=match):
        train_ensemble(network or MLP((3, 4, 1)), rule or SGD(), (X, Y) if data is None else data, **given)


def test_bad_arguments_say_what_was_needed():
    refused("rule, lr: given 2 values for 3 members", rule=SGD(lr=torch.ones(2)))
    refused("rule, betas: given 4 values", rule=Adam(betas=(0.9, torch.full((4,), 0.99))))
    refused("network, scale: given 2 values", network=MLP((3, 1), scale=torch.ones(2)))
    refused("network, gain: given 2 values", network=MLP((3, 1), options={"gain": torch.ones(2)}))
    refused("network: given a Linear", network=nn.Linear(3, 1))
    refused("Did you mean 'mse'", UnknownNameError, loss="msee")
    refused("steps: given 0", steps=0)
    refused("seeds: given 0 seeds", seeds=[])
    refused("chunk: given 0", chunk=0)
    refused("task: given 'class'", task="class")
    refused("target: given", target=[0.1, 0.2])
    refused("measured_at: given", measured_at=[3])
    refused("curve: given steps", curve=[5])
    refused("3 inputs, needed shape", data=(X[:, :2], Y))
    refused(
        "labels from 0 to 4 for 2 outputs", network=MLP((3, 2)), data=(X, torch.arange(48) % 5), loss="cross_entropy"
    )
    refused("do not sum to 1", network=MLP((3, 2)), data=(X, torch.ones(48, 2)), loss="softmax_mse")
    refused("needed one number per output", network=MLP((3, 2)))
    refused(
        "given data for 2 members and 3 seeds",
        data=Data(X[:32].reshape(2, 16, 3), Y[:32].reshape(2, 16), per_member=True),
    )
    refused("given a Tensor, needed Data, Online or a pair", data=X)
    refused("seed to a torch module", network=lambda seed: 3)
    with pytest.raises(UnknownNameError, match="Did you mean 'relu'"):
        MLP((3, 1), "rellu")
    with pytest.raises(UnknownNameError, match="initializer"):
        MLP((3, 1), init="henormal_")
    with pytest.raises(ValueError, match="at least two whole numbers"):
        MLP((3,))
    with pytest.raises(ValueError, match="scale: given nan"):
        MLP((3, 1), scale=float("nan"))
    with pytest.raises(ValueError, match="window: given 5"):
        Retire(window=5)


def test_bad_data_say_what_was_needed():
    for size in (0, 49, 2.5):
        with pytest.raises(
            ValueError, match=r"batch_size: given .* for 48 samples, needed a whole number from 1 to 48"
        ):
            Data(X, Y, batch_size=size)
    holed = X.clone()
    holed[3, 1] = float("nan")
    with pytest.raises(ValueError, match="1 numbers in X that are not finite"):
        Data(holed, Y)
    with pytest.raises(ValueError, match="of the same lengths"):
        Data(X, Y[:5])
    with pytest.raises(ValueError, match="needed 'own' or 'shared'"):
        Data(X, Y, order="mine")
    with pytest.raises(ValueError, match="at least one sample"):
        Data(X[:0], Y[:0])


def test_fresh_samples_are_judged_on_a_fixed_stream():
    draw = lambda g: (lambda x: (x, x.sum(1)))(torch.randn(16, 3, generator=g))  # noqa: E731
    run = train_ensemble(MLP((3, 8, 1)), SGD(lr=0.05), Online(draw), loss="mse", steps=200, seeds=3, workers=1)
    assert run.outcomes == ["trained"] * 3
    assert len(set(run.constant_loss.tolist())) == 1
    assert (run.score > 0.9).all()
