"""The whole: the demo's truth, no alarm on a healthy setup, defects as findings, nothing left behind."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import trainability as tr
from trainability.doctor.finding import Finding
from trainability.doctor.verdict import verdict
from trainability.doctor.verification import Share, verification
from trainability.problems import get

X = torch.randn(90, 4, generator=torch.Generator().manual_seed(0))
Y = X @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]])


def regression(**change):
    model = change.pop("model", None) or nn.Linear(4, 1)
    fields = {
        "model": model,
        "loss_fn": nn.MSELoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "data": (X, Y),
        "batch_size": 30,
        "epochs": 30,
    }
    return tr.Setup(**{**fields, **{k: v(model) if k == "optimizer" else v for k, v in change.items()}})


@pytest.fixture(scope="module")
def demo():
    return tr.diagnose(get("digits-saturated"), steps=4200, max_seconds=None)


def test_the_demo_names_the_saturated_softmax_first_with_its_evidence(demo):
    assert demo.verdict == "will-not-train"
    first, second = demo.findings[:2]
    assert (first.cause, second.cause) == ("saturated-softmax", "initial-scale-too-large")
    assert first.evidence["median top-2 logit gap"] > 100
    assert first.evidence["share of inputs given the same class"] > 0.99
    assert first.evidence["gradient norm over all weights"] < 1e-10
    assert first.evidence["largest share of dead units in a layer"] < 0.5
    assert "U[-1, 1]" in second.says
    # What the popular explanations say is not among the findings.
    assert not {f.cause for f in demo.findings} & {"lr-too-high", "dying-relu", "exploding-gradient"}


def test_the_demo_freezes_where_the_published_table_says(demo):
    # Measured table: 0.18 per output, ten outputs; chance is 2 * 0.9 / 10.
    for run in demo.runs:
        assert run.outcome == "stalled"
        assert run.end_loss / 10 == pytest.approx(0.18, abs=0.006)
        assert run.score < 0.2


def test_the_demos_remedies_agree_with_the_table(demo):
    first, *others = demo.remedies
    assert first.change.name == "initialize-he-normal"
    assert str(first.verification.changed) == "5 of 5 (95% interval 57% to 100%)"
    assert first.verification.unchanged.successes == 0
    assert any(r.change.name.startswith("cross-entropy-lr") for r in others)
    assert [r.change.size for r in demo.remedies] == sorted(r.change.size for r in demo.remedies)
    tried = {a.name: a for a in demo.attempts}
    assert tried["lr-0.001"].outcomes == tried["lr-0.0001"].outcomes == ("stalled",)
    assert tried["cross-entropy"].outcomes == ("diverged",)


def test_verification_is_paired_on_fresh_seeds(demo):
    proof = demo.remedies[0].verification
    assert [p.seed for p in proof.pairs] == list(demo.seeds)
    assert len(set(demo.seeds)) == 5
    assert proof.steps == demo.steps == 4200
    assert [r.seed for r in demo.runs] == [None, *demo.seeds]


def test_a_remedy_applied_by_hand_does_what_its_verification_says(demo):
    setup = get("digits-saturated")()
    fixed = demo.remedies[0].apply(get("digits-saturated"))
    run = fixed.train(seed=demo.seeds[0], steps=4200)
    assert run.losses.tolist() == demo.remedies[0].runs[0].losses.tolist()
    X_, y_ = setup.validation
    assert fixed.score(X_, y_) > 0.8 > setup.score(X_, y_)


def test_a_healthy_setup_trains_without_an_alarm():
    d = tr.diagnose(get("digits-mlp"))
    assert (d.verdict, d.findings, d.remedies, d.attempts) == ("trains", (), (), ())
    assert d.steps == d.budget == 880
    assert all(r.trained and r.validation_score > 0.9 for r in d.runs)


def frozen_model():
    return nn.Linear(4, 1).requires_grad_(False)


@pytest.mark.parametrize(
    ("cause", "change", "cured"),
    [
        ("lr-zero", {"optimizer": lambda m: torch.optim.SGD(m.parameters(), lr=0.0)}, True),
        (
            "parameters-not-in-optimizer",
            {"optimizer": lambda m: torch.optim.SGD(nn.Linear(4, 1).parameters(), lr=0.1)},
            True,
        ),
        ("detached-loss", {"loss_fn": lambda o, t: (o.detach() - t).square().mean()}, False),
        ("non-finite-data", {"data": (torch.where(torch.arange(90)[:, None] == 7, torch.nan, X), Y)}, True),
        ("non-finite-data", {"data": (X, torch.where(torch.arange(90)[:, None] == 7, torch.inf, Y))}, True),
        ("non-finite-data", {"data": (torch.cat([X[:, :3], torch.full((90, 1), -torch.inf)], 1), Y)}, False),
        ("no-trainable-parameters", {"model": frozen_model()}, True),
        ("sign-flipped-loss", {"loss_fn": lambda o, t: -(o - t).square().mean()}, True),
        ("broadcast-loss", {"data": (X, Y.flatten())}, True),
        ("lr-too-high", {"optimizer": lambda m: torch.optim.SGD(m.parameters(), lr=30.0)}, True),
        ("lr-too-low", {"optimizer": lambda m: torch.optim.SGD(m.parameters(), lr=1e-6)}, True),
        ("unscaled-inputs", {"data": (X * torch.tensor([1.0, 1000.0, 1.0, 1.0]) + 50, Y)}, True),
    ],
)
def test_a_defect_is_a_finding_and_its_remedy_is_proved(cause, change, cured):
    d = tr.diagnose(lambda: regression(**change), seeds=5)
    assert d.verdict == "will-not-train"
    assert cause in [f.cause for f in d.findings][:2]
    assert bool(d.remedies) == cured
    if cured:
        assert d.remedies[0].verification.changed.successes >= 4


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=30, shuffle=True),
        DataLoader([(x, y) for x, y in zip(X, Y, strict=True)], batch_size=30, shuffle=True),
    ],
    ids=["dataset", "loader", "loader-of-a-list"],
)
def test_datasets_and_loaders(data):
    assert tr.diagnose(regression(data=data), seeds=2).verdict == "trains"


def test_the_number_of_workers_changes_nothing():
    def build():
        return regression(optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=30.0))

    one, two = (tr.diagnose(build, seeds=2, workers=w) for w in (1, 2))
    for a, b in zip(one.runs, two.runs, strict=True):
        np.testing.assert_array_equal(a.losses, b.losses)
    assert [r.change.name for r in one.remedies] == [r.change.name for r in two.remedies]
    assert [f.cause for f in one.findings] == [f.cause for f in two.findings]


def test_a_compiled_model_is_read_and_trained_through_the_module_behind_it():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    compiled = torch.compile(model, backend="eager")
    compiled(X)
    setup = tr.Setup(compiled, nn.MSELoss(), torch.optim.Adam(compiled.parameters(), lr=0.05), (X, Y), epochs=40)
    assert setup.model is model
    d = tr.diagnose(setup, seeds=2)
    assert d.verdict == "trains"
    assert [layer.kind for layer in d.readings.start.layers] == ["linear", "relu", "linear"]


def everything(setup):
    return [
        *(v.clone() for v in setup.model.state_dict().values()),
        torch.get_rng_state(),
        torch.tensor(np.random.get_state()[1].astype(np.int64)),
        torch.tensor([hash(random.getstate()) % 2**40]),
        torch.tensor([m.training for m in setup.model.modules()]),
        torch.tensor([len(m._forward_hooks) + len(m._forward_pre_hooks) for m in setup.model.modules()]),
        torch.tensor([g["lr"] for g in setup.optimizer.param_groups]),
        torch.tensor([p.grad is None for p in setup.model.parameters()]),
    ]


def test_a_built_setup_is_left_as_it_came():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(0.1), nn.Linear(8, 1))
    model.eval()
    setup = regression(model=model, optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=100.0))
    before = everything(setup)
    d = tr.diagnose(setup, seeds=2)
    assert d.verdict == "will-not-train"
    assert all(torch.equal(a, b) for a, b in zip(before, everything(setup), strict=True))
    assert d.remedies


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_also_when_diagnosing_raises(error):
    calls = []

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.layer = nn.BatchNorm1d(4), nn.Linear(4, 1)

        def forward(self, x):
            calls.append(1)
            if len(calls) > 30:
                raise error("in the middle")
            return self.layer(self.norm(x))

    setup = regression(model=Model())
    before = everything(setup)
    with pytest.raises((tr.SetupError, KeyboardInterrupt)):
        tr.diagnose(setup, workers=1)
    assert all(torch.equal(a, b) for a, b in zip(before, everything(setup), strict=True))


def test_a_budget_that_does_not_fit_is_cut_and_said():
    d = tr.diagnose(get("digits-saturated"), seeds=2, max_seconds=0.5)
    assert d.steps < d.budget == 7000
    assert "cut short" in d.says


def test_verdicts():
    run = regression().train()
    lost = regression(optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=50.0)).train()
    critical = [Finding("x", "", {}, "")]
    assert verdict([], [run, run], cut=False)[0] == "trains"
    assert verdict(critical, [run, run], cut=False)[0] == "uncertain"
    assert verdict([], [lost, lost], cut=False)[0] == "will-not-train"
    assert verdict(critical, [lost, lost], cut=True)[0] == "will-not-train"
    assert verdict([], [run, lost], cut=False)[0] == "uncertain"


def test_shares_and_pairs():
    assert str(Share(3, 5)) == "3 of 5 (95% interval 23% to 88%)"
    run = regression().train()
    with pytest.raises(ValueError, match="pairs need equal seeds"):
        verification([run], [regression().train(seed=1)], "trained")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "given is a int"),
        (nn.Linear(1, 1), "given is a Linear"),
        (lambda: 3, "returned a int"),
        (lambda: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_what_is_no_setup_is_named(given, words):
    with pytest.raises(tr.SetupError, match=words):
        tr.diagnose(given)
