"""Planes through weights: places, norms and losses against closed forms, and no trace left."""

import numpy as np
import pytest
import torch
from torch import nn

from trainability.errors import SetupError
from trainability.lab import MLP, train_ensemble
from trainability.lab.landscape import (
    flattened,
    landscape,
    normalised,
    pca_plane,
    plane,
    random_plane,
    three_points,
    trajectory,
    weights_of,
)
from trainability.optimizers import SGD
from trainability.problems import get
from trainability.setup import Setup
from trainability.setup.train import predict


class Mixed(nn.Module):
    """Convolutions both ways, grouped, normalised, with an embedding and a frozen and a tied weight."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.back = nn.ConvTranspose2d(4, 6, 2, groups=2)
        self.head = nn.Linear(6, 3)
        self.tied = nn.Linear(6, 3)
        self.tied.weight = self.head.weight
        self.fixed = nn.Linear(3, 3).requires_grad_(False)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        z = self.back(torch.relu(self.norm(self.conv(x)))).mean((2, 3))
        return self.fixed(self.head(self.drop(z)) + self.tied(z))


def mixed():
    torch.manual_seed(0)
    model = Mixed()
    model(torch.randn(32, 2, 5, 5))  # running statistics of its own
    data = torch.randn(40, 2, 5, 5), torch.randint(3, (40,))
    return Setup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), data, batch_size=16)


def loss_at(setup, vector, samples=1024):
    """The loss by writing the weights into a copy of the model."""
    own = setup.clone()
    at = 0
    for p in own.model.parameters():
        if p.requires_grad:
            p.data = torch.as_tensor(vector[at : at + p.numel()]).reshape(p.shape).to(p.dtype)
            at += p.numel()
    assert at == len(vector)
    x, y = own.batches.sample(samples)
    return own.loss_fn(predict(own.model, x), y).item()


def test_a_quadratics_plane_is_the_closed_form():
    spectrum = np.array([5.0, 2.0, 0.3])
    setup = get("quadratic")(1, spectrum=spectrum.tolist())
    o, u, v = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -1.0]), np.array([2.0, 0.0, 1.0])
    for chunk in (1, 7, 1000):
        found = landscape(setup, plane(o, u, v), x=(-3, 2), y=(-1, 4), resolution=9, chunk=chunk)
        w = o + found.x[None, :, None] * u + found.y[:, None, None] * v
        assert found.loss == pytest.approx(0.5 * (spectrum * w**2).sum(-1), rel=1e-12)
        assert found.loss.shape == (9, 9)


def test_it_is_the_loss_of_a_model_with_these_weights():
    setup = mixed()
    found = landscape(setup, random_plane(setup.model, seed=3, vectors="norm"), x=(-1, 1), y=(-2, 1), resolution=4)
    for i, j in ((0, 0), (2, 1), (3, 3)):
        assert found.loss[i, j] == pytest.approx(loss_at(setup, found.plane.at(found.x[j], found.y[i])), rel=1e-5)
    here = landscape(setup, random_plane(setup.model, seed=3), resolution=5)
    assert here.x[2] == here.y[2] == 0
    assert here.loss[2, 2] == pytest.approx(loss_at(setup, weights_of(setup.model)), rel=1e-5)
    few = landscape(setup, random_plane(setup.model, seed=3), resolution=3, samples=10)
    assert few.samples == 10
    assert few.loss[1, 1] == pytest.approx(loss_at(setup, weights_of(setup.model), 10), rel=1e-5)


def test_a_model_that_vmap_cannot_follow_is_looped_over():
    class Branch(nn.Linear):
        def forward(self, x):
            z = super().forward(x)
            return z if float(z.mean().detach()) > 0 else -2 * z

    torch.manual_seed(1)
    model = Branch(3, 1)
    setup = Setup(
        model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), (torch.randn(30, 3), torch.randn(30, 1))
    )
    found = landscape(setup, random_plane(model, seed=0), resolution=5)
    expected = [[loss_at(setup, found.plane.at(x, y)) for x in found.x] for y in found.y]
    assert found.loss == pytest.approx(np.array(expected), rel=1e-5)


def test_a_chunk_is_one_call_of_the_model():
    class Counting(nn.Linear):
        calls = 0

        def forward(self, x):
            type(self).calls += 1
            return super().forward(x)

    model = Counting(3, 1)
    data = torch.randn(30, 3), torch.randn(30, 1)
    setup = Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), data)
    one, before = random_plane(model, seed=0), Counting.calls
    landscape(setup, one, resolution=6, chunk=10)
    assert Counting.calls - before == 4


@pytest.mark.parametrize("vectors", ["zero", "norm"])
def test_every_filter_is_as_long_as_the_weights(vectors):
    model = mixed().model
    rng = np.random.default_rng(0)
    d = normalised(rng.standard_normal(len(weights_of(model))), model, vectors=vectors)
    own, at = weights_of(model), 0
    seen = set()
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        seen.add(name)
        one, w = (a[at : at + p.numel()].reshape(p.shape) for a in (d, own))
        at += p.numel()
        if p.ndim == 1:
            wanted = np.linalg.norm(w) if vectors == "norm" else 0.0
            assert np.linalg.norm(one) == pytest.approx(wanted, rel=1e-12)
        elif name == "back.weight":  # (4, 6 / 2, 2, 2): two groups of two inputs, three outputs each
            for g in range(2):
                for k in range(3):
                    part = (slice(2 * g, 2 * g + 2), k)
                    assert np.linalg.norm(one[part]) == pytest.approx(np.linalg.norm(w[part]), rel=1e-12)
        else:
            for k in range(p.shape[0]):
                assert np.linalg.norm(one[k]) == pytest.approx(np.linalg.norm(w[k]), rel=1e-12)
    assert at == len(d)
    assert "tied.weight" not in seen
    assert "head.weight" in seen


def test_whole_layers_dead_filters_and_no_norm():
    model = nn.Linear(4, 3, bias=False)
    with torch.no_grad():
        model.weight[1] = 0
    d = np.random.default_rng(1).standard_normal(12)
    assert normalised(d, model).reshape(3, 4)[1].tolist() == [0, 0, 0, 0]
    assert np.linalg.norm(normalised(d, model, "layer")) == pytest.approx(np.linalg.norm(weights_of(model)))
    assert normalised(d, model, "none").tolist() == d.tolist()
    other = 3 * weights_of(model)
    assert normalised(d, model, weights=other) == pytest.approx(3 * normalised(d, model))
    with pytest.raises(ValueError, match="'filter', 'layer' or 'none'"):
        normalised(d, model, "filters")
    with pytest.raises(ValueError, match="one number per trained parameter"):
        normalised(d[:5], model)


def test_the_picture_does_not_change_when_relu_layers_are_rescaled():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 1, bias=False))
    data = torch.randn(50, 4), torch.randn(50, 1)
    setup = Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), data)
    before = landscape(setup, random_plane(model, seed=2), resolution=5).loss
    with torch.no_grad():
        model[0].weight.mul_(8)
        model[2].weight.div_(8)
    assert landscape(setup, random_plane(model, seed=2), resolution=5).loss == pytest.approx(before, rel=1e-5)
    plain = landscape(setup, random_plane(model, seed=2, norm="none"), resolution=5).loss
    assert abs(plain - before).max() > 0.1


def test_the_pca_plane_has_the_two_leading_directions():
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    mean = rng.standard_normal(30)
    points = mean + rng.standard_normal((400, 30)) * np.r_[10.0, 4.0, np.full(28, 0.1)] @ q.T
    found = pca_plane([points[:150], points[150:]])
    values, rows = np.linalg.eigh(np.cov(points.T))
    for mine, theirs in zip(found.directions, rows.T[::-1][:2], strict=True):
        assert abs(mine @ theirs) == pytest.approx(1, abs=1e-9)
    assert found.gram == pytest.approx(np.eye(2), abs=1e-12)
    assert found.shares == pytest.approx(values[::-1][:2] / values.sum(), rel=1e-9)
    assert found.corners[0] == pytest.approx(points.mean(0))
    for k in range(2):  # to the two directions that the points were made with, within a noise of 0.1 / 4 / 20
        assert np.linalg.norm(found.directions @ q[:, k]) == pytest.approx(1, abs=1e-3)
    x, y, distance = found.project(points)
    assert (found.spans[0][0] < x.min(), found.spans[0][1] > x.max()) == (True, True)
    assert (found.spans[1][0] < y.min(), found.spans[1][1] > y.max()) == (True, True)
    assert distance.max() < 0.1 * 10
    end = pca_plane(points[None], through=points[-1])
    assert end.project(points[-1])[2] == pytest.approx(0, abs=1e-9)


def test_projections_are_the_nearest_places():
    rng = np.random.default_rng(2)
    one = plane(*rng.standard_normal((3, 6)))
    inside = one.at([0.3, -2.0], [1.5, 0.25])
    x, y, distance = one.project(inside)
    assert (x, y) == (pytest.approx([0.3, -2.0]), pytest.approx([1.5, 0.25]))
    assert distance == pytest.approx(0, abs=1e-12)
    point = rng.standard_normal(6)
    x, y, distance = one.project(point)
    left = point - one.at(x, y)
    assert one.directions @ left == pytest.approx(0, abs=1e-12), "at a right angle to the plane"
    assert distance == pytest.approx(np.linalg.norm(left))


def test_three_points_lie_on_their_places_exactly():
    setups = [get("circles")(seed) for seed in range(3)]
    ends = [weights_of(s.model) for s in setups]
    found = three_points(*ends, names=("A", "B", "C"))
    for resolution in (6, 13, 20):
        seen = landscape(setups[0], found, resolution=resolution)
        for (name, x, y), vector, setup in zip(found.marks, ends, setups, strict=True):
            i, j = np.flatnonzero(seen.y == y), np.flatnonzero(seen.x == x)
            assert (len(i), len(j)) == (1, 1), name
            assert np.array_equal(found.at(x, y), vector)
            assert seen.loss[i[0], j[0]] == pytest.approx(loss_at(setup, weights_of(setup.model)), rel=1e-6)
    assert found.at(0.25, 0.5) == pytest.approx(0.25 * ends[0] + 0.25 * ends[1] + 0.5 * ends[2])
    with pytest.raises(ValueError, match="needed more, to hold"):
        landscape(setups[0], found, x=(-9.0, 9.0), resolution=3)


def test_trajectories_of_a_setup_and_of_an_ensemble_on_their_plane():
    setup = get("abs-regression")(0)
    path = trajectory(setup, seed=0, steps=30, points=7)
    assert path.shape == (7, 25)
    run = setup.clone()
    run.train(seed=0, steps=30)
    assert np.array_equal(path[-1], weights_of(run.model))
    net = MLP((1, 8, 1))
    member = net.member(seed=0)
    got = train_ensemble(
        net, SGD(0.1), setup.data, loss="mse", steps=20, seeds=3, measured_at=[0, 5, 20],
        measures={"weights": lambda s: flattened(s.params, member)},
    )  # fmt: skip
    paths = np.asarray(got.measured["weights"])
    assert paths.shape == (3, 3, 25)
    assert paths[0, 0] == pytest.approx(weights_of(member))
    found = landscape(setup, pca_plane(paths), resolution=6, paths={"first": paths[0], "other": paths[1]})
    assert [p.label for p in found.paths] == ["first", "other"]
    for one, points in zip(found.paths, paths, strict=False):
        x, y, distance = found.plane.project(points)
        assert np.array_equal(one.x, x)
        assert np.array_equal(one.y, y)
        assert np.array_equal(one.distance, distance)
        assert one.loss == pytest.approx([loss_at(setup, w) for w in points], rel=1e-5)
    assert [p.label for p in landscape(setup, found.plane, resolution=2, paths=paths).paths] == [
        "run 1",
        "run 2",
        "run 3",
    ]
    assert "variance" in found.labels[0]
    with pytest.raises(ValueError, match="Give the model of these members"):
        flattened({"0.weight": torch.zeros(3, 8, 1)}, member)


def test_losses_that_are_lost_are_numbers_of_the_record():
    setup = get("quartic")(0, dimension=2)
    found = landscape(setup, plane([0.0, 0.0], [1e80, 0.0], [0.0, 1.0]), x=(-1, 1), resolution=3)
    assert np.isinf(found.loss[:, [0, 2]]).all()
    assert found.loss[:, 1] == pytest.approx(found.y**4)


def test_it_leaves_no_trace():
    setup = mixed()
    model = setup.model.train()
    model.head.eval()
    model.conv.weight.grad = torch.ones_like(model.conv.weight)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    torch.manual_seed(9)
    state = torch.get_rng_state()
    _ = setup.facts

    def check():
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
        assert [m.training for m in model.modules()] == modes
        assert torch.equal(torch.get_rng_state(), state)
        assert model.conv.weight.grad.eq(1).all()
        assert model.head.weight.grad is None
        assert [p.requires_grad for p in model.fixed.parameters()] == [False, False]

    one = random_plane(model, seed=0)
    landscape(setup, one, resolution=3, paths=[one.corners])
    check()
    trajectory(setup, seed=1, steps=3, points=2)
    check()

    def broken(output, target):
        raise RuntimeError("no")

    with pytest.raises((RuntimeError, SetupError), match="no"):
        landscape(setup.replaced(loss_fn=broken, keep_facts=True), one, resolution=3)
    check()


def test_bad_arguments_are_refused():
    setup = get("quadratic")(0)
    good = random_plane(setup.model, seed=0)
    for bad, words in (
        ({"x": (1.0, 1.0)}, "x: given"),
        ({"y": (0.0, np.nan)}, "y: given"),
        ({"x": [0.0, 2.0, 1.0]}, "increasing"),
        ({"resolution": 1}, "resolution"),
        ({"chunk": 0}, "chunk"),
        ({"samples": 0}, "samples"),
        ({"paths": [np.zeros((2, 5))]}, "one number per weight"),
        ({"paths": [np.zeros(4)]}, "one row of weights per step"),
    ):
        with pytest.raises(ValueError, match=words):
            landscape(setup, good, **bad)
    with pytest.raises(ValueError, match="needed the 4 of the model"):
        landscape(setup, plane([0, 0, 0], [1, 0, 0], [0, 1, 0]))
    for u, v in (([0, 0, 0], [1, 0, 0]), ([1, 2, 3], [-2, -4, -6])):
        with pytest.raises(ValueError, match="make no plane"):
            plane([0, 0, 0], u, v)
    with pytest.raises(ValueError, match="not finite"):
        plane([0, np.inf, 0], [1, 0, 0], [0, 1, 0])
    with pytest.raises(ValueError, match="on one line"):
        pca_plane([np.outer(np.arange(5.0), np.ones(3))])
    with pytest.raises(ValueError, match="at least 3"):
        pca_plane([np.eye(3)[:2]])
    with pytest.raises(ValueError, match="points: given"):
        trajectory(setup, steps=5, points=[7])
