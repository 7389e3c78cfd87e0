"""Crossing zero: closed forms against simulated recursions, mpmath sums, and the published table."""

import math

import mpmath
import numpy as np
import pytest

from trainability.errors import UnknownNameError
from trainability.theory.one_relu import crossing, leaky_fixed_point, loss_surface, runs


@pytest.mark.parametrize("convention", ["half", "mse"])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.8, 0.81, 0.82, 0.85, 0.9, 0.99])
@pytest.mark.parametrize("lr", [1e-3, 1e-2, 0.02, 0.3, 0.99, 1.0, 1.5, 2.0])
def test_momentum_crosses_where_its_recursion_does(lr, momentum, convention):
    path = runs.simulate("momentum", -3.0, lr=lr, steps=1500, momentum=momentum, convention=convention)
    assert crossing.momentum_crossing_step(lr, momentum, convention=convention) == path.crossed


def test_momentum_golden_numbers():
    # measured here, Keras' loss and lr 0.01: nothing at 0.81, then steps 81, 38, 24, the same from any start.
    steps = [crossing.momentum_crossing_step(0.01, m, convention="mse") for m in (0.5, 0.81, 0.82, 0.85, 0.9)]
    assert steps == [None, None, 81, 38, 24]
    for start in (-1e-3, -1.0, -10.0):
        assert runs.simulate("momentum", start, lr=0.01, steps=40, convention="mse").crossed == 24


@pytest.mark.parametrize("beyond", [1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize("root", [0.5, 0.9])
def test_momentum_just_beyond_critical(root, beyond):
    # w_{t+1} / w_t by its own recursion in 40 digits: it falls from 1 - h and is first negative at the crossing.
    lr, momentum = (1 - root) ** 2 * (1 + beyond), root * root
    with mpmath.workdps(40):
        h, beta = mpmath.mpf(lr), mpmath.mpf(momentum)
        ratio, step = 1 - h, 1
        while ratio > 0:
            ratio, step = 1 + beta - h - beta / ratio, step + 1
    got = crossing.momentum_crossing_step(lr, momentum, convention="mse")
    assert got == pytest.approx(step, abs=0.5 + 1e-7 * step)
    for less in (0.0, beyond):  # and never at the critical lr or below
        assert crossing.momentum_crossing_step((1 - root) ** 2 * (1 - less), momentum, convention="mse") is None


TABLE = [  # rule, lr, start, crosses, where it ends after 2000 steps: from batches of 1000, so to a percent or so
    ("sgd", 0.01, -10.0, False, -1.87e-8, 0.1),
    ("sgd", 0.01, -1.0, False, -1.87e-9, 0.1),
    ("adam", 0.001, -10.0, False, -8.085, 0.01),
    ("adam", 0.001, -1.0, False, -0.0209, 0.03),
    ("adam", 0.01, -10.0, False, -0.209, 0.03),
    ("adam", 0.01, -1.0, True, 1.0, 0.01),
    ("amsgrad", 0.01, -10.0, False, -0.418, 0.03),
    ("amsgrad", 0.01, -1.0, True, 1.0, 0.01),
    ("amsgrad", 0.001, -10.0, False, -8.086, 0.01),
    ("amsgrad", 0.001, -1.0, False, -0.0418, 0.03),
    ("momentum", 0.01, -10.0, True, 1.0, 1e-9),
    ("momentum", 0.001, -10.0, False, 0.0, 0.01),
]


@pytest.mark.parametrize(("rule", "lr", "start", "crosses", "end", "rel"), TABLE)
def test_the_table_of_rules(rule, lr, start, crosses, end, rel):
    path = runs.simulate(rule, start, lr=lr, steps=2000, convention="mse")
    assert (path.crossed is not None) == crosses
    assert path.end == pytest.approx(end, rel=rel, abs=1e-8 if end == 0 else 0)


@pytest.mark.parametrize(("rule", "lr", "start", "crosses", "end", "rel"), TABLE)
def test_the_table_is_all_or_nothing_on_batches_of_1000(rule, lr, start, crosses, end, rel):
    made = runs.simulate_batches(rule, start, lr=lr, steps=2000, batch=1000, runs=12, seed=5, convention="mse")
    assert (made.crossed > 0).sum() == (12 if crosses else 0)
    # a median of 12 runs against one of 60: 2 percent more than the table's own digits
    assert float(np.median(made.ends)) == pytest.approx(end, rel=rel + 0.02, abs=1e-8 if end == 0 else 0)


@pytest.mark.parametrize("slope", [-2.0, -0.3, 0.0, 0.3, 1.5])
@pytest.mark.parametrize("rule", runs.RULES)
def test_simulation_equals_a_plain_loop(rule, slope):
    lr, beta, (beta1, beta2), eps = 0.03, 0.7, (0.8, 0.95), 1e-3
    w, v, m, s, top, seen = -0.6, 0.0, 0.0, 0.0, 0.0, [-0.6]
    for t in range(1, 301):
        g = 2 * float(loss_surface.gradient(w, slope=slope)[0])
        v = beta * v + g
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g * g
        top = max(top, s)
        second = top if rule == "amsgrad" else s
        adam = (m / (1 - beta1**t)) / (math.sqrt(second / (1 - beta2**t)) + eps)
        w -= lr * {"sgd": g, "momentum": v}.get(rule, adam)
        seen.append(w)
    path = runs.simulate(
        rule, -0.6, lr=lr, steps=300, momentum=beta, betas=(beta1, beta2), eps=eps, slope=slope, convention="mse"
    )
    np.testing.assert_allclose(path.weights, seen, atol=1e-11)
    above = np.flatnonzero(np.array(seen) > 0)
    assert path.crossed == (int(above[0]) if len(above) else None)


def test_adam_golden_steps():
    # measured here without noise; batches of 1000 give medians of 355 and 409.
    assert runs.simulate("adam", -1.0, lr=0.01, steps=500, convention="mse").crossed == 353
    assert runs.simulate("amsgrad", -1.0, lr=0.01, steps=500, convention="mse").crossed == 407


@pytest.mark.parametrize(("rule", "options"), [("sgd", {"momentum": 0.9}), ("adam", {}), ("amsgrad", {})])
def test_simulation_equals_torch(rule, options):
    torch = pytest.importorskip("torch")
    w = torch.nn.Parameter(torch.tensor(-1.0, dtype=torch.float64))
    make = torch.optim.SGD if rule == "sgd" else torch.optim.Adam
    if rule == "amsgrad":
        options = {"amsgrad": True}
    optimizer = make([w], lr=0.01, **options)
    for _ in range(450):
        w.grad = torch.tensor(2 * loss_surface.gradient(w.item(), slope=0.1)[0])
        optimizer.step()
    name = "momentum" if rule == "sgd" else rule
    path = runs.simulate(name, -1.0, lr=0.01, steps=450, slope=0.1, convention="mse")
    assert path.end == pytest.approx(w.item(), abs=1e-11)


@pytest.mark.parametrize(("lr", "batch"), [(0.01, 1), (0.05, 3), (0.9, 10), (1.0, 50), (0.2, 40), (1.8, 5)])
def test_sgd_probability_equals_a_sum_in_mpmath(lr, batch):
    got = crossing.sgd_crossing_probability(lr, batch, convention="mse")
    with mpmath.workdps(30):
        x = mpmath.mpf(batch) / (2 * mpmath.mpf(lr)) / 2
        terms = (
            mpmath.binomial(batch, k) * mpmath.gammainc(mpmath.mpf(k) / 2, x, regularized=True)
            for k in range(1, batch + 1)
        )
        want = mpmath.fsum(terms) / mpmath.mpf(2) ** batch
    assert got == pytest.approx(float(want), rel=1e-10)


def test_sgd_probability_keeps_its_logarithm_where_no_float_holds_it():
    got = crossing.sgd_crossing_probability(0.01, 200, convention="mse", log=True)
    with mpmath.workdps(30):
        x = mpmath.mpf(200) / mpmath.mpf("0.02") / 2
        want = mpmath.log(
            mpmath.fsum(
                mpmath.binomial(200, k) * mpmath.gammainc(mpmath.mpf(k) / 2, x, mpmath.inf, regularized=True)
                for k in range(1, 201)
            )
            / mpmath.mpf(2) ** 200
        )
    assert got == pytest.approx(float(want), rel=1e-12)
    assert got < -2000
    assert crossing.sgd_crossing_probability(0.01, 200, convention="mse") == 0.0


def test_sgd_probability_equals_simulation():
    # 200000 batches: 4 standard errors, false alarm 6e-5 for each of two.
    rng = np.random.default_rng(0)
    for lr, batch in ((0.8, 10), (1.0, 10)):
        x = rng.standard_normal((200_000, batch))
        share = float((2 * lr * np.mean(x * x * (x < 0), 1) > 1).mean())
        exact = crossing.sgd_crossing_probability(lr, batch, convention="mse")
        assert abs(share - exact) < 4 * math.sqrt(exact * (1 - exact) / 200_000)


def test_sgd_probability_within_many_steps():
    one = crossing.sgd_crossing_probability(0.9, 1000, convention="mse")
    many = crossing.sgd_crossing_probability(0.9, 1000, steps=14, convention="mse")
    assert many == pytest.approx(1 - (1 - one) ** 14, rel=1e-12)
    rare = crossing.sgd_crossing_probability(0.01, 1, convention="mse", log=True)
    assert rare == pytest.approx(math.log(7.687e-13), abs=1e-3)
    assert crossing.sgd_crossing_probability(0.01, 1, steps=2000, convention="mse", log=True) == pytest.approx(
        rare + math.log(2000), abs=1e-9
    )
    assert crossing.sgd_crossing_probability(0.01, 1, steps=10**13, convention="mse") == pytest.approx(
        1 - math.exp(-7.687298972), rel=1e-6
    )


def test_sgd_probability_within_astronomically_many_steps():
    # the step's probability is below exp(-30): T p above 1 must still give 1 - exp(-T p), and above 40 must give 1
    one = crossing.sgd_crossing_probability(0.01, 2, convention="mse", log=True)
    assert one < -30
    for product in (1e-20, 1e-6, 0.3, 3.0, 60.0):
        steps = round(product * math.exp(-one))
        many = crossing.sgd_crossing_probability(0.01, 2, steps=steps, convention="mse")
        assert many == pytest.approx(-math.expm1(-steps * math.exp(one)), rel=1e-9)


def test_sgd_probability_of_large_batches_equals_a_sum_over_binomial_weights():
    # scipy's own binomial and chi-square, at a lr where neither is small
    from scipy.stats import binom, chi2

    for batch in (1000, 20_000):
        k = np.arange(1, batch + 1)
        want = float(np.sum(binom.pmf(k, batch, 0.5) * chi2.sf(batch / (2 * 0.97), k)))
        got = crossing.sgd_crossing_probability(0.97, batch, convention="mse")
        assert got == pytest.approx(want, rel=1e-9)


def test_which_lr_jumps():
    assert crossing.jumping_lr("half") == (2.0, 4.0)
    low, high = crossing.jumping_lr("mse")
    for lr, crossed in ((0.999 * low, None), (1.001 * low, 1), (0.99 * high, 1)):
        path = runs.simulate("sgd", -1.0, lr=lr, steps=4000, convention="mse")
        assert path.crossed == crossed
        if crossed:
            assert path.end == pytest.approx(1.0)
    assert runs.simulate("sgd", 1.01 - 3, lr=1.01 * high, steps=9, convention="mse").crossed == 1


@pytest.mark.parametrize("slope", [-2.0, -1.0, -0.3, 0.0, 0.01, 0.3, 1.0, 3.0])
def test_the_leaky_fixed_points_are_the_minima(slope):
    points = leaky_fixed_point.fixed_points(slope)
    assert len(points) == (2 if slope < 0 else 1)
    grid = np.concatenate([np.linspace(-3, -1e-6, 30001), np.linspace(1e-6, 3, 30001)])
    lowest = float(loss_surface.loss(grid, slope=slope).min())
    for point in points:
        assert float(loss_surface.gradient(point.weight, slope=slope)[0]) == pytest.approx(0.0, abs=1e-15)
        assert float(loss_surface.loss(point.weight, slope=slope)) == pytest.approx(point.loss, abs=1e-15)
        assert point.global_ == (point.loss < lowest + 1e-7)
    for start in (-2.0, -1e-3):
        path = runs.simulate("sgd", start, lr=0.1, steps=4000, slope=slope)
        if slope != 0:
            assert path.end == pytest.approx(points[-1 if slope < 0 else 0].weight, abs=1e-12)


def test_the_leaky_golden_numbers():
    (point,) = leaky_fixed_point.fixed_points(0.3, convention="mse")
    # measured with batches of 1000: weight 0.91737, mean squared error 0.041284.
    assert point.weight == pytest.approx(0.917431, abs=1e-6)
    assert point.loss == pytest.approx(0.041284, abs=1e-6)


@pytest.mark.parametrize("convention", ["half", "mse"])
@pytest.mark.parametrize("lr", [0.001, 0.01, 0.5, 0.95, 1.1, 1.4])
@pytest.mark.parametrize("slope", [-3.0, -1.0, -0.9, -0.3, 0.0, 0.01, 0.3, 0.6, 1.0, 2.0])
def test_the_leaky_crossing_step_equals_its_recursion(slope, lr, convention):
    if lr * crossing.curvature(convention) * (1 + slope * slope) >= 2:
        pytest.skip("descent grows")
    for start in (-10.0, -1.0, -0.01):
        path = runs.simulate("sgd", start, lr=lr, steps=8000, slope=slope, convention=convention)
        # beyond 8000 steps the recursion has nothing to say
        predicted = leaky_fixed_point.crossing_step(slope, start, lr=lr, convention=convention)
        assert (predicted if predicted is None or predicted <= 8000 else None) == path.crossed


def test_bad_input():
    with pytest.raises(ValueError, match="direction of approach"):
        runs.simulate("sgd", 0.0, lr=0.1, steps=1)
    with pytest.raises(ValueError, match="need a finite start < 0"):
        runs.simulate("sgd", 1.0, lr=0.1, steps=1)
    with pytest.raises(UnknownNameError, match="Did you mean 'amsgrad'"):
        runs.simulate("amsgrads", -1.0, lr=0.1, steps=1)
    with pytest.raises(ValueError, match="need 0 or more"):
        runs.simulate("sgd", -1.0, lr=0.1, steps=-1)
    with pytest.raises(ValueError, match="1 or more"):
        crossing.sgd_crossing_probability(0.1, 0)
    with pytest.raises(ValueError, match="lr=nan"):
        crossing.sgd_crossing_probability(math.nan, 1)
    with pytest.raises(ValueError, match="momentum=1"):
        crossing.momentum_crossing_step(0.1, 1.0)
    with pytest.raises(UnknownNameError, match="loss convention"):
        crossing.curvature("sum")
    with pytest.raises(ValueError, match="slope=nan"):
        leaky_fixed_point.fixed_points(math.nan)
    with pytest.raises(ValueError, match="slope=inf"):
        leaky_fixed_point.crossing_step(math.inf, -1.0, lr=0.1)
    with pytest.raises(ValueError, match="need lr < 4"):
        leaky_fixed_point.crossing_step(0.0, -1.0, lr=5.0)


def test_batches_equal_autograd():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    x = torch.tensor(rng.standard_normal((30, 8, 17)))  # 30 steps, 8 runs, batches of 17
    below, above = ((x**2 * (side * x > 0)).mean(2).numpy() for side in (-1, 1))
    for slope in (0.0, 0.3, -0.4):
        w = torch.full((8, 1), -0.4, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        for batch in x:
            optimizer.zero_grad()
            z = torch.nn.functional.leaky_relu(w * batch, slope)
            ((z - batch.clamp_min(0)) ** 2).mean(1).sum().backward()
            optimizer.step()
        numbers = np.array([0.1, 0.9, 0.9, 0.999, 1e-8, slope, 2.0])
        weights = runs._run(1, -0.4, numbers, below, above)
        np.testing.assert_allclose(weights[-1], w.detach().numpy()[:, 0], atol=1e-12)


def test_batch_moments_have_the_distribution_of_drawn_batches():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(4)
    for batch in (1, 5):
        x = rng.standard_normal((20_000, batch))
        drawn = runs.batch_moments(batch, (20_000,), rng)
        for got, side in zip(drawn, (-1, 1), strict=True):
            want = (x**2 * (side * x > 0)).mean(1)
            assert ks_2samp(got, want).pvalue > 1e-5  # false alarm 1e-5 each, fixed seed
        # the two together: their sum is a chi-square with all degrees of freedom
        assert ks_2samp(sum(drawn), (x**2).mean(1)).pvalue > 1e-5


def test_sgd_on_batches_never_crosses_and_momentum_always_does():
    options = {"lr": 0.01, "steps": 300, "batch": 1000, "runs": 60, "seed": 0, "convention": "mse"}
    assert (runs.simulate_batches("sgd", -1.0, **options).crossed == -1).all()
    made = runs.simulate_batches("momentum", -10.0, **options)
    assert (made.crossed > 0).all()
    assert np.median(made.crossed) == 24
    np.testing.assert_allclose(made.ends, 1.0, atol=1e-3)


def test_bad_batches():
    with pytest.raises(ValueError, match="need both to be 1 or more"):
        runs.simulate_batches("sgd", -1.0, lr=0.1, steps=1, batch=0, runs=1, seed=0)
    with pytest.raises(ValueError, match="need 1 or more"):
        runs.batch_moments(0, (1,), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"need all of them in \[0, 1\)"):
        runs.simulate("adam", -1.0, lr=0.1, steps=1, betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="finite slope"):
        runs.simulate("sgd", -1.0, lr=0.1, steps=1, slope=math.inf)
