"""What of the input reaches the output, order, biases, names: probes against independent answers, rules on real setups."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.cases import CASES
from trainability import Setup, diagnose
from trainability.doctor import remedies
from trainability.doctor.finding import Finding
from trainability.doctor.probes import bias_reading, sight, values_reading
from trainability.doctor.readings import DataReading, Readings, RunReading, SightReading, ValuesReading
from trainability.doctor.rules._pace import budgets, forecast
from trainability.doctor.verdict import verdict
from trainability.setup import as_setup

G = torch.Generator().manual_seed(0)
NUMBERS = torch.randn(200, 64, generator=G)
LABELS = torch.randint(0, 3, (200,), generator=G)
TOKENS = torch.randint(1, 20, (200, 12), generator=G)


def setup(model, X, y=LABELS, loss=None):
    return Setup(model, loss or nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, y), 32, 2)


class Of(nn.Module):
    def __init__(self, run, **parts):
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.run(self, x)


def read(m, x):
    return m.head(m.layer(m.embed(x))[0][:, -1])


def words(mean):
    return Of(lambda m, x: m.head(mean(m.embed(x))), embed=nn.Embedding(20, 8), head=nn.Linear(8, 3))


def attention(**options):
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    return Of(
        lambda m, x: m.head(m.layer(m.embed(x)).mean(1)), embed=nn.Embedding(20, 8), layer=layer, head=nn.Linear(8, 3)
    )


# What reaches the output.


@pytest.mark.parametrize("first", [8, 32, 64])
def test_a_slice_leaves_the_rest_unseen(first):
    net = Of(lambda m, x: m.head(x[:, :first]), head=nn.Sequential(nn.Linear(first, 16), nn.ReLU(), nn.Linear(16, 3)))
    reading = sight(setup(net, NUMBERS), ask=True)
    assert reading.places == 64
    assert reading.unseen == pytest.approx(1 - first / 64)
    assert reading.which == ("" if first == 64 else f"{first} to 63 of 0 to 63")


def test_unseen_places_are_those_whose_gradient_is_zero():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, stride=3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 3))
    images = NUMBERS.view(-1, 1, 8, 8)
    x = images[:64].clone().requires_grad_()
    net(x).sum().backward()
    blind = float((x.grad.abs().amax((0, 1)) == 0).double().mean())
    reading = sight(setup(net, images), ask=True)
    assert reading.unseen <= blind  # a block of places counts once all of it is unseen
    assert reading.unseen > 0.1


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)),
        nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.9), nn.Linear(32, 3)),
        nn.Sequential(nn.Linear(64, 1), nn.ReLU(), nn.Linear(1, 3)),
        nn.Sequential(*[m for _ in range(8) for m in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 3)),
    ],
    ids=["pooling", "norm and dropout", "one unit", "deep sigmoid"],
)
def test_networks_that_look_everywhere(net):
    assert sight(setup(net, NUMBERS), ask=True).unseen == 0


def test_dead_zero_and_tiny_weights_are_not_blindness():
    def net():
        return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))

    dead, zero, tiny = net(), net(), net()
    nn.init.constant_(dead[0].bias, -1e3)
    with torch.no_grad():
        for p in zero.parameters():
            p.zero_()
        for p in tiny.parameters():
            p.mul_(1e-9)
    for model in (dead, zero, tiny):
        assert sight(setup(model, NUMBERS), ask=True).unseen == 0
    assert sight(setup(net(), 1e-6 * NUMBERS), ask=True).unseen == 0


def test_padding_hides_what_stands_before_it_and_not_what_stands_after():
    behind, before = torch.zeros(200, 90, dtype=torch.long), torch.zeros(200, 90, dtype=torch.long)
    behind[:, :12], before[:, -12:] = TOKENS, TOKENS
    for x, unseen in ((behind, 1.0), (before, 0.0)):
        net = Of(
            read,
            embed=nn.Embedding(20, 8, padding_idx=0),
            layer=nn.LSTM(8, 16, batch_first=True),
            head=nn.Linear(16, 3),
        )
        reading = sight(setup(net, x), ask=True)
        assert (reading.places, reading.unseen) == (12, unseen)  # the padding itself does not vary and does not count


def test_a_model_that_breaks_on_changed_inputs_is_not_known():
    def picky(m, x):
        if not (x == NUMBERS[: len(x)]).all():
            raise ValueError("other inputs")
        return m.head(x)

    one = setup(Of(picky, head=nn.Linear(64, 3)), NUMBERS)
    one.__dict__["facts"] = setup(nn.Linear(64, 3), NUMBERS).facts
    assert sight(one, ask=True).places == 0
    assert sight(setup(nn.Linear(64, 3), NUMBERS), ask=False).places == 0


# Order.


def test_what_sees_order_and_what_does_not():
    nets = {
        "mean": (words(lambda e: e.mean(1)), True),
        "max": (words(lambda e: e.amax(1)), True),
        "attention": (attention(), True),
        "recurrent": (
            Of(read, embed=nn.Embedding(20, 8), layer=nn.GRU(8, 8, batch_first=True), head=nn.Linear(8, 3)),
            False,
        ),
        "first word": (words(lambda e: e[:, 0]), False),
    }
    for name, (net, orderless) in nets.items():
        reading = sight(setup(net, TOKENS), ask=True)
        assert (reading.order < 1e-3) == orderless, name


def test_whether_labels_need_order():
    first = (TOKENS[:, 0] > TOKENS[:, 1]).long()
    often = (TOKENS < 8).sum(1).ge(5).long()
    need, bag = (sight(setup(words(lambda e: e.mean(1)), TOKENS, y), ask=True) for y in (first, often))
    assert need.with_order > need.without_order + 0.2
    assert bag.with_order < bag.without_order + 0.2


def test_positions_make_attention_see_order():
    one = setup(attention(), TOKENS)
    (change,) = remedies.propose([Finding("order-not-seen", "", {}, "")], Readings(sight=SightReading(steps=12)))
    changed = change.apply(one)
    assert sight(one, ask=True).order < 1e-3
    assert sight(changed, ask=True).order > 1e-2
    held = {id(p) for g in changed.optimizer.param_groups for p in g["params"]}
    assert held == {id(p) for p in changed.model.parameters()}


# Biases.


def stack(bias, act):
    return nn.Sequential(nn.Linear(2, 16, bias=bias), act, nn.Linear(16, 1, bias=bias))


def test_the_symmetry_of_a_network_without_biases_and_what_it_costs():
    x = torch.randn(600, 2, generator=G)
    ray, bent = x.abs().sum(1, keepdim=True), x.square().sum(1, keepdim=True).cos()
    costs = {}
    for name, y in (("ray", ray), ("bent", bent)):
        reading = bias_reading(setup(stack(False, nn.ReLU()), x, y, nn.MSELoss()), ask=True)
        assert (reading.layers, reading.biases, reading.symmetry) == (2, 0, "ray")
        costs[name] = reading.free - reading.bound
    assert costs["ray"] < 0.05
    assert costs["bent"] > 0.5
    odd = bias_reading(setup(stack(False, nn.Tanh()), x, bent, nn.MSELoss()), ask=True)
    assert odd.symmetry == "odd"
    assert odd.bound == pytest.approx(0, abs=0.3)  # an even function has no odd part
    assert bias_reading(setup(stack(True, nn.ReLU()), x, bent, nn.MSELoss()), ask=True).symmetry == ""


def test_a_normalisation_brings_the_bias():
    net = nn.Sequential(nn.Linear(64, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3, bias=False))
    reading = bias_reading(setup(net, NUMBERS), ask=True)
    assert reading.biases == 2
    assert np.isnan(reading.bound)


def test_biases_are_added_and_trained():
    one = setup(stack(False, nn.ReLU()), torch.randn(64, 2), torch.randn(64, 1), nn.MSELoss())
    (change,) = remedies.propose([Finding("missing-bias", "", {}, "")], Readings())
    changed = change.apply(one)
    before = changed.model(torch.ones(1, 2))
    assert torch.allclose(before, one.model(torch.ones(1, 2)))
    changed.train(steps=3)
    assert all(float(m.bias.detach().abs().max()) > 0 for m in changed.model if isinstance(m, nn.Linear))


# Names and amounts.


def test_names_are_told_from_amounts():
    named = torch.randint(0, 200, (900, 8), generator=G)
    good = torch.rand(200, generator=G) < 0.5
    names = values_reading(setup(nn.Linear(8, 2), named.float(), good[named].sum(1).gt(4).long()), ask=True)
    assert names.as_names > names.as_quantities + 0.3
    amounts = values_reading(setup(nn.Linear(8, 2), named.float(), named[:, 0].gt(named[:, 1]).long()), ask=True)
    assert amounts.as_names < amounts.as_quantities
    indices = Of(lambda m, x: m.head(m.embed(x.long()).mean(1)), embed=nn.Embedding(200, 4), head=nn.Linear(4, 2))
    assert values_reading(setup(indices, named.float(), good[named].sum(1).gt(4).long()), ask=True).distinct == 0


def test_an_embedding_is_put_before_recurrent_and_linear_layers():
    (change,) = remedies.propose(
        [Finding("names-as-quantities", "", {}, "")],
        Readings(data=DataReading(input_low=0.0, input_high=19.0), values=ValuesReading(20)),
    )
    x = TOKENS.float()
    for net in (
        nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)),
        Of(
            lambda m, x: m.head(m.gru(x[:, :, None])[0][:, -1]),
            gru=nn.GRU(1, 8, batch_first=True),
            head=nn.Linear(8, 3),
        ),
    ):
        changed = change.apply(setup(net, x))
        assert changed.model(x[:5]).shape == (5, 3)
        held = {id(p) for g in changed.optimizer.param_groups for p in g["params"]}
        assert held == {id(p) for p in changed.model.parameters()}


# No trace, and what is said.


def test_probes_leave_no_trace():
    for name in ("attention-mask-inverted", "use-bias-false", "word-numbers-without-embedding"):
        one = as_setup(CASES[name].setup)
        before, state = {k: v.clone() for k, v in one.model.state_dict().items()}, torch.get_rng_state()
        for probe in (sight, bias_reading, values_reading):
            probe(one, ask=True)
        assert torch.equal(state, torch.get_rng_state())
        assert all(torch.equal(v, before[k]) for k, v in one.model.state_dict().items())
        assert all(p.grad is None for p in one.model.parameters())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in one.model.modules())


def test_the_pace_of_an_exponential_fall():
    losses = 2.0 * np.exp(-np.arange(900) / 600)  # a third of it is 300 steps: a factor exp(-1/2)
    run = RunReading(
        "learning", start_loss=2.0, end_loss=float(losses[-1]), target=0.05, late_slope=float(np.expm1(-0.5))
    )
    steps = -600 * np.log(0.05 / 2.0)
    assert budgets(run) * 900 == pytest.approx(steps, rel=0.01)
    stalled = RunReading("stalled", end_loss=2.29, late_slope=-1e-3)
    assert forecast([run, run]) == pytest.approx(budgets(run))
    assert forecast([run, stalled]) is None


def test_a_stalled_run_is_not_called_sound():
    d = diagnose(CASES["xor-plain-sgd"].setup, seeds=1, workers=1)
    assert d.findings[0].cause == "lr-too-low"
    assert "not broken" not in d.findings[0].says
    assert "not broken" not in verdict(d.findings, d.runs, cut=False)[1]
    longer = [r for r in d.remedies if set(r.answers) <= {"lr-too-low", "too-few-steps"}]
    assert bool(longer) == ("not broken" in d.says)


def test_one_affine_map_that_trains_is_told_with_what_it_costs():
    d = diagnose(CASES["friedman-without-activation"].setup, seeds=1, steps=400, workers=1)
    finding = d.findings[0]
    assert finding.cause == "no-nonlinearity"
    assert finding.evidence["loss with ReLU between the layers"] < 0.5 * finding.evidence["lowest reachable loss"]
    assert d.remedies[0].change.name == "relu-between-layers"


def test_linear_on_purpose_is_left_alone():
    x = torch.randn(600, 8, generator=G)
    y = x[:, :1] * 2 + 0.5 * torch.randn(600, 1, generator=G)
    for model, target in (
        (nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 1)), y),
        (nn.Sequential(nn.Linear(8, 3), nn.Linear(3, 8)), x),
    ):
        adam = torch.optim.Adam(model.parameters(), lr=1e-2)
        assert diagnose(Setup(model, nn.MSELoss(), adam, (x, target), 32, 10), seeds=1, workers=1).findings == ()
