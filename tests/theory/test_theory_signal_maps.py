"""Fixed points, the edge of chaos and depth scales: published-style tables, limits and degenerate cases.

Tables were made by an independent program with 201 Gauss-Hermite nodes.
"""

import math

import numpy as np
import pytest

from trainability.errors import UnknownNameError
from trainability.theory import signal
from trainability.theory.signal import c_map, chi_1, depth_scales, edge_of_chaos, fixed_point, q_map, q_slope

EDGES = {
    "tanh": [(0.001, 1.189190, 0.107292), (0.01, 1.424205, 0.273301), (0.05, 1.760955, 0.570048),
             (0.1, 1.986073, 0.805799), (1.0, 3.443210, 3.036396), (0.0, 1.0, 0.0)],
    "erf": [(0.001, 0.932583, 0.102481), (0.01, 1.114280, 0.253210), (0.05, 1.375839, 0.517177),
            (0.1, 1.552118, 0.726359), (0.2, 1.788180, 1.045933), (1.0, 2.718381, 2.744891), (0.0, math.pi / 4, 0.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_edge_of_chaos_to_six_digits(name):
    for sigma_b2, sigma_w2, q in EDGES[name]:
        assert edge_of_chaos(name, sigma_b2) == pytest.approx((sigma_w2, q), abs=1e-6)


@pytest.mark.parametrize(
    "name", ["tanh", "erf", "sigmoid", "sin", "arctan", "softsign", "elu", "selu", "hardtanh", "relu6", "cos", np.tanh]
)
@pytest.mark.parametrize("sigma_b2", [0.03, 2.0])
def test_the_edge_is_a_stable_fixed_point_with_chi_1_of_one(name, sigma_b2):
    w, q = edge_of_chaos(name, sigma_b2)
    assert q_map(name, q, w, sigma_b2) == pytest.approx(q, rel=1e-11)
    assert chi_1(name, w, sigma_b2) == pytest.approx(1.0, abs=1e-9)
    assert abs(q_slope(name, w, sigma_b2)) < 1
    assert fixed_point(name, w, sigma_b2) == pytest.approx((q, 1.0), rel=1e-9)
    scales = depth_scales(name, w, sigma_b2)
    assert scales.xi_c == scales.xi_grad == math.inf
    assert scales.xi_q < math.inf


def test_who_has_no_edge_says_so():
    assert edge_of_chaos("relu", 0.0)[0] == 2.0
    assert edge_of_chaos(signal.leaky_relu(0.3), 0.0)[0] == pytest.approx(2 / 1.09)
    for name in ("relu", "linear", "softplus", "log_sigmoid"):
        with pytest.raises(ValueError, match="no edge of chaos"):
            edge_of_chaos(name, 0.05)
    assert signal.edges_of_chaos("softplus", 0.0) == []
    # the sigmoid's is far out, and there without a bias too
    assert edge_of_chaos("sigmoid", 0.0) == pytest.approx((103.0076, 45.6243), abs=1e-4)


def test_where_the_edge_of_gelu_is_unstable():
    w, q = edge_of_chaos("gelu", 0.1)
    assert q_map("gelu", q, w, 0.1) == pytest.approx(q, rel=1e-12)
    assert q_slope("gelu", w, 0.1, q) > 1
    assert fixed_point("gelu", w, 0.1).q < q / 2  # from q = 1 the variance falls away from it
    w, q = edge_of_chaos("gelu", 1.0)
    assert q_slope("gelu", w, 1.0, q) < 1


TANH = [  # sigma_w2: q*, chi_1, c*, xi_c, xi_q at sigma_b2 = 0.05
    (1.0, 0.193593, 0.759032, 1.0, 3.6270, 1.7476),
    (1.3, 0.315316, 0.880164, 1.0, 7.8341, 1.7852),
    (1.5, 0.418037, 0.938636, 1.0, 15.791, 1.6828),
    (1.7, 0.533076, 0.986741, 1.0, 74.918, 1.5583),
    (2.0, 0.721762, 1.047666, 0.744082, 25.213, 1.3880),
    (3.0, 1.428008, 1.208934, 0.299318, 9.0515, 1.0415),
    (4.0, 2.195494, 1.342402, 0.165065, 6.9803, 0.8733),
]


@pytest.mark.parametrize("row", TANH, ids=lambda r: str(r[0]))
def test_tanh_table(row):
    w, q, chi, c, xi_c, xi_q = row
    found = fixed_point("tanh", w, 0.05)
    assert found == pytest.approx((q, c), abs=6e-7)
    assert chi_1("tanh", w, 0.05) == pytest.approx(chi, abs=6e-7)
    scales = depth_scales("tanh", w, 0.05)
    assert (scales.xi_c, scales.xi_q) == pytest.approx((xi_c, xi_q), rel=5e-5)
    assert scales.xi_grad == pytest.approx(1 / abs(math.log(chi)), rel=1e-4)
    assert signal.trainable_depth("tanh", w, 0.05) == 6 * scales.xi_c


@pytest.mark.parametrize(
    ("name", "w", "b"), [("tanh", 3.0, 0.05), ("erf", 3.0, 0.1), ("sin", 2.5, 0.2), ("selu", 1.3, 0.1)]
)
def test_fixed_points_are_where_plain_iteration_leads(name, w, b):
    q, c = 3.0, 0.2
    for _ in range(400):
        q, c = q_map(name, q, w, b), c_map(name, c, w, b, q)
    assert fixed_point(name, w, b) == pytest.approx((q, c), abs=1e-8)


@pytest.mark.parametrize(
    ("name", "w", "b"), [("tanh", 2.5, 0.05), ("gelu", 1.6, 0.3), ("selu", 1.5, 0.2), ("erf", 1.0, 0.5)]
)
def test_depth_scales_are_the_rates_of_the_maps(name, w, b):
    q, c = fixed_point(name, w, b)
    h = 1e-5 * q
    rate_q = (q_map(name, q + h, w, b) - q_map(name, q - h, w, b)) / (2 * h)
    h = 1e-5
    rate_c = (c_map(name, c, w, b) - c_map(name, c - h, w, b)) / h
    rate_c = rate_c if c == 1 else (c_map(name, c + h, w, b) - c_map(name, c - h, w, b)) / (2 * h)
    scales = depth_scales(name, w, b)
    assert scales.xi_q == pytest.approx(-1 / math.log(abs(rate_q)), rel=1e-6)
    assert scales.xi_c == pytest.approx(-1 / math.log(rate_c), rel=1e-6 if c < 1 else 1e-2)


def test_c_star_keeps_its_digits_next_to_the_edge():
    w, _ = edge_of_chaos("tanh", 0.05)
    act = signal.resolve("tanh")
    for d in (1e-3, 1e-5, 1e-7):
        q, c = fixed_point("tanh", w + d, 0.05)
        # C(1 - e) = 1 - chi e + C'' e²/2: e = 2 (chi - 1)/C'' to leading order, C'' = sigma_w² q E phi''²
        bend = (w + d) * q * signal.gaussian_mean(act, lambda u, z: act.second_derivative(u) ** 2, math.sqrt(q))
        assert 1 - c == pytest.approx(2 * (chi_1("tanh", w + d, 0.05) - 1) / bend, rel=2e3 * d + 1e-8)


def test_relu_iterates_and_power_law():
    c = signal.iterate_c_map("relu", 0.0, 1000, 2.0, 0.0)
    golden = [0.31830989, 0.49373109, 0.60482572, 0.73594635, 0.87153552, 0.94842848, 0.99642315, 0.99995687]
    np.testing.assert_allclose(c[[1, 2, 3, 5, 10, 20, 100, 1000]], golden, atol=5e-9)
    assert (1 - c[1000]) / signal.relu_correlation_gap(1000) == pytest.approx(0.971, abs=5e-4)
    assert c_map("relu", 0.4, 2.0, 0.0, q=7.0) == c_map("relu", 0.4, 2.0, 0.0)
    leaky = signal.leaky_relu(0.4)
    last = signal.iterate_c_map(leaky, 0.0, 20000, 2 / 1.16, 0.0)[-1]
    assert (1 - last) / signal.relu_correlation_gap(20000, 0.4) == pytest.approx(1.0, abs=0.01)


def test_leaky_and_erf_closed_forms():
    a, c = 0.2, np.linspace(-1, 1, 41)
    arc = (np.sqrt(1 - c**2) + (np.pi - np.arccos(c)) * c) / np.pi
    expected = ((1 - a) ** 2 * arc + 2 * a * c) / (1 + a * a)
    np.testing.assert_allclose(c_map(signal.leaky_relu(a), c, 2 / (1 + a * a), 0.0), expected, atol=1e-14)
    q = np.geomspace(1e-6, 1e6, 50)
    np.testing.assert_allclose(
        q_map("erf", q, 1.3, 0.1), 1.3 * 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)) + 0.1, rtol=1e-7
    )
    assert chi_1("erf", 1.3, 0.1, q=0.7) == pytest.approx(1.3 * 4 / np.pi / np.sqrt(1 + 2.8), rel=1e-14)


def test_degenerate_fixed_points():
    assert fixed_point("relu", 2.5, 0.1) == (math.inf, 1.0)
    assert fixed_point("relu", 2.0, 0.1) == (math.inf, 1.0)
    assert fixed_point("relu", 2.0, 0.0) == (1.0, 1.0)
    assert fixed_point("relu", 2.0, 0.0, q0=3.0) == (3.0, 1.0)
    assert fixed_point("relu", 1.5, 0.1) == pytest.approx((0.4, 1.0))
    assert fixed_point(lambda u: np.maximum(u, 0), 2.0, 0.1) == (math.inf, 1.0)
    assert fixed_point("softplus", 2.5, 0.0) == (math.inf, 1.0)
    assert fixed_point("tanh", 0.8, 0.0) == fixed_point("tanh", 1.0, 0.0) == (0.0, 1.0)
    q, c = fixed_point("tanh", 1.0001, 0.0)
    assert (q, c) == (pytest.approx(5e-5, rel=1e-3), 0.0)  # q = (w - 1)/2 to leading order
    assert depth_scales("relu", 2.0, 0.0) == (math.inf, math.inf, math.inf)
    assert depth_scales("relu", 3.0, 0.0).xi_grad == pytest.approx(1 / math.log(1.5))
    assert c_map("tanh", 0.3, 0.5, 0.0) == pytest.approx(0.3)  # q* = 0: the network is linear
    assert c_map("softplus", 0.3, 2.5, 0.0) == pytest.approx(c_map("relu", 0.3, 2.0, 0.0))  # q* = inf
    assert np.isnan(c_map("tanh", 0.3, 0.0, 0.0))


def test_the_sign_function_has_closed_answers():
    # E sign sign = (2/pi) asin c, which is C without a bias: c* = 0 with C'(0) = 2/pi; chi_1 is infinite
    assert c_map(np.sign, [0.5, 0.99], 1.0, 0.0) == pytest.approx(2 / np.pi * np.arcsin([0.5, 0.99]), abs=1e-12)
    assert fixed_point(np.sign, 1.7, 0.0) == pytest.approx((1.7, 0.0), abs=1e-12)
    assert chi_1(np.sign, 1.7, 0.0) == math.inf
    scales = depth_scales(np.sign, 1.7, 0.0)
    assert scales.xi_c == pytest.approx(-1 / math.log(2 / math.pi), rel=1e-6)
    assert scales.xi_grad == 0
    with pytest.raises(ValueError, match="no edge"):
        edge_of_chaos(np.sign, 0.0)


@pytest.mark.parametrize("name", signal.ACTIVATIONS)
def test_every_activation_answers_everywhere(name):
    for w, b in ((0.5, 0.0), (5.0, 1.0), (0.0, 0.0)):
        q, c = fixed_point(name, w, b)
        assert q >= 0
        assert 0 <= c <= 1
        if 0 < q < math.inf:
            assert q_map(name, q, w, b) == pytest.approx(q, rel=1e-11)
            assert c_map(name, c, w, b) == pytest.approx(c, abs=1e-11)
        assert all(xi >= 0 for xi in depth_scales(name, w, b))


def test_several_fixed_points_are_listed():
    # GELU without a bias between the slopes 1/4 at 0 and 1/2 far out: 0 is stable, the next one is not
    (zero, slope_0), (q, slope) = signal.variance_fixed_points("gelu", 2.3, 0.0)
    assert zero == 0
    assert slope_0 == pytest.approx(2.3 / 4)
    assert slope > 1
    assert fixed_point("gelu", 2.3, 0.0, q0=0.9 * q).q == 0
    assert fixed_point("gelu", 2.3, 0.0, q0=1.1 * q).q == math.inf


def test_names_parameters_and_callables_are_one():
    for spelled, name in {"LeakyReLU": "leaky_relu", "Swish": "silu", "sine": "sin", "Hardtanh": "hardtanh"}.items():
        assert signal.resolve(spelled) is signal.resolve(name)
    assert signal.gain(signal.leaky_relu(0.2)) == pytest.approx(math.sqrt(2 / 1.04))
    assert fixed_point(np.tanh, 2.0, 0.05) == pytest.approx(fixed_point("tanh", 2.0, 0.05), abs=1e-11)
    with pytest.raises(UnknownNameError, match="relu"):
        q_map("rellu", 1.0, 1.0, 0.0)
    with pytest.raises(TypeError, match="need a name"):
        q_map(3, 1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: q_map("tanh", -1.0, 1.0, 0.0), "q="),
        (lambda: fixed_point("tanh", -1.0, 0.0), "sigma_w2"),
        (lambda: fixed_point("tanh", 1.0, math.nan), "sigma_b2"),
        (lambda: c_map("tanh", 1.5, 1.0, 0.1), r"\[-1, 1\]"),
        (lambda: fixed_point("tanh", 1.0, 0.1, q0=0.0), "above 0"),
        (lambda: signal.relu_correlation_gap(0), "depth"),
    ],
)
def test_bad_numbers_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
