"""What is measured at a Setup's point, against dense Hessians and hand-made cases; nothing is left behind."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from trainability import curvature, optimizers
from trainability.curvature import point as points
from trainability.errors import SetupError
from trainability.setup import Setup

G = torch.Generator().manual_seed(0)
X = torch.randn(50, 5, generator=G, dtype=torch.float64)
Y = torch.randint(0, 3, (50,), generator=G)


def network(*layers):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), *(layers or (nn.Tanh(),)), nn.Linear(8, 3)).double()


def setup(optimizer=None, model=None, **fields):
    model = network() if model is None else model
    build = optimizer or (lambda p: torch.optim.SGD(p, lr=0.1))
    given = {"loss_fn": nn.CrossEntropyLoss(), "data": (X, Y), "batch_size": 16, **fields}
    return Setup(model=model, optimizer=build(model.parameters()), **given)


def dense(model, scale=None, decay=0.0, loss_fn=F.cross_entropy):
    names, parameters = zip(*model.named_parameters(), strict=True)

    def of_flat(flat):
        parts = flat.split([p.numel() for p in parameters])
        given = {n: part.view_as(p) for n, part, p in zip(names, parts, parameters, strict=True)}
        return loss_fn(torch.func.functional_call(model, given, (X,)), Y)

    h = torch.autograd.functional.hessian(of_flat, torch.cat([p.detach().reshape(-1) for p in parameters]))
    h = h + decay * torch.eye(len(h), dtype=h.dtype)
    return h if scale is None else scale[:, None] * h * scale


def largest(h):
    return torch.linalg.eigvalsh(h)[-1].item()


def test_plain_numbers_are_those_of_the_dense_hessian():
    given = setup()
    h = dense(given.model)
    found = curvature.measure(given, tol=1e-7, largest=3)
    values = torch.linalg.eigvalsh(h)
    assert torch.allclose(found.ends.largest, values.flip(0)[:3], rtol=1e-6)
    assert found.ends.smallest[0].item() == pytest.approx(values[0].item(), rel=1e-5)
    low, high = found.trace.interval(0.999)
    assert low <= h.trace() <= high
    assert found.effective.value == pytest.approx(values[-1].item(), rel=1e-7)
    assert found.limit.high == pytest.approx(2 / values[-1].item(), rel=1e-6)
    assert found.limit.low <= found.limit.high
    assert (found.samples, found.of, found.weights) == (50, 50, len(h))
    assert found.loss == pytest.approx(F.cross_entropy(given.model(X), Y).item())


@pytest.mark.parametrize(
    ("build", "limit"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.3), lambda h: 2 * 1.9 / (h + 0.3)),
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True), lambda h: 2 * 1.8 / (2.6 * h)),
    ],
)
def test_weight_decay_and_momentum_are_in_the_limit(build, limit):
    given = setup(build)
    found = curvature.measure(given, tol=1e-7)
    assert found.limit.high == pytest.approx(limit(largest(dense(given.model))), rel=1e-6)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_with_its_own_state(decoupled):
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    given = setup(lambda p: kind(p, lr=1e-2, weight_decay=0.2))
    for _ in range(5):
        given.optimizer.zero_grad()
        F.cross_entropy(given.model(X), Y).backward()
        given.optimizer.step()
    d = torch.cat([t.reshape(-1) for t in optimizers.preconditioner(given.optimizer, list(given.model.parameters()))])
    h = largest(dense(given.model, d.rsqrt(), 0.0 if decoupled else 0.2))
    found = curvature.measure(given, tol=1e-8)
    assert found.effective.value == pytest.approx(h, rel=1e-5)
    assert found.limit.high == pytest.approx(38 / (h + (0.2 * 19 if decoupled else 0)), rel=1e-5)
    assert "state that the optimizer has" in " ".join(found.notes)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad])
def test_an_adaptive_rule_without_state_gets_one_at_these_weights(kind):
    given = setup(lambda p: kind(p, lr=1e-2))
    found = curvature.measure(given, gather=7)
    assert not found.effective_is_plain
    assert any("from 7 mini-batches" in note for note in found.notes)
    assert found.ends.largest[0].item() == pytest.approx(largest(dense(given.model)), rel=1e-2)  # the weights stayed


def test_groups_with_different_lrs():
    model = network()
    groups = [
        {"params": model[0].parameters(), "lr": 0.2},
        {"params": model[2].parameters(), "lr": 0.02, "weight_decay": 0.5},
    ]
    found = curvature.measure(setup(lambda _: torch.optim.SGD(groups, lr=0.2), model), tol=1e-8)
    lrs = torch.cat([torch.full((48,), 1.0), torch.full((27,), 0.1)]).double()
    h = dense(model) + torch.diag(torch.cat([torch.zeros(48), torch.full((27,), 0.5)]).double())
    assert found.effective.value == pytest.approx(largest(lrs.sqrt()[:, None] * h * lrs.sqrt()), rel=1e-6)
    assert "different lrs" in " ".join(found.notes)


def test_a_loader_and_a_loss_that_sums():
    loader = DataLoader(
        TensorDataset(X, Y),
        batch_size=16,
        shuffle=True,
        collate_fn=lambda b: tuple(map(torch.stack, zip(*b, strict=True))),
    )
    whole = curvature.measure(setup(), tol=1e-7)
    assert curvature.measure(setup(data=loader), sample=None, tol=1e-7).effective.value == pytest.approx(
        whole.effective.value, rel=1e-6
    )
    sums = curvature.measure(setup(loss_fn=nn.CrossEntropyLoss(reduction="sum")), tol=1e-7)
    assert sums.effective.value == pytest.approx(
        16 * whole.effective.value, rel=1e-6
    )  # as a step of 16 samples sees it


def test_a_stated_sample_in_several_graphs(monkeypatch):
    monkeypatch.setattr(points, "CHUNK", 9)
    monkeypatch.setattr(points, "KEPT", 10)
    found = curvature.measure(setup(), sample=20)
    assert (found.samples, found.of) == (20, 50)
    x, y = setup().batches.sample(20)
    assert found.loss == pytest.approx(F.cross_entropy(network()(x), y).item(), rel=1e-12)


class Noise(nn.Module):
    def forward(self, x):
        return x + 0.1 * torch.randn_like(x)


def test_chance_is_switched_off_or_seeded_and_said():
    dropout = curvature.measure(setup(model=network(nn.Tanh(), nn.Dropout(0.5))), tol=1e-6)
    plain = curvature.measure(setup(), tol=1e-6)
    assert dropout.effective.value == pytest.approx(plain.effective.value, rel=1e-6)
    assert any("dropout" in note and "switched off" in note for note in dropout.notes)
    noisy = [curvature.measure(setup(model=network(Noise(), nn.Tanh())), tol=1e-6) for _ in range(2)]
    assert noisy[0].effective.value == noisy[1].effective.value
    assert noisy[0].effective.converged
    assert any("same seed" in note for note in noisy[0].notes)
    assert not plain.notes


def test_batch_normalisation_uses_the_batch():
    model = network(nn.BatchNorm1d(8), nn.Tanh()).train()
    h = dense(model)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm1d):
            norm.reset_running_stats()
    found = curvature.measure(setup(model=model), tol=1e-7, with_density=True)
    assert found.effective.value == pytest.approx(largest(h), rel=1e-5)
    assert any("BatchNorm" in note for note in found.notes)


def test_a_loss_without_curvature_has_no_limit():
    model = nn.Linear(5, 1).double()
    given = Setup(model, lambda o, y: o.mean(), torch.optim.SGD(model.parameters(), lr=0.1), (X, Y.double()[:, None]))
    found = curvature.measure(given)
    assert found.flat
    assert found.limit.high == math.inf
    assert "no curvature" in " ".join(found.notes)
    assert curvature.self_check(curvature.at(given), found) is None


def test_a_loss_that_is_not_finite_says_nothing_of_a_learning_rate():
    model = network()
    with torch.no_grad():
        model[0].weight[0, 0] = math.nan
    found = curvature.measure(setup(model=model))
    assert found.limit is None
    assert math.isnan(found.effective.value)
    assert "not finite" in " ".join(found.notes)
    assert "no learning rate can be tested" in curvature.range_test(setup(model=model), seeds=1).says


def test_nothing_to_train_and_an_unknown_rule():
    with pytest.raises(SetupError, match="no parameter that can be trained"):
        curvature.measure(setup(model=network().requires_grad_(False)))
    found = curvature.measure(setup(torch.optim.NAdam))
    assert found.limit is None
    assert "No stability limit is known for NAdam" in " ".join(found.notes)


def test_no_trace_is_left():
    model = network(nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Tanh()).train()
    given = setup(lambda p: torch.optim.Adam(p, lr=1e-2), model)
    model[0].weight.grad = torch.full_like(model[0].weight, 7.0)
    kept = {k: v.clone() for k, v in model.state_dict().items()}
    random = torch.random.get_rng_state()
    at = curvature.at(given)
    found = curvature.measure_at(at)
    curvature.self_check(at, found, steps=3)
    curvature.range_test(given, seeds=2, highest=1.0)
    assert all(torch.equal(kept[k], v) for k, v in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.full_like(model[0].weight, 7.0))
    assert not given.optimizer.state
    assert given.optimizer.param_groups[0]["lr"] == 1e-2
    assert all(m.training for m in model.modules())
    assert model[1].track_running_stats
    assert torch.equal(random, torch.random.get_rng_state())


def test_measured_where_the_setup_is_now_and_not_at_its_start():
    given = setup()
    before = curvature.measure(given).effective.value
    with torch.no_grad():
        for p in given.model.parameters():
            p.mul_(3.0)
    after = curvature.measure(given).effective.value
    assert after != pytest.approx(before, rel=0.05)
    assert after == pytest.approx(largest(dense(given.model)), rel=1e-2)
