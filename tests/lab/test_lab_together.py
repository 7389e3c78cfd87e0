"""Setups trained together beside the same Setups trained one by one, which is the oracle."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainability import Setup, SetupError
from trainability.doctor.bench import Bench
from trainability.doctor.remedies import Change
from trainability.doctor.remedies.adam import _adam
from trainability.doctor.remedies.clip_gradients import _clip
from trainability.doctor.remedies.standardise_inputs import standardise_inputs
from trainability.lab import single_thread
from trainability.lab.together import groupable, parts, train_setups
from trainability.lab.together.member import prepared, read

STEPS = 60
SEEDS = [3, 4, 5]


def net(activation=nn.ReLU, out=3, *, ending=(), sizes=(4, 8, 6)):
    layers = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], out), *ending)


def labelled(n=50, out=3):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return X, X[:, :out].argmax(1)


def valued(n=50, out=2):
    X, _ = labelled(n)
    return X, torch.sin(X[:, :out])


def yes_or_no(n=50):
    X, _ = labelled(n)
    return X, (X[:, :1] > X[:, 1:2]).to(X)


def made(model, loss_fn, optimizer, data, *, batch=16, validation=None, dtype=torch.float64, **options):
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -0.7, 0.7)
    data = tuple(t.to(dtype) if t.is_floating_point() else t for t in data)
    return Setup(model.to(dtype), loss_fn, optimizer, data, batch_size=batch, validation=validation, **options)


def both(setups, seeds=SEEDS, steps=STEPS, *, groups=1):
    """(alone, together), having seen that together means together."""
    found = parts(setups, seeds, steps, lanes=1)
    assert len(found) == groups
    with single_thread():  # the last bit of a sum depends on the number of threads
        alone = [s.clone().train(steps=steps, order=seed) for s, seed in zip(setups, seeds, strict=True)]
        return alone, train_setups(setups, seeds, steps, workers=1)


def assert_same(alone, together, rtol=1e-7):
    for a, b in zip(alone, together, strict=True):
        assert a.outcome == b.outcome
        np.testing.assert_allclose(b.losses, a.losses, rtol=rtol)
        np.testing.assert_allclose(b.gradient_norms, a.gradient_norms, rtol=100 * rtol, atol=1e-9)
        for name in ("start_loss", "constant_loss", "target", "score", "constant_score", "validation_loss"):
            assert getattr(b, name) == pytest.approx(getattr(a, name), rel=100 * rtol, abs=1e-9, nan_ok=True), name
        for name in ("validation_constant_loss", "validation_score", "end_loss"):
            assert getattr(b, name) == pytest.approx(getattr(a, name), rel=100 * rtol, abs=1e-9, nan_ok=True), name
        assert (a.steps, a.learned) == (b.steps, b.learned)


def sgd(**options):
    return lambda parameters: torch.optim.SGD(parameters, **options)


RULES = {
    "sgd": sgd(lr=0.1),
    "momentum": sgd(lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": sgd(lr=0.05, momentum=0.8, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.005, momentum=0.5),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05),
}
ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU,
}
LOSSES = {
    "cross-entropy": (nn.CrossEntropyLoss(), labelled, 3, ()),
    "mse": (nn.MSELoss(), valued, 2, ()),
    "bce-with-logits": (nn.BCEWithLogitsLoss(), yes_or_no, 1, ()),
    "softmax first": (nn.CrossEntropyLoss(), labelled, 3, (nn.Softmax(1),)),
    "sum of squares in a lambda": (lambda o, t: ((o - t) ** 2).sum() / 7, valued, 2, ()),
    "bce of a sigmoid": (nn.BCELoss(), yes_or_no, 1, (nn.Sigmoid(),)),
    "smoothed": (nn.CrossEntropyLoss(label_smoothing=0.1), labelled, 3, ()),
    "broadcast": (F.mse_loss, lambda: (yes_or_no()[0], yes_or_no()[1].flatten()), 1, ()),
}


@pytest.mark.parametrize(
    ("rule", "activation", "loss", "batch"),
    [
        ("sgd", "relu", "cross-entropy", 16),
        ("momentum", "tanh", "mse", None),
        ("nesterov", "sigmoid", "bce-with-logits", 25),
        ("adam", "leaky", "cross-entropy", 16),
        ("adamw", "relu", "mse", 16),
        ("rmsprop", "gelu", "bce-with-logits", 200),
        ("adagrad", "tanh", "cross-entropy", 50),
        ("adam", "relu", "softmax first", 16),
        ("sgd", "tanh", "sum of squares in a lambda", 16),
        ("momentum", "sigmoid", "bce of a sigmoid", 16),
        ("sgd", "leaky", "smoothed", 16),
        ("adam", "tanh", "broadcast", None),
    ],
)
def test_runs_are_those_of_plain_training(rule, activation, loss, batch):
    loss_fn, data, out, ending = LOSSES[loss]
    validation = tuple(t[:20] for t in data()) if rule in ("sgd", "adam") else None
    setup = made(
        net(ACTIVATIONS[activation], out, ending=ending),
        loss_fn,
        RULES[rule],
        data(),
        batch=batch,
        validation=validation,
    )
    assert_same(*both([setup.seeded(seed) for seed in SEEDS]))


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(("rule", "sizes"), [("adam", (4, 8, 6)), ("momentum", (4, 32, 1, 16)), ("sgd", (4,))])
def test_float32_has_the_same_bits(activation, rule, sizes):
    X, y = labelled()
    model = net(ACTIVATIONS[activation], sizes=sizes)
    setup = made(model, nn.CrossEntropyLoss(), RULES[rule], (X, y), dtype=torch.float32)
    setups = [setup.seeded(seed) for seed in SEEDS]
    setups[2].optimizer.param_groups[0]["lr"] *= 3
    alone, together = both(setups)
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a.losses, b.losses)
        assert (a.score, a.start_loss) == (b.score, b.start_loss)


def test_members_may_differ_in_numbers_weights_data_and_seeds():
    X, y = labelled()
    setups = []
    for i, lr in enumerate((0.1, 0.02, 0.5)):
        one = made(net(), nn.CrossEntropyLoss(), sgd(lr=lr, momentum=0.1 * (i + 1)), (X * (1 + i), y)).seeded(i)
        setups.append(one.replaced(target=0.3 * i) if i else one)
    assert_same(*both(setups))
    assert_same(*both([s.clone() for s in setups], seeds=[7, 7, 7]))


def test_a_fixed_map_before_the_network_is_part_of_the_data():
    X, y = labelled()
    plain = made(net(), nn.CrossEntropyLoss(), RULES["adam"], (X * 5 + 3, y), validation=(X[:20] * 5 + 3, y[:20]))
    wrapped = standardise_inputs(plain.seeded(1), torch.Generator())
    assert_same(*both([plain.seeded(0), wrapped], seeds=[8, 8]))
    flat = made(nn.Sequential(nn.Flatten(), *net()), nn.CrossEntropyLoss(), RULES["adam"], (X.reshape(-1, 2, 2), y))
    assert_same(*both([flat.seeded(i) for i in SEEDS]))


def test_parameters_that_are_not_trained_stay():
    X, y = labelled()

    def build(freeze):
        model = net()
        model[0].weight.requires_grad_(not freeze)
        return made(model, nn.CrossEntropyLoss(), lambda p: torch.optim.Adam(model[:4].parameters(), lr=0.01), (X, y))

    for freeze in (True, False):
        setups = [build(freeze).seeded(i) for i in SEEDS]
        before = setups[0].model[4].weight.clone()
        first = setups[0].model[0].weight.clone()
        assert_same(*both(setups))
        assert torch.equal(before, setups[0].model[4].weight)
        assert torch.equal(first, setups[0].model[0].weight) == freeze


@pytest.mark.parametrize("lrs", [(0.1, 1e40, 0.01, 1e38), (1e40, 1e39, 1e38, 1e37)])
def test_lost_runs_end_early_and_leave_the_others_alone(lrs):
    X, y = valued()
    setups = [made(net(out=2), nn.MSELoss(), sgd(lr=lr), (X, y)).seeded(i) for i, lr in enumerate(lrs)]
    alone, together = both(setups, [1, 2, 3, 4])
    assert_same(alone, together)
    for a, b in zip(alone, together, strict=True):
        assert np.isfinite(a.losses).sum() == np.isfinite(b.losses).sum()
    assert together[1].outcome == "diverged"
    assert np.isnan(together[1].score)


def test_each_setup_may_have_its_own_number_of_steps():
    X, y = labelled()
    setup = made(net(), nn.CrossEntropyLoss(), RULES["sgd"], (X, y))
    setups = [setup.seeded(i) for i in range(4)]
    assert [r.steps for r in train_setups(setups, range(4), [50, 90, 50, 5], workers=1)] == [50, 90, 50, 5]
    assert sorted(p.places for p in parts(setups, range(4), [50, 90, 50, 5], lanes=1)) == [(0, 2), (1,), (3,)]


class Doubled(nn.Module):
    """Works on what passes between two layers without being a layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x):
        hidden = self.a(x)
        hidden.mul_(2)
        return self.b(hidden)


class Noisy(nn.Module):
    """Draws random numbers before the first layer."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 3)

    def forward(self, x):
        return self.a(x + 0.1 * torch.randn_like(x))


def tied():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(4, 3))


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)),
        nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)),
        nn.Sequential(nn.BatchNorm1d(4, affine=False), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)),
        nn.Sequential(nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 3)),
        Doubled(),
        Noisy(),
        tied(),
    ],
    ids=["dropout", "batch-norm", "batch-norm-first", "two-activations", "prelu", "in-place", "noisy", "tied"],
)
def test_other_networks_are_trained_alone_and_to_the_last_bit(model):
    X, y = labelled()
    setup = made(model, nn.CrossEntropyLoss(), RULES["sgd"], (X, y))
    assert read(setup) is None
    alone, together = both([setup.seeded(i) for i in SEEDS], groups=3)
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a.losses, b.losses)


def test_what_somebody_has_a_hand_in_is_trained_alone():
    X, y = labelled()

    def ready(**options):
        return made(net(), nn.CrossEntropyLoss(), RULES["sgd"], (X, y), **options)

    assert groupable(ready(), STEPS)
    assert not groupable(ready(), 10)
    assert read(_clip(ready(), torch.Generator())) is None
    hooked = ready()
    hooked.model[0].register_forward_hook(lambda *given: None)
    assert read(hooked) is None
    pulled = ready()
    pulled.model[0].weight.register_hook(lambda g: g)
    assert read(pulled) is None
    assert read(ready(step=lambda model, batch, optimizer: None)) is None
    model = net()
    groups = torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2:].parameters()}], lr=0.2)
    assert read(made(model, nn.CrossEntropyLoss(), groups, (X, y))) is None
    assert read(made(net(), nn.CrossEntropyLoss(), lambda p: torch.optim.NAdam(p), (X, y))) is None
    penalised = net()

    def loss(output, target):
        return F.cross_entropy(output, target) + 0.1 * penalised[0].weight.square().sum()

    assert read(made(penalised, loss, RULES["sgd"], (X, y))) is None
    wide = nn.Sequential(nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 3))
    assert read(made(wide, nn.CrossEntropyLoss(), RULES["sgd"], (X, y))) is None


def test_reading_leaves_no_trace():
    X, y = labelled()
    model = nn.Sequential(nn.ReLU(inplace=True), *net())
    setup = made(model, nn.CrossEntropyLoss(), RULES["sgd"], (X, y))
    model.eval()
    state, data = torch.get_rng_state(), X.clone()
    member = read(setup)
    assert member is None or prepared(member) is not None
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(setup.data[0], data)
    assert not any(m._forward_hooks or m._forward_pre_hooks or m.training for m in model.modules())


def test_an_answer_that_depends_on_the_batch_is_no_fixed_map():
    class Centred(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x):
            return self.net(x - x.mean(0))

    X, y = labelled()
    setup = made(Centred(), nn.CrossEntropyLoss(), RULES["sgd"], (X, y))
    alone = [setup.seeded(i).train(steps=STEPS, order=i) for i in SEEDS]
    for a, b in zip(alone, train_setups([setup.seeded(i) for i in SEEDS], SEEDS, STEPS, workers=1), strict=True):
        assert np.array_equal(a.losses, b.losses)


def test_a_setup_that_cannot_be_trained_keeps_its_error_to_itself():
    X, y = labelled()
    good = made(net(), nn.CrossEntropyLoss(), RULES["sgd"], (X, y))
    bad = good.seeded(1).replaced(data=(X, y + 9), validation=None)
    results = {}
    for part in parts([good.seeded(0), bad, good.seeded(2)], SEEDS, STEPS, lanes=1):
        results |= dict(zip(part.places, part.job(), strict=True))
    assert isinstance(results[1], SetupError)
    assert results[0].outcome == good.seeded(0).train(steps=STEPS, order=SEEDS[0]).outcome
    with pytest.raises(SetupError, match="labels"):
        train_setups([good.seeded(0), bad], [1, 2], STEPS, workers=1)
    with pytest.raises(ValueError, match="as many"):
        train_setups([good], [1, 2], STEPS)


def test_chunks_follow_the_lanes():
    X, y = labelled()
    setups = [made(net(), nn.CrossEntropyLoss(), RULES["sgd"], (X, y)) for _ in range(12)]
    assert len(parts(setups, range(12), STEPS, lanes=1)) == 1
    assert len(parts(setups, range(12), STEPS, lanes=2)) == 2
    assert len(parts(setups, range(12), STEPS, lanes=16)) == 12  # every run has a core of its own
    seen = [place for part in parts(setups, range(12), STEPS, lanes=3) for place in part.places]
    assert sorted(seen) == list(range(12))


def change(name, transform, budget=1.0):
    return Change(name, name, name, "", 1.0, (), (), transform, budget)


def test_the_bench_gives_the_same_runs_either_way():
    X, y = labelled()
    setup = made(net(), nn.CrossEntropyLoss(), RULES["sgd"], (X * 4 + 2, y))

    def refused(setup, generator):
        raise SetupError("not for this one")

    changes = [
        change("adam", lambda s, g: _adam(s, 0.01)),
        change("longer", lambda s, g: _adam(s, 0.02), 1.5),
        change("standardise", standardise_inputs),
        change("clip", _clip),
        change("refused", refused),
    ]
    benches = []
    for together in (False, True):
        bench = Bench(setup, setup, seeds=2, steps=STEPS, max_seconds=None, workers=1, progress=None)
        assert bench.together
        bench.together = together
        _, baseline = bench.baseline()
        benches.append((baseline, bench.screen(changes), bench.prove(changes)))
    (base, tried, proofs), (base_t, tried_t, proofs_t) = benches
    assert_same(base, base_t)
    assert [(c.name, e) for c, _, e in tried] == [(c.name, e) for c, _, e in tried_t]
    assert_same([r for _, r, _ in tried if r], [r for _, r, _ in tried_t if r])
    assert [c.name for c, _ in proofs] == [c.name for c, _ in proofs_t] == ["adam", "longer", "standardise", "clip"]
    for (_, a), (_, b) in zip(proofs, proofs_t, strict=True):
        assert_same(a, b)
        assert [r.seed for r in a] == [r.seed for r in b] == list(bench.seeds)
