"""A user's own step is what trains; clones, seeds and repeated runs share nothing; faults are said."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset

from trainability import Setup, SetupError
from trainability.setup.large import readable, sampled
from trainability.setup.private import private

X = torch.linspace(-1, 1, 40)[:, None]
Y = X**2
criterion = nn.MSELoss()


def standard(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def build(step=standard, **change):
    torch.manual_seed(0)
    model = change.pop("model", None) or nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    fields = {
        "model": model,
        "loss_fn": criterion,
        "optimizer": optimizer,
        "data": (X, Y),
        "batch_size": 10,
        "epochs": 5,
    }
    return Setup(**{**fields, "step": step, **change})


def number(model, batch, optimizer):
    return float(standard(model, batch, optimizer))


def nothing(model, batch, optimizer):
    standard(model, batch, optimizer)


def tenth(model, batch, optimizer):
    return standard(model, batch, optimizer) / 10


@pytest.mark.parametrize("step", [standard, number, nothing, tenth], ids=lambda f: f.__name__)
def test_the_standard_step_given_as_ones_own_is_the_plain_run(step):
    plain, own = build(None), build(step)
    one, two = plain.train(order=7), own.train(order=7)
    assert two.losses.tolist() == pytest.approx(one.losses.tolist(), rel=1e-6)
    for a, b in zip(plain.model.parameters(), own.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert two.outcome == one.outcome
    assert two.gradient_norms[:, 0].tolist() == one.gradient_norms[:, 0].tolist()
    assert two.gradient_norms[:, 1].tolist() == pytest.approx(one.gradient_norms[:, 1].tolist())


def test_runs_are_judged_by_the_setups_loss_and_not_by_what_a_step_returns():
    def climbing(model, batch, optimizer):
        x, y = batch
        optimizer.zero_grad()
        loss = -F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = build(climbing, epochs=50).train()
    assert run.outcome in ("stalled", "diverged")
    assert run.end_loss > run.start_loss


def with_memory():
    """A Setup whose step remembers: a counter, accumulated gradients, a schedule, and its own names for the parts."""
    setup = build(None, epochs=10)
    model, optimizer = setup.model, setup.optimizer
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    calls, log = 0, []

    def step(_, batch, __):
        nonlocal calls
        x, y = batch
        loss = criterion(model(x), y)
        (loss / 2).backward()
        calls += 1
        log.append(calls)
        if calls % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
        return loss

    return build(step, model=model, optimizer=optimizer), lambda: (calls, len(log))


def test_what_a_step_remembers_starts_anew_with_every_run():
    setup, memory = with_memory()
    first, second = setup.train(order=1), setup.train(order=1)
    assert first.losses.tolist() == second.losses.tolist()
    assert setup.optimizer.param_groups[0]["lr"] == 0.01
    copied = setup.clone()
    weights = [p.clone() for p in setup.model.parameters()]
    third = copied.train(order=1)
    assert third.losses.tolist() == first.losses.tolist()
    assert all(torch.equal(a, b) for a, b in zip(weights, setup.model.parameters(), strict=True))
    assert not torch.equal(copied.model[0].weight, copied._start["0.weight"])
    assert memory() == (0, 0)


def test_a_schedule_follows_a_changed_learning_rate():
    setup, _ = with_memory()
    seen = []
    copied = setup.clone()
    copied.optimizer.param_groups[0]["lr"] = 0.001
    copied.train(steps=5, observe={4: lambda: seen.append(copied.optimizer.param_groups[0]["lr"])})
    assert seen == [pytest.approx(0.001 * 0.9**2)]
    assert copied.optimizer.param_groups[0]["lr"] == 0.001


def test_a_scheduler_does_not_tie_a_copied_optimizer_to_the_original():
    setup, _ = with_memory()
    plain = setup.replaced(step=None).clone()
    weights = [p.clone() for p in setup.model.parameters()]
    run = plain.train()
    assert run.losses[-1] < run.losses[0]
    assert all(torch.equal(a, b) for a, b in zip(weights, setup.model.parameters(), strict=True))


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.seen = model, optimizer, {"batches": 0}

    def training_step(self, model, batch, optimizer):
        self.seen["batches"] += 1
        return standard(self.model, batch, self.optimizer)


def test_an_object_that_holds_the_model_trains_the_copy():
    setup = build(None)
    trainer = Trainer(setup.model, setup.optimizer)
    setup = build(trainer.training_step, model=setup.model, optimizer=setup.optimizer)
    weights = [p.clone() for p in setup.model.parameters()]
    assert setup.clone().train(order=7).losses.tolist() == build(None).train(order=7).losses.tolist()
    assert all(torch.equal(a, b) for a, b in zip(weights, setup.model.parameters(), strict=True))
    assert trainer.seen == {"batches": 0}


def test_a_step_takes_a_new_loss_where_it_used_the_setups():
    setup = build().clone()
    doubled = setup.replaced(loss_fn=lambda o, t: 2 * (o - t).square().mean())
    assert doubled.train(order=1).losses[0] == pytest.approx(2 * build().train(order=1).losses[0])


def test_functions_that_share_a_variable_go_on_sharing_it():
    count = 0

    def up():
        nonlocal count
        count += 1

    def read():
        up()
        return count

    copied = private(read, {})
    assert (copied(), copied(), read()) == (1, 2, 1)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (3, "step is a int"),
        (lambda model, batch: None, r"step is <lambda>\(model, batch\); needed is a function of three"),
        (lambda m, b, o: m(b[0]), r"returned a tensor of shape \(10, 1\)"),
        (lambda m, b, o: {"loss": 1.0}, "returned a dict"),
        (lambda m, b, o: m(b[0]).detach().sum().backward(), "no history"),
    ],
)
def test_bad_steps_are_named(step, words):
    with pytest.raises(SetupError, match=words):
        build(step).train()


def test_a_step_that_raises_says_at_which_step():
    calls = []

    def breaking(model, batch, optimizer):
        calls.append(1)
        if len(calls) > 6:
            raise ValueError("boom")
        return standard(model, batch, optimizer)

    with pytest.raises(SetupError, match=r"ValueError at step 6 .*boom") as info:
        build(breaking).train()
    assert isinstance(info.value.__cause__, ValueError)


def test_a_loss_that_refuses_lost_values_is_an_outcome():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    bce = nn.BCELoss()

    def wild(model, batch, optimizer):
        optimizer.zero_grad()
        loss = bce(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            model[0].weight.fill_(float("nan"))
        return loss

    setup = build(wild, model=model, loss_fn=bce, data=(X, (X > 0).float()))
    assert setup.train().outcome == "diverged"


class Several(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.net, self.kind = nn.Linear(1, 1), kind

    def forward(self, x):
        return (self.net(x), x) if self.kind == "tuple" else {"hidden": x, "logits": self.net(x)}


@pytest.mark.parametrize(
    ("kind", "choice"), [("tuple", 0), ("dict", "logits"), ("dict", lambda returned: returned["logits"])]
)
def test_a_model_of_several_outputs(kind, choice):
    with pytest.raises(SetupError, match=r"Setup\(\.\.\., output=(0|'logits')\)"):
        build(None, model=Several(kind)).train()
    run = build(None, model=Several(kind), output=choice).train()
    assert run.losses[-1] < run.losses[0]
    with pytest.raises(SetupError, match="output='other', but the model returned a"):
        build(None, model=Several(kind), output="other").train()


def test_a_step_gets_the_model_with_all_its_outputs():
    def step(model, batch, optimizer):
        optimizer.zero_grad()
        loss = criterion(model(batch[0])["logits"], batch[1])
        loss.backward()
        optimizer.step()
        return loss

    one = build(step, model=Several("dict"), output="logits").clone().train(order=1)
    two = build(None, model=Several("dict"), output="logits").train(order=1)
    assert one.losses.tolist() == two.losses.tolist()


def test_a_loss_of_three_arguments_is_named():
    setup = build(None, loss_fn=lambda output, target, weight: (weight * (output - target) ** 2).mean())
    with pytest.raises(SetupError, match=r"loss_fn takes \(output, target, weight\).*known before training \(weight\)"):
        setup.train()


class Broken(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, i):
        if i == 25:
            raise OSError("disk on fire")
        return X[i], Y[i]


def test_a_loader_that_raises_names_the_batch():
    setup = build(None, data=DataLoader(Broken(), batch_size=10))
    with pytest.raises(SetupError, match="OSError at batch 2 of a pass: disk on fire"):
        setup.train()


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield from zip(X, Y, strict=True)


def test_an_endless_stream_has_a_length(monkeypatch):
    monkeypatch.setattr("trainability.setup.batches.STREAM", 30)
    setup = build(None, data=Endless(), epochs=2)
    assert setup.steps == 60
    assert setup.train(steps=5).steps == 5


def test_a_copy_on_the_cpu_is_the_same_setup():
    setup = build(loss_fn=nn.MSELoss())
    setup.train(steps=3)
    moved = setup.on_cpu()
    assert moved.model is not setup.model
    assert moved.optimizer.param_groups[0]["params"][0] is moved.model[0].weight
    assert moved.train(order=2).losses.tolist() == setup.train(order=2).losses.tolist()


def test_large_data_are_read_on_a_sample_and_said_to_be(monkeypatch):
    data = build(None).batches
    assert readable(data) is data
    assert sampled(data) == ""
    monkeypatch.setattr("trainability.setup.large.WHOLE", 39)
    monkeypatch.setattr("trainability.setup.large.READ", 10)
    assert not hasattr(readable(data), "inputs")
    assert readable(data).sample(5)[0].shape == (5, 1)
    assert sampled(data) == "The data were read on a sample of 10 of 40 samples."
    assert sampled(build(None, data=Endless()).batches) == "The data were read on a sample of 10 of a stream."
