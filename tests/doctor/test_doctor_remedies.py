"""Every remedy maps a Setup to a new one, leaves the old one alone, and keeps the user's own units."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainability import Setup
from trainability.doctor import rules
from trainability.doctor.finding import Finding
from trainability.doctor.readings import (
    CapacityReading,
    LabelReading,
    LoopReading,
    LossReading,
    OptimizerReading,
    OutputReading,
    Readings,
    Snapshot,
    SplitReading,
)
from trainability.doctor.remedies import ALL, propose, together
from trainability.doctor.remedies._ending import without_ending
from trainability.problems import get

X = 50 + 20 * torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = 1000 + 300 * torch.randn(60, 1, generator=torch.Generator().manual_seed(1))


def regression(**change):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    fields = {
        "model": model,
        "loss_fn": nn.MSELoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "data": (X, Y),
        "epochs": 5,
    }
    return Setup(**{**fields, **change})


def classifier():
    return get("digits-saturated")()


def changes():
    """(task, prescription, change) for every change of every prescription, on readings that let it apply."""
    snapshot = Snapshot(
        layers=(
            *rules.ALL["dying-relu"].sick[0].end.layers,
            *(rules.ALL["saturated-units"].sick[0].start.layers),
        ),
        weights=rules.ALL["symmetric-units"].sick[0].start.weights,
        output=OutputReading(activation="softmax", path="9"),
    )
    squashed = Snapshot(output=OutputReading(columns=1, activation="sigmoid"))
    for task, start in (("multi-class", snapshot), ("regression", Snapshot()), ("binary", squashed)):
        for optimizer in (OptimizerReading(weight_decay=0.5), OptimizerReading("Adam", (1e-3,), True, True)):
            readings = Readings(
                loss=LossReading(family="mse", sums=True, end_penalty=0.3 if task == "regression" else 0.0),
                task=task,
                loop=LoopReading(),
                start=start,
                optimizer=optimizer,
                data=rules.ALL["non-finite-data"].sick[0].data,
                labels=LabelReading(several=0.2, columns=3, low=-1, high=1, distinct=2, numbers=3, shift=-1),
                capacity=CapacityReading("0", 2, 4, 10, dropout="1", dropout_p=0.9, dropouts=1),
                split=SplitReading(factor=16.0),
            )
            for prescription in ALL.values():
                for cause in prescription.answers:
                    for change in prescription.propose(Finding(cause, "", {}, ""), readings):
                        yield task, prescription.name, change


EVERY = {f"{task}:{c.name}": (task, c) for task, _, c in changes()}


@pytest.mark.parametrize("key", EVERY)
def test_a_change_gives_a_trainable_setup_and_leaves_the_old_one_alone(key):
    task, change = EVERY[key]
    setup = classifier() if task == "multi-class" else regression()
    model, optimizer = setup.model, setup.optimizer
    before = {k: v.clone() for k, v in model.state_dict().items()}
    lr = optimizer.param_groups[0]["lr"]
    changed = change.apply(setup)
    run = changed.train(seed=3, steps=3)
    assert run.steps == 3
    assert setup.model is model
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert optimizer.param_groups[0]["lr"] == lr
    assert not optimizer._optimizer_step_pre_hooks
    assert changed.train(seed=3, steps=3).losses.tolist() == pytest.approx(run.losses.tolist(), nan_ok=True)
    assert change.summary[0].isupper()
    assert change.code
    assert change.size > 0


def test_every_prescription_proposes_something():
    assert {name for _, name, _ in changes()} == set(ALL)


def test_proposals_come_once_and_smallest_first():
    sick = Readings(optimizer=OptimizerReading(lrs=(0.5,)))
    found = [Finding(cause, "", {}, "") for cause in ("lr-too-high", "dying-relu", "exploding-gradient")]
    proposed = propose(found, sick)
    assert len({c.name for c in proposed}) == len(proposed) > 5
    assert [c.size for c in proposed] == sorted(c.size for c in proposed)


def test_every_cause_has_an_answer_or_is_known_to_have_none():
    answered = {cause for p in ALL.values() for cause in p.answers}
    assert set(rules.ALL) - answered == {"constant-features", "labels-independent-of-inputs"}
    assert answered <= set(rules.ALL)


def by_name(name, setup_readings=None):
    return next(c for _, c in EVERY.values() if c.name == name)


def test_standardised_inputs_take_the_users_own_units():
    setup = regression()
    changed = by_name("standardise-inputs").apply(setup)
    inner = changed.model.model
    z = (X - X.mean(0)) / X.std(0, correction=0)
    assert torch.allclose(changed.model(X), inner(z), atol=1e-5)
    assert torch.equal(inner[0].weight, setup.model[0].weight)


def test_standardised_targets_answer_in_the_users_own_units_and_train_in_standard_ones():
    setup = regression()
    change = next(c for _, c in EVERY.values() if c.name == "standardise-targets")
    changed = change.apply(setup)
    assert float(changed.facts.family.factor) == pytest.approx(1 / float(Y.var(correction=0)), rel=1e-3)
    run = together(by_name("standardise-inputs"), change).apply(regression(epochs=200)).train(seed=0)
    assert run.start_loss < 5  # in units of the targets' variance
    both = together(by_name("standardise-inputs"), change).apply(regression(epochs=200))
    both.train(seed=0)
    assert float(both.model(X).detach().mean()) == pytest.approx(1000, rel=0.1)
    assert both.score(X, Y) > -0.5


def test_targets_of_shape_n_are_standardised_too():
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    setup = regression(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=1e-3), data=(X, Y.flatten()))
    changed = next(c for _, c in EVERY.values() if c.name == "standardise-targets").apply(setup)
    assert changed.model(X).shape == (60,)


class FunctionalEnding(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x):
        attention = F.softmax(self.a(x), dim=1)
        return F.softmax(self.b(attention), dim=1)


def test_only_the_last_call_of_a_functional_ending_is_passed_over():
    torch.manual_seed(0)
    model = FunctionalEnding()
    expected = model.b(F.softmax(model.a(X), dim=1))
    bare = without_ending(model, OutputReading(activation="softmax", calls=2))
    assert torch.allclose(bare(X), expected)
    assert torch.allclose(model(X).sum(1), torch.ones(60))


def test_a_remedy_takes_a_function_or_a_setup():
    change = by_name("initialize-he-normal")
    for given in (classifier, classifier()):
        changed = change.apply(given)
        assert float(changed.model[0].weight.detach().std()) == pytest.approx((2 / 64) ** 0.5, rel=0.1)
        assert not torch.equal(changed.seeded(1).model[0].weight, changed.seeded(2).model[0].weight)


def test_clipping_bounds_the_gradient_before_the_step():
    changed = by_name("clip-gradients-1").apply(regression())
    changed.train(steps=1)
    norms = [p.grad.square().sum() for p in changed.model.parameters()]
    assert float(sum(norms)) ** 0.5 == pytest.approx(1.0, rel=1e-3)


def test_together_applies_both_in_order():
    both = together(by_name("initialize-he-normal"), by_name("clip-gradients-1"))
    assert both.size == 2
    assert "\n" in both.code
    changed = both.apply(classifier())
    assert changed.optimizer._optimizer_step_pre_hooks
