"""A large model costs a handful of passes, and what is read of it on few inputs agrees with the whole."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from trainability import Setup, SetupError, preflight
from trainability.prognosis import measure as measuring
from trainability.prognosis.first_step import _downhill, first_step
from trainability.setup import constant_answer as answering
from trainability.setup import facts as seeing
from trainability.setup import large
from trainability.setup.facts import _leads_to

BATCH = 16


class Counted(nn.Module):
    """A network that counts the inputs it has seen; a backward pass counts twice."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 3))
        self.seen = [0]

    def forward(self, x):
        self.seen[0] += len(x)
        out = self.net(x)
        if out.requires_grad:
            out.register_hook(lambda g: self.seen.__setitem__(0, self.seen[0] + 2 * len(g)))
        return out

    def __deepcopy__(self, memo):
        twin = Counted()
        twin.load_state_dict(self.state_dict())
        memo.update({id(a): b for a, b in zip(self.parameters(), twin.parameters(), strict=True)})
        twin.seen = self.seen
        return twin


def setup(**options):
    torch.manual_seed(0)
    x, model = torch.randn(400, 6), Counted()
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return Setup(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-2), (x, y), BATCH, **options)


def test_a_large_model_costs_at_most_seven_mini_batches(monkeypatch):
    small = setup()
    preflight(small)
    monkeypatch.setattr(large, "WEIGHTS", 1)
    big = setup()
    found = preflight(big)
    passes = big.model.seen[0] / (3 * BATCH)
    assert passes <= 7, f"{passes:.1f} forward and backward passes of one mini-batch"
    assert small.model.seen[0] > 5 * big.model.seen[0]
    assert found.readings.curvature is None
    assert found.readings.healthy.output.spread > 0


def test_the_way_downhill_ends_behind_the_lowest_decade(monkeypatch):
    curve = lambda best: lambda m: (m / best - 1) ** 2  # noqa: E731
    for best in (0.01, 0.1, 1.0, 10.0, 1000.0):
        ray = _downhill(curve(best), 1.0)
        assert min(ray, key=lambda point: point[1])[0] == best
        assert len(ray) <= 5
        assert 1.0 in dict(ray), "one step is always read"
    rising = _downhill(lambda m: 1 + m, 1.0)
    assert [m for m, _ in rising] == [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    whole = first_step(setup().clone())
    monkeypatch.setattr(large, "WEIGHTS", 1)
    few = first_step(setup().clone())
    assert abs(torch.log10(torch.tensor(few.best[0] / whole.best[0]))) <= 0.51, "a neighbouring decade"
    assert few.after == pytest.approx(whole.after)


def test_the_graph_tells_what_a_pass_back_would():
    model = nn.Linear(2, 1)
    wanted = list(model.parameters())
    x = torch.randn(4, 2)
    assert _leads_to(model(x).sum(), wanted)
    assert _leads_to(x.requires_grad_().sum() + model.bias.square().sum(), wanted)
    assert not _leads_to((x * 2).sum(), wanted)
    assert not _leads_to(model(x).detach().requires_grad_().sum(), wanted)


def test_facts_of_a_large_model_are_those_of_a_small_one(monkeypatch):
    whole = setup().facts
    monkeypatch.setattr(large, "WEIGHTS", 1)
    few = setup().facts
    assert len(whole.output) == seeing.OUTPUTS
    assert len(few.output) == seeing.FEW
    assert torch.allclose(few.output, whole.output[: seeing.FEW])
    same = ("family", "form", "task", "reason", "differentiable", "penalised")
    assert [getattr(few, name) for name in same] == [getattr(whole, name) for name in same]


def test_a_wide_answer_is_chosen_and_not_searched_for(monkeypatch):
    calls = []
    target = torch.randn(64, 40)

    def loss(output, y):
        calls.append(len(y))
        return (output - y).square().mean()

    fitted = answering.constant_answer(loss, torch.zeros(4, 40), target, answering.LossFamily("custom"))
    many = len(calls)
    calls.clear()
    monkeypatch.setattr(answering, "WIDE", 39)
    monkeypatch.setattr(answering, "NUMBERS", 40 * 32)
    chosen = answering.constant_answer(loss, torch.zeros(4, 40), target, answering.LossFamily("custom"))
    assert len(calls) < many
    assert set(calls) == {32}
    assert torch.allclose(chosen, target.mean(0), atol=1e-6)
    assert torch.allclose(fitted, target.mean(0), atol=1e-3)


def test_theory_is_not_asked_where_it_has_nothing_to_say(monkeypatch):
    monkeypatch.setattr(large, "WEIGHTS", 1)
    model = nn.Sequential(nn.Linear(6, 24), nn.LayerNorm(24), nn.ReLU(), nn.Linear(24, 3))
    given = replace(setup(), model=model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-2))
    monkeypatch.setattr(measuring, "one_pass", lambda *_: pytest.fail("a pass for nothing"))
    assert measuring.measure(given).trainable_depth is None


def test_options_that_are_text_are_named():
    wrong = setup()
    wrong.optimizer.param_groups[0]["lr"] = "0.1"
    with pytest.raises(SetupError, match=r"lr is the text '0\.1'; needed is a number, for example lr=float"):
        preflight(wrong)


def test_an_optimizer_that_raises_is_said_to():
    class Broken(torch.optim.SGD):
        def step(self, closure=None):
            raise ZeroDivisionError("no scale")

    given = setup()
    broken = replace(given, optimizer=Broken(given.model.parameters(), lr=0.1))
    with pytest.raises(SetupError, match=r"Broken\.step\(\) raised ZeroDivisionError: no scale\. Needed"):
        preflight(broken)


@pytest.mark.parametrize("steps", ["10", float("nan"), float("inf"), 0, -1, 2.5, 10**9])
def test_first_steps_out_of_range_are_refused(steps):
    with pytest.raises(SetupError, match=r"steps is .*; needed is a whole number from 1 to"):
        preflight(setup(), steps=steps)
