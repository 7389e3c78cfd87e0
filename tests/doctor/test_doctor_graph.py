"""What the recorded computation shows, against setups whose faults are made by hand and look-alikes without them."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainability import Setup
from trainability.doctor.finding import Finding
from trainability.doctor.probes.alignment import alignment_reading, orders
from trainability.doctor.probes.bad_gradient import bad_gradient_reading, first_break
from trainability.doctor.probes.cut import cut_reading
from trainability.doctor.probes.graph import graph_reading
from trainability.doctor.probes.mixing import mixing_reading
from trainability.doctor.probes.unregistered import unregistered_reading
from trainability.doctor.probes.wiring import wiring_reading
from trainability.doctor.readings import GraphReading, Readings
from trainability.doctor.remedies import (
    batch_first,
    finite_gradient,
    keep_history,
    less_dropout,
    permute_outputs,
    register_layers,
    relu_for_softmax,
)

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(120, 6, generator=DRAW)
LABELS = torch.randint(0, 3, (120,), generator=DRAW)
SERIES = torch.randn(120, 5, 6, generator=DRAW)
GRID = torch.randn(60, 1, 4, 5, generator=DRAW)


def setup(model, x=X, y=LABELS, loss=F.cross_entropy, **options):
    torch.manual_seed(0)
    return Setup(model, loss, torch.optim.SGD(model.parameters(), lr=0.05), (x, y), batch_size=20, epochs=2, **options)


def mlp(*between):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), *between, nn.Linear(8, 3))


class Listed(nn.Module):
    def __init__(self, hold, want=True):
        super().__init__()
        torch.manual_seed(0)
        self.layers = hold([nn.Linear(6, 6).requires_grad_(want), nn.Linear(6, 6).requires_grad_(want)])
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        for layer in self.layers.values() if hasattr(self.layers, "values") else self.layers:
            x = torch.tanh(layer(x))
        return self.out(x)


def as_dict(layers):
    return {f"layer{i}": layer for i, layer in enumerate(layers)}


class Raw(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.full((6, 3), 0.1, requires_grad=True)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return x @ self.weight + self.bias


class Derivative(nn.Module):
    """Takes the derivative by its input, which is a leaf of its own in every pass."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.net(x).sum(), x, create_graph=True)[0][:, :3]


@pytest.mark.parametrize(
    ("model", "numbers", "place"),
    [
        (Listed(list), 84, "layers"),
        (Listed(tuple), 84, "layers"),
        (Listed(as_dict), 84, "layers"),
        (Raw(), 18, "weight"),
    ],
)
def test_what_the_model_does_not_know_is_counted_and_found(model, numbers, place):
    seen = unregistered_reading(setup(model))
    assert (seen.numbers, seen.places, seen.lost) == (numbers, (place,), 0)
    assert seen.registered == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    "model",
    [Listed(nn.ModuleList), Listed(list, want=False), Derivative(), mlp(nn.ReLU())],
    ids=lambda m: type(m).__name__,
)
def test_registered_frozen_and_passing_leaves_are_none(model):
    assert unregistered_reading(setup(model)).numbers == 0


def test_layers_that_an_optimizer_of_the_step_moves_are_trained():
    model = Listed(list)
    other = torch.optim.SGD([p for layer in model.layers for p in layer.parameters()], lr=0.1)

    def step(model, batch, optimizer):
        optimizer.zero_grad()
        other.zero_grad()
        loss = F.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        other.step()
        return loss

    assert unregistered_reading(setup(model, step=step)).numbers == 0


@pytest.mark.parametrize("hold", [list, as_dict])
def test_registered_layers_are_trained_and_the_given_setup_is_not_touched(hold):
    given = setup(Listed(hold))
    readings = Readings(graph=GraphReading(unregistered=unregistered_reading(given)))
    (change,) = register_layers.propose(Finding("parameters-not-in-optimizer", "", {}, ""), readings)
    new = change.apply(given)
    assert sum(p.numel() for p in new.model.parameters()) == 84 + 21
    before = copy.deepcopy(new.model.state_dict())
    new.train()
    assert all(not torch.equal(before[k], v) for k, v in new.model.state_dict().items())
    assert isinstance(given.model.layers, (list, dict))


class Root(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.inner, self.out, self.eps = nn.Linear(6, 4, bias=False), nn.Linear(1, 3), eps

    def forward(self, x):
        return self.out((self.inner(x).square().sum(1, keepdim=True) + self.eps).sqrt())


class Guarded(nn.Module):
    """torch.where behind a logarithm: the value is finite, 0 times infinity is not."""

    def __init__(self):
        super().__init__()
        self.scale, self.out = nn.Parameter(torch.ones(6)), nn.Linear(6, 3)

    def forward(self, x):
        h = (x * self.scale).abs()
        return self.out(torch.where(h > 0, h.log(), torch.zeros_like(h)))


WITH_ZEROS = torch.cat([torch.zeros(4, 6), X])
ZERO_LABELS = torch.cat([torch.zeros(4, dtype=torch.long), LABELS])


@pytest.mark.parametrize(("model", "node"), [(Root(0.0), "SqrtBackward0"), (Guarded(), "LogBackward0")])
def test_the_operation_that_breaks_a_finite_gradient_is_named_with_its_line(model, node):
    given = setup(model, WITH_ZEROS, ZERO_LABELS)
    seen = bad_gradient_reading(given, given.clone().train(steps=2))
    assert seen.node == node
    assert seen.tensors
    assert math.isfinite(seen.loss)
    assert seen.line.startswith("test_doctor_graph.py, line ")


def test_a_gradient_that_is_finite_is_left_alone():
    given = setup(Root(1e-6), WITH_ZEROS, ZERO_LABELS)
    assert bad_gradient_reading(given, given.clone().train(steps=2)).tensors == 0


def test_a_gradient_that_breaks_later_is_found_where_it_does():
    class Meets(nn.Module):  # its weight steps from 0.5 to exactly 0, where the root of its square breaks
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor([0.5]))

        def forward(self, x):
            return x * (self.w * self.w).sqrt()

    model = Meets()
    x, y = torch.ones(8, 1), torch.zeros(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    given = Setup(model, nn.MSELoss(), optimizer, (x, y), batch_size=8, epochs=10)
    run = given.clone().train()
    seen = bad_gradient_reading(given, run)
    assert (seen.node, seen.step) == ("SqrtBackward0", 1)


def test_first_break_goes_backward_and_leaves_no_hooks():
    x = torch.zeros(3, requires_grad=True)
    y = x.sqrt().exp().sum()
    assert first_break(y, [x])[0] == "SqrtBackward0"
    assert first_break((x + 1).sqrt().sum(), [x]) == ("", "", 0)


class Cell(nn.Module):
    def __init__(self, cut):
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.out, self.cut = nn.GRUCell(6, 5), nn.Linear(5, 3), cut

    def forward(self, x):
        h = x.new_zeros(len(x), 5)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], self.cut(h))
        return self.out(h)


def no_history(h):
    with torch.no_grad():
        return h * 1.0


@pytest.mark.parametrize("cut", [lambda h: h.detach(), lambda h: h.data, no_history], ids=["detach", "data", "no_grad"])
def test_a_state_without_its_history_is_seen_and_mended(cut):
    given = setup(Cell(cut), SERIES)
    seen = cut_reading(given)
    assert set(seen.tensors) == {f"cell.{kind}_{way}" for kind in ("weight", "bias") for way in ("ih", "hh")}
    assert seen.error > 0.1
    assert seen.calls == 5 if cut is no_history else seen.calls == 4  # the first state has no history yet
    assert seen.line.startswith("test_doctor_graph.py, line ")
    assert not seen.in_loss
    readings = Readings(graph=GraphReading(cut=seen))
    (change,) = keep_history.propose(Finding("gradient-cut-inside", "", {}, ""), readings)
    whole, mended = setup(Cell(lambda h: h), SERIES), change.apply(given)
    for one in (whole, mended):
        one.loss_fn(one.model(SERIES), LABELS).backward()
    for p, q in zip(whole.model.parameters(), mended.model.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, atol=1e-6)


class Binary(nn.Module):
    def forward(self, x):
        soft = x.clamp(-1, 1)
        return soft + (torch.where(x >= 0, 1.0, -1.0) - soft).detach()


class Stopped(nn.Module):
    """Also healthy: what is detached is compared in another output and not in the loss of the first."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


@pytest.mark.parametrize(
    "between",
    [
        (nn.ReLU(), nn.Dropout(0.5)),
        (nn.BatchNorm1d(8), nn.ReLU()),
        (nn.BatchNorm1d(8), Binary()),
        (nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)), nn.ReLU()),
        (nn.LayerNorm(8), nn.GELU(), nn.Unflatten(1, (2, 4)), nn.MaxPool1d(1), nn.Flatten()),
    ],
    ids=["dropout", "batchnorm", "straight-through", "spectral", "layernorm"],
)
def test_healthy_nets_have_the_gradient_of_their_loss(between):
    seen = cut_reading(setup(mlp(*between)))
    assert seen.tensors == ()
    assert not seen.error > 1e-3


def test_units_that_stand_exactly_on_their_kink_are_no_cut():
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(160, 3))
    nn.init.zeros_(model[0].bias)
    images = GRID.clamp(min=0) * (torch.arange(60) % 6 == 0).reshape(60, 1, 1, 1)  # mostly black
    seen = cut_reading(setup(model, images, LABELS[:60]))
    assert seen.error < 0.03
    assert seen.tensors == ()


def test_the_row_of_a_padding_word_gets_no_gradient_on_purpose():
    model = nn.Sequential(nn.Embedding(4, 6, padding_idx=0), nn.Flatten(), nn.Linear(30, 3))
    words = torch.randint(0, 4, (120, 5), generator=DRAW)
    seen = cut_reading(setup(model, words))
    assert seen.error < 1e-3
    assert seen.tensors == ()


def test_a_cut_in_the_loss_is_told_from_one_in_the_model():
    def focal(output, y):
        each = F.cross_entropy(output, y, reduction="none")
        return ((1 - torch.exp(-each)).detach() ** 2 * each).mean()

    assert cut_reading(setup(mlp(nn.ReLU()), loss=focal)).in_loss


class Recurrent(nn.Module):
    def __init__(self, kind, batch_first):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.out = kind(6, 8, batch_first=batch_first), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.layer(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=batch_first)
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.layer(x).mean(1))


class TimeFirst(Recurrent):
    def forward(self, x):
        return self.out(self.layer(x.transpose(0, 1))[0][-1])


@pytest.mark.parametrize(
    ("model", "swapped"),
    [
        (Recurrent(nn.LSTM, False), "layer"),
        (Recurrent(nn.RNN, False), "layer"),
        (Attention(False), "layer.self_attn"),
    ],
    ids=["lstm", "rnn", "transformer"],
)
def test_a_layer_that_takes_the_batch_for_time_is_named_and_flipped(model, swapped):
    given = setup(model, SERIES)
    seen = mixing_reading(given)
    assert seen.change > 1e-3
    assert seen.swapped == (swapped,)
    readings = Readings(graph=GraphReading(mixing=seen))
    (change,) = batch_first.propose(Finding("samples-mixed-in-batch", "", {}, ""), readings)
    assert mixing_reading(change.apply(given)).change < 1e-4


def test_samples_mixed_by_a_reshape_are_seen_without_such_a_layer():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(30, 3)

        def forward(self, x):
            return self.out(x.transpose(0, 1).reshape(len(x), -1))

    seen = mixing_reading(setup(Turned(), SERIES))
    assert seen.change > 1e-3
    assert seen.swapped == ()


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (mlp(nn.BatchNorm1d(8), nn.ReLU()), X),
        (mlp(nn.Dropout(0.5)), X),
        (Recurrent(nn.GRU, True), SERIES),
        (TimeFirst(nn.GRU, False), SERIES),
    ],
    ids=["batchnorm", "dropout", "batch first", "time first"],
)
def test_batch_statistics_and_time_first_are_not_mixing(model, x):
    assert mixing_reading(setup(model, x)).change < 1e-4


MASKS = torch.randint(0, 3, (60, 4, 5), generator=DRAW)


def viewed(scores, mask):
    return F.cross_entropy(scores.reshape(-1, 3), mask.reshape(-1))


def dice(scores, mask):
    p, t = scores.softmax(1), F.one_hot(mask, 3).movedim(-1, 1).float()
    return 1 - (2 * (p * t).sum((0, 2, 3)) / (p + t).sum((0, 2, 3))).mean()


def ignoring(scores, mask):
    return F.cross_entropy(scores, torch.where(mask == 1, -100, mask))


def pixels(loss):
    torch.manual_seed(0)
    return setup(nn.Conv2d(1, 3, 3, padding=1), GRID, MASKS, loss, task="multi-class")


def test_pixels_viewed_instead_of_permuted_are_misplaced_and_the_order_that_mends_it_is_found():
    given = pixels(viewed)
    seen = alignment_reading(given)
    assert seen.misplaced >= 0.5 * seen.places > 2
    assert seen.same_sample == pytest.approx(1.0)
    assert seen.repair == (0, 2, 3, 1)
    readings = Readings(graph=GraphReading(alignment=seen))
    (change,) = permute_outputs.propose(Finding("outputs-and-targets-misaligned", "", {}, ""), readings)
    scores = torch.randn(6, 3, 4, 5)
    assert change.apply(given).loss_fn(scores, MASKS[:6]) == pytest.approx(float(F.cross_entropy(scores, MASKS[:6])))


@pytest.mark.parametrize("loss", [F.cross_entropy, dice, ignoring], ids=["cross-entropy", "dice", "ignore"])
def test_losses_that_meet_their_own_place_are_aligned(loss):
    seen = alignment_reading(pixels(loss))
    assert seen.places > 2
    assert seen.misplaced == 0


def test_a_loss_that_compares_with_the_next_token_and_one_that_sorts_are_aligned():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(7, 7)

        def forward(self, x):
            return self.embed(x)

    words = torch.randint(0, 7, (60, 9), generator=DRAW)

    def following(scores, y):
        return F.cross_entropy(scores[:, :-1].reshape(-1, 7), y[:, 1:].reshape(-1))

    def matched(output, y):
        return (output.sort(1)[0] - y.sort(1)[0]).square().mean()

    assert alignment_reading(setup(Tokens(), words, words, following, task="multi-class")).misplaced == 0
    values = torch.randn(120, 4, generator=DRAW)
    assert alignment_reading(setup(nn.Linear(6, 4), X, values, matched)).misplaced == 0


def test_shapes_are_laid_beside_each_other_in_every_way_that_fits():
    assert orders((5, 9, 12), (5, 9)) == [(0, 1)]
    assert orders((9, 5, 12), (5, 9)) == [(1, 0)]
    assert orders((5, 1), (5, 1)) == [(0, -1)]
    assert orders((5, 12), (5, 3)) == []


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return F.log_softmax(self.b(torch.softmax(self.a(x), 1)), 1)


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.gate, self.b = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.b(self.a(x) * torch.softmax(self.gate(x), 1))


class Weighing(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.v, self.out = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out((torch.softmax(self.q(x) @ self.q(x).transpose(1, 2), -1) @ self.v(x)).mean(1))


def test_a_softmax_between_layers_is_seen_as_a_module_and_as_a_function_and_replaced():
    for model, modules in ((mlp(nn.Softmax(1)), ("1",)), (Functional(), ())):
        given = setup(model)
        seen = wiring_reading(given)
        assert (len(seen.softmaxes), seen.modules, seen.units) == (1, modules, 8)
        readings = Readings(graph=GraphReading(wiring=seen))
        (change,) = relu_for_softmax.propose(Finding("softmax-in-hidden-layer", "", {}, ""), readings)
        new = change.apply(given)
        assert wiring_reading(new).softmaxes == ()
        first, last = [m for m in model.modules() if isinstance(m, nn.Linear)]
        expected = last(torch.relu(first(X)))
        expected = F.log_softmax(expected, 1) if isinstance(model, Functional) else expected
        assert torch.allclose(new.model(X), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "x"), [(Gate(), X), (Weighing(), SERIES), (nn.Sequential(nn.Linear(6, 3), nn.Softmax(1)), X)]
)
def test_gates_attention_and_the_output_are_no_hidden_softmax(model, x):
    assert wiring_reading(setup(model, x)).softmaxes == ()


def test_dropout_on_the_output_is_told_from_dropout_before_it_and_removed():
    behind = nn.Sequential(*mlp(nn.ReLU()), nn.Dropout(0.5))
    given = setup(behind)
    seen = wiring_reading(given)
    assert (seen.dropout, seen.dropout_p) == ("3", 0.5)
    softened = wiring_reading(setup(nn.Sequential(*mlp(nn.ReLU()), nn.Dropout(0.5), nn.LogSoftmax(1))))
    assert softened.dropout == "3"
    assert wiring_reading(setup(mlp(nn.ReLU(), nn.Dropout(0.5)))).dropout == ""
    readings = Readings(graph=GraphReading(wiring=seen))
    change = next(less_dropout.propose(Finding("dropout-too-heavy", "", {}, ""), readings))
    assert torch.equal(change.apply(given).model.train()(X), given.clone().model.eval()(X))


def test_a_guard_keeps_the_value_nearly_and_makes_the_gradient_finite():
    given = setup(Root(0.0), WITH_ZEROS, ZERO_LABELS)
    seen = bad_gradient_reading(given, given.clone().train(steps=2))
    readings = Readings(graph=GraphReading(bad_gradient=seen))
    (change,) = finite_gradient.propose(Finding("nonfinite-gradient", "", {}, ""), readings)
    new = change.apply(given)
    assert torch.allclose(new.model(WITH_ZEROS), given.model(WITH_ZEROS), atol=2e-3)
    new.loss_fn(new.model(WITH_ZEROS), ZERO_LABELS).backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in new.model.parameters())
    assert seen.line in change.code


def test_reading_leaves_no_trace_and_does_not_raise_where_a_model_does():
    class Once(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.norm = nn.Linear(6, 3), nn.BatchNorm1d(3)

        def forward(self, x):
            if len(x) not in (16, 20, 120) or x.dtype == torch.float64:
                raise RuntimeError("of that size and precision only")
            return self.norm(self.layer(x))

    given = setup(Once())
    run = given.clone().train(steps=2)
    state, random = copy.deepcopy(given.model.state_dict()), torch.get_rng_state()
    seen = graph_reading(given, run, ask=True)
    assert math.isnan(seen.mixing.change)
    assert math.isnan(seen.cut.error)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(v, state[k]) for k, v in given.model.state_dict().items())
    assert all(p.grad is None for p in given.model.parameters())
    assert graph_reading(given, run, ask=False) == replace(GraphReading(), unregistered=seen.unregistered)
