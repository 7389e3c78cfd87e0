"""Every remedy maps a Setup to a new one, leaves the old one alone, and keeps the user's own units."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import trainability
from trainability import Setup, SetupError
from trainability.doctor import rules
from trainability.doctor.finding import Finding
from trainability.doctor.probes import capacity_reading, data_reading, label_reading, optimizer_reading, snapshot
from trainability.doctor.readings import (
    AveragesReading,
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
from trainability.doctor.remedies._own_loss import changes_loss, step_has_own_loss
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
    indexed = Readings(loss=LossReading(family="cross-entropy", target_shape=()))
    for change in ALL["weighted-loss"].propose(Finding("class-imbalance", "", {}, ""), indexed):
        yield "multi-class", "weighted-loss", change
    lagging = Readings(averages=AveragesReading(momentum=0.001))
    for change in ALL["faster-averages"].propose(Finding("batchnorm-averages-lag", "", {}, ""), lagging):
        yield "multi-class", "faster-averages", change


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
    found = {name for _, name, _ in changes()}
    for prescription in ALL.values():
        for cause in prescription.answers:
            for sick in (replace(x, loop=x.loop or LoopReading()) for x in rules.ALL[cause].sick):
                found |= {prescription.name for _ in prescription.propose(Finding(cause, "", {}, ""), sick)}
    assert found == set(ALL)


def test_proposals_come_once_and_smallest_first():
    sick = Readings(optimizer=OptimizerReading(lrs=(0.5,)))
    found = [Finding(cause, "", {}, "") for cause in ("lr-too-high", "dying-relu", "exploding-gradient")]
    proposed = propose(found, sick)
    assert len({c.name for c in proposed}) == len(proposed) > 5
    assert [c.size for c in proposed] == sorted(c.size for c in proposed)


def test_every_cause_has_an_answer_or_is_known_to_have_none():
    answered = {cause for p in ALL.values() for cause in p.answers}
    assert set(rules.ALL) - answered <= {"constant-features", "labels-independent-of-inputs", "inputs-not-seen"}
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


# The lines that a remedy shows, run as a user would paste them, against what its transform does.

RANDOM = {"initialize", "other-activation", "widen", "fitting-loss"}  # families that draw weights
IN_WORDS = {"remove-ending", "sigmoid-ending", "cross-entropy", "bce-with-logits", "independent-outputs", "widen"}


class InForward(nn.Module):
    """A classifier whose softmax is a call in `forward`, with two parts of which the optimizer has groups."""

    def __init__(self):
        super().__init__()
        self.body, self.head = (
            nn.Sequential(nn.Linear(6, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh()),
            nn.Linear(40, 3),
        )

    def forward(self, x):
        return F.softmax(self.head(self.body(x)), 1)


def mlp(outputs, *ending, hidden=nn.ReLU):
    torch.manual_seed(1)
    layers = [nn.Linear(6, 40), hidden(), nn.Dropout(0.9), nn.Linear(40, 40), hidden(), nn.Linear(40, outputs)]
    return nn.Sequential(*layers, *ending)


def inputs(n=120):
    return 5 + 3 * torch.randn(n, 6, generator=torch.Generator().manual_seed(2))


def sgd(model, **options):
    return torch.optim.SGD(model.parameters(), lr=0.1, **options)


def made(model, loss_fn, y, optimizer=None, **more):
    x = inputs(len(y))
    held = (3 * x[:40] + 1, y[:40])
    return Setup(model, loss_fn, optimizer or sgd(model), (x, y), batch_size=20, epochs=2, validation=held, **more)


def grouped(model):
    groups = [{"params": model.body.parameters(), "lr": 0.01}, {"params": model.head.parameters()}]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.3)


def scenario(name):
    numbers = torch.arange(120) % 3
    y = 100 + 30 * torch.randn(120, 1, generator=torch.Generator().manual_seed(3))
    half = (numbers == 0).float()[:, None]
    if name == "plain regression":
        return made(mlp(1), nn.MSELoss(), y)
    if name == "summed regression with momentum":
        model = mlp(1, hidden=nn.Tanh)
        return made(model, nn.MSELoss(reduction="sum"), y, sgd(model, momentum=0.9, weight_decay=0.1))
    if name == "regression of shape (N,)":
        model = mlp(1)
        return made(
            model, lambda o, t: -F.mse_loss(o, t.reshape(-1, 1)), y.flatten(), torch.optim.Adam(model.parameters())
        )
    if name == "numbers for classes":
        model = mlp(1, hidden=nn.Sigmoid)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.5, betas=(0.5, 0.9))
        return made(model, nn.MSELoss(), numbers.float()[:, None] + 1, optimizer, task="regression")
    if name == "probabilities in forward, two groups":
        model = InForward()
        return made(model, lambda o, t: F.nll_loss(o.log(), t), numbers, grouped(model))
    if name == "probabilities, one-hot":
        return made(mlp(3, nn.Softmax(1)), nn.MSELoss(), F.one_hot(numbers, 3).float())
    if name == "several labels":
        return made(mlp(3, nn.Softmax(1)), nn.MSELoss(), (torch.arange(360).reshape(120, 3) % 2).float())
    if name == "sigmoid":
        return made(mlp(1, nn.Sigmoid(), hidden=nn.Sigmoid), nn.MSELoss(), half)
    if name == "plus and minus one":
        return made(mlp(1), nn.BCEWithLogitsLoss(), 2 * half - 1)
    if name == "rare yes":
        return made(mlp(1), nn.BCEWithLogitsLoss(), (torch.arange(120) < 4).float()[:, None])
    if name == "rare no":
        return made(mlp(1), nn.BCEWithLogitsLoss(), (torch.arange(120) > 4).float()[:, None])
    if name == "rare probability":
        return made(mlp(1, nn.Sigmoid()), nn.BCELoss(), (torch.arange(120) < 4).float()[:, None])
    if name == "rare classes":
        return made(mlp(3), nn.CrossEntropyLoss(), (torch.arange(120) > 110).long() + (torch.arange(120) > 116).long())
    if name == "one output for classes":
        return made(mlp(1), lambda o, t: F.cross_entropy(o, t.long()), torch.zeros(120), task="binary")
    if name == "a convolution":
        torch.manual_seed(1)
        model = nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
        return made(model, nn.CrossEntropyLoss(), numbers)
    raise KeyError(name)


SCENARIOS = (
    "plain regression", "summed regression with momentum", "regression of shape (N,)", "numbers for classes",
    "probabilities in forward, two groups", "probabilities, one-hot", "several labels", "sigmoid",
    "plus and minus one", "rare yes", "rare no", "rare probability", "rare classes", "a convolution",
    "one output for classes",
)  # fmt: skip


def readings_of(setup):
    """What a diagnosis would read of a Setup, without the runs."""
    facts, copy = setup.facts, setup.clone()
    x, y = copy.batches.sample(120)
    first = {name: p.detach().clone() for name, p in copy.model.named_parameters()}
    labels = label_reading(setup, [], ask=False)
    return Readings(
        task=facts.task,
        data=data_reading(setup.batches, facts.task),
        loss=LossReading(
            family=facts.family.name,
            factor=facts.family.factor,
            sums=facts.family.sums,
            output_shape=tuple(facts.output.shape[1:]),
            target_shape=tuple(facts.target.shape[1:]),
        ),
        optimizer=optimizer_reading(setup, 12),
        start=snapshot(copy, x, y, step=0, start=first),
        labels=replace(labels, shift=-2, validation_shift=1),
        capacity=capacity_reading(setup),
        split=SplitReading(factor=3.0),
        loop=LoopReading(),
    )


def pasted(setup, code):
    """The names of a script after a remedy's lines, with the gradient of one batch in place."""
    copy = setup.clone()
    (x, y), (v, w) = copy.data, copy.validation
    names = {
        "torch": torch, "nn": nn, "trainability": trainability, "model": copy.model, "optimizer": copy.optimizer,
        "loss_fn": copy.loss_fn, "X": x, "y": y, "X_val": v, "y_val": w, "x": x, "X_all": x, "y_all": y,
        "layer": lambda x: x, "epochs": setup.epochs, "batch_size": setup.batch_size,
    }  # fmt: skip
    names["output"], names["target"] = copy.model.eval()(x), y
    torch.manual_seed(0)
    exec(code, names)
    return names


def options(optimizer):
    return [{k: v for k, v in group.items() if k not in ("params", "param_names")} for group in optimizer.param_groups]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_lines_of_a_remedy_do_what_it_does(name):
    setup = scenario(name)
    readings, seen = readings_of(setup), 0
    done = set()
    for prescription in ALL.values():
        for cause in prescription.answers:
            for change in prescription.propose(Finding(cause, "", {}, ""), readings):
                if change.name in done:
                    continue
                done.add(change.name)
                try:
                    changed = change.transform(setup.clone(), torch.Generator().manual_seed(0))
                except SetupError:
                    continue
                compare(setup, change, changed)
                seen += 1
    assert seen >= 15


def compare(setup, change, changed):
    where = f"{change.name}: {change.code}"
    (x, y), out = changed.data, setup.facts.output
    changed.model.eval()
    try:
        expected = changed.loss_fn(changed.model(x), y)
    except (RuntimeError, IndexError):
        return  # the change answers another cause than this Setup has
    if change.family == "match-shapes" and y[0].numel() != out[0].numel():
        return  # nothing to match
    names = pasted(setup, change.code)
    if change.code.startswith("#") and all(line.startswith("#") for line in change.code.splitlines()):
        assert change.family in IN_WORDS, where
        return
    if change.touches == ("step",) or change.family in ("more-steps", "larger-batch", "shuffle-split", "shortcuts"):
        if change.family in ("more-steps", "larger-batch"):
            assert (names["epochs"], names["batch_size"]) in (
                (changed.epochs, changed.batch_size),
                (setup.epochs, changed.batch_size),
            ), where
        return
    if "optimizer" in change.touches or "momentum" in change.touches or "regulariser" in change.touches:
        assert type(names["optimizer"]) is type(changed.optimizer), where
        for mine, theirs in zip(options(names["optimizer"]), options(changed.optimizer), strict=True):
            assert mine.keys() == theirs.keys(), where
            shown = mine.keys() if "as before" not in change.code else mine.keys() & {"lr", "momentum", "weight_decay"}
            for key, value in ((key, theirs[key]) for key in shown):
                number = isinstance(value, float) and not isinstance(value, bool)
                assert mine[key] == (pytest.approx(value, rel=1e-5) if number else value), f"{key} of {where}"
        own = {id(p) for p in names["model"].parameters()}
        assert all(id(p) in own for g in names["optimizer"].param_groups for p in g["params"]), where
    first = change.code.splitlines()[0].startswith("#") and "return the logits" in change.code
    if first or change.touches == ("gradient",):
        return
    if change.family in RANDOM and change.name not in ("rescale-to-he", "bce-with-logits", "squared-error"):
        theirs, mine = (dict(m.named_parameters()) for m in (changed.model, names["model"]))
        shapes = [[tuple(p.shape) for p in d.values()] for d in (mine, theirs)]
        assert shapes[0] == shapes[1], where
        for a, b in zip(mine.values(), theirs.values(), strict=True):
            if a.numel() >= 200:
                assert float(a.detach().std()) == pytest.approx(float(b.detach().std()), rel=0.25), where
            else:
                assert (float(a.detach().abs().sum()) == 0) == (float(b.detach().abs().sum()) == 0), where
        return
    got = names["loss"] if "loss = " in change.code else names["loss_fn"](names["model"].eval()(names["X"]), names["y"])
    assert float(got.detach()) == pytest.approx(float(expected.detach()), rel=1e-3, abs=1e-5), where
    if "validation" in change.touches or change.family == "realign":
        assert torch.allclose(names["X_val"], changed.validation[0], rtol=1e-4, atol=1e-4), where
    if change.family == "less-dropout":
        kept = [
            [m.p for m in model.modules() if isinstance(m, nn.Dropout)] for model in (names["model"], changed.model)
        ]
        assert kept[0] == kept[1], where


def test_the_standard_step_is_that_of_a_setup_without_a_step():
    setup = scenario("plain regression")
    code = next(c.code for _, c in EVERY.values() if c.name == "standard-step")
    names = pasted(setup, code)
    model, optimizer = setup.clone().model, None
    optimizer = torch.optim.SGD(names["model"].parameters(), lr=0.1)
    names["model"].eval()
    model.eval()
    batch = setup.data[0][:20], setup.data[1][:20]
    loss = names["step"](names["model"], batch, optimizer)
    grads = torch.autograd.grad(nn.functional.mse_loss(model(batch[0]), batch[1]), list(model.parameters()))
    assert float(loss.detach()) == pytest.approx(float(nn.functional.mse_loss(model(batch[0]), batch[1]).detach()))
    for now, was, g in zip(names["model"].parameters(), model.parameters(), grads, strict=True):
        assert torch.allclose(now, was - 0.1 * g, rtol=1e-4, atol=1e-4)


def test_clipped_lines_clip_as_the_remedy_does():
    setup = scenario("plain regression")
    model = setup.clone().model
    setup.loss_fn(model(setup.data[0]), setup.data[1]).backward()
    exec(by_name("clip-gradients-1").code, {"torch": torch, "model": model})
    assert float(sum(p.grad.square().sum() for p in model.parameters())) ** 0.5 == pytest.approx(1.0, rel=1e-3)


def test_a_step_that_computes_its_loss_itself_is_told():
    def inline(model, batch, optimizer):
        optimizer.zero_grad()
        loss = (model(batch[0]) - batch[1]).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    loss_fn = nn.MSELoss(reduction="sum")

    def through(model, batch, optimizer):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    assert step_has_own_loss(regression(step=inline, loss_fn=loss_fn))
    assert not step_has_own_loss(regression(step=through, loss_fn=loss_fn))
    assert not step_has_own_loss(regression())
    assert changes_loss(by_name("mean-loss"), regression(step=inline))
    assert not changes_loss(by_name("clip-gradients-1"), regression(step=inline))
