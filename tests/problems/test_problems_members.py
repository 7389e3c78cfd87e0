"""What single problems promise, against closed forms of their own."""

import math

import numpy as np
import pytest
import torch

from trainability import problems
from trainability.lab.phase import OUTCOMES, phase_diagram


def variance(setup):
    return float(setup.data[1].double().var(unbiased=False))


def test_the_distance_of_evenly_spaced_points():
    for samples in (3, 21, 101):
        m = (samples - 1) // 2
        exact = (m + 1) / (3 * m) - ((m + 1) / samples) ** 2
        assert variance(problems.get("abs-regression")(0, samples=samples)) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "exact"),
    [
        ("single-relu-teacher", {"inputs": 3}, 0.5 - 0.5 / math.pi),
        ("relu-bias-weight", {}, 0.5 - 0.5 / math.pi),
        ("teacher-student", {"teachers": 3, "inputs": 5}, 3 * (0.5 - 0.5 / math.pi)),
        ("euclidean-distance", {}, 2 / 3 - ((math.sqrt(2) + math.log(1 + math.sqrt(2))) / 3) ** 2),
        ("fractal", {"width": 2}, 1.0),
    ],
)
def test_the_populations_best_constant_loss(name, options, exact):
    """Sample variances of 20,000; limit 5 standard errors, which by the fourth moment are below 1% each: 6e-7 by chance."""
    setup = problems.get(name)(0, samples=20_000, data_seed=3, **options)
    y = setup.data[1].double()
    error = float(((y - y.mean()) ** 2).std()) / math.sqrt(len(y))
    assert error < 0.02 * exact
    assert abs(variance(setup) - exact) < 5 * error


def test_the_sparse_features_have_their_frequencies():
    """Binomial counts of 20,000 rows: the largest of 60 deviations above 5 standard errors has a chance of 4e-5."""
    setup = problems.get("sparse-linear")(0, samples=20_000, noise=0.0)
    p = 0.5 * np.arange(1, 61) ** -1.2
    share = setup.data[0].double().mean(0).numpy()
    assert (np.abs(share - p) < 5 * np.sqrt(p * (1 - p) / 20_000)).all()
    assert setup.target == 1e-3


def test_one_input_fails_by_the_sign_of_the_start():
    build = problems.get("single-relu-teacher")
    for seed in range(12):
        setup = build(seed)
        right = setup.model[0].weight.item() > 0
        assert setup.train().outcome == ("trained" if right else "stalled")


def test_the_quadratic_is_the_quadratic():
    spectrum = (4.0, 1.0, 0.25)
    for turned in (False, True):
        setup = problems.get("quadratic")(2, spectrum=spectrum, turned=turned)
        w = setup.model.weight
        hessian = torch.autograd.functional.hessian(
            lambda w, s=setup: s.loss_fn(s.data[0] @ w.T, s.data[1]), w.detach()
        ).reshape(3, 3)
        assert torch.linalg.eigvalsh(hessian).flip(0).tolist() == pytest.approx(spectrum)
        assert bool((hessian - torch.diag(hessian.diag())).abs().max() > 1e-3) is turned
    build = problems.get("quadratic")
    for lr, grows in ((0.49, False), (0.51, True)):
        losses = build(0, spectrum=spectrum, lr=lr).train().losses
        assert bool(losses[-1] > losses[-2]) is grows, "the limit is 2 / largest eigenvalue"
    for bad in ((), (1.0, -0.1), (0.0,), (math.inf,)):
        with pytest.raises(ValueError, match="spectrum"):
            build(0, spectrum=bad)


def test_the_quartic_steps_by_its_own_formula():
    lr, start = 0.3, 0.9
    setup = problems.get("quartic")(0, dimension=3, start=start, lr=lr)
    w = setup.model[0].weight.detach().clone()
    assert w.abs().tolist() == [[start] * 3]
    run = setup.train(steps=5)
    expected = []
    for _ in range(5):
        expected.append(float((w**4).sum()))
        w = w * (1 - 4 * lr * w**2)
    assert run.losses == pytest.approx(expected, rel=1e-12)
    assert setup.model[0].weight.tolist() == [pytest.approx(w[0].tolist(), rel=1e-12)]


def test_the_fractal_network_is_the_published_formula():
    """The source's loop over layers, written in NumPy: divide by √n, tanh of √2 times that, and a last 1/√n."""
    setup = problems.get("fractal")(0, lr_hidden=2.0, lr_output=5.0)
    assert [len(t) for t in setup.data] == [272, 272]
    assert all(p.dtype == torch.float64 for p in setup.model.parameters())
    x, y = (t.numpy() for t in setup.data)
    layers = [p.detach().numpy().copy() for p in (setup.model.hidden, setup.model.output)]

    def net(layers):
        x_ = x
        for w in layers:
            z = x_ @ w / np.sqrt(w.shape[0])
            x_ = np.tanh(z * np.sqrt(2))
        return z / np.sqrt(layers[-1].shape[0])

    def loss(layers):
        return np.mean((net(layers) - y) ** 2)

    run = setup.train(steps=1)
    assert run.start_loss == pytest.approx(loss(layers), rel=1e-12)
    for layer, after, lr in zip(layers, (setup.model.hidden, setup.model.output), (2.0, 5.0), strict=True):
        at, h = (1, 0), 1e-5
        kept = layer[at]
        layer[at] = kept + h
        above = loss(layers)
        layer[at] = kept - h
        slope = (above - loss(layers)) / (2 * h)
        layer[at] = kept
        assert after[at].item() == pytest.approx(kept - lr * slope, abs=1e-9), "each layer has its own learning rate"


def test_the_learning_rates_of_two_layers_are_axes_of_a_map():
    found = phase_diagram("fractal", x="lr_hidden=1:100", y="lr_output=10:1000", steps=40, resolution=3)
    lost = found.cells.outcome == OUTCOMES.index("diverged")
    assert lost.shape == (3, 3)
    assert lost[-1].all(), "rows are lr_output"
    assert not lost[0].any()


def test_depth_and_the_initializer_decide_the_signal():
    """With Xavier's weights 30 ReLU layers leave about 2^-30 of the variance, with He's about all."""
    x = problems.get("digits-mlp")(0).data[0][:64]
    spread = {}
    for name in ("xavier_normal", "he_normal"):
        model = problems.get("deep-mlp")(0, initializer=name).model
        with torch.no_grad():
            spread[name] = float(model(x).square().mean())
    assert spread["xavier_normal"] < 1e-6 * spread["he_normal"]
    conv = problems.get("deep-conv")(0, depth=22).model
    assert conv(x.reshape(-1, 1, 8, 8)).shape == (64, 10)
