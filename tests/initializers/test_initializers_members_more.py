"""Members drawn from more than one law, tied entries, gains of activations, and other libraries' conventions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from trainability import initializers
from trainability.errors import UnknownNameError
from trainability.initializers import ALIASES, ALL, get, promised_std
from trainability.initializers._gains import gain_of
from trainability.theory.gain import gain


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0.0, 1.0, -2.0, 2.0), (0.5, 0.3, 0.0, 0.6), (3.0, 1.0, -2.0, 1.0), (-9.0, 1.0, 0.0, 2.0), (0.0, 0.02, -2.0, 2.0)],
)
@pytest.mark.parametrize("how", ["single", "one generator", "each"])
def test_truncated_normal_has_the_law_of_scipy(mean, std, a, b, how):
    """Kolmogorov-Smirnov over 5 000 values, refused at p < 1e-4: fixed seeds, 15 cases."""
    options = {"mean": mean, "std": std, "a": a, "b": b}
    if how == "single":
        drawn = initializers.truncated_normal_(torch.empty(5000, dtype=torch.float64), **options, generator=seeded())
    else:
        generator = seeded() if how == "one generator" else [seeded(0), seeded(1)]
        # The other member differs in every argument.
        two = {key: torch.tensor([0.1, value], dtype=torch.float64) for key, value in options.items()}
        two["a"][0], two["b"][0] = -0.3, 0.2
        stack = torch.empty(2, 5000, dtype=torch.float64)
        drawn = initializers.truncated_normal_(stack, **two, batch_dims=1, generator=generator)[1]
    law = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(drawn.numpy(), law.cdf).pvalue > 1e-4
    assert drawn.min() >= a
    assert drawn.max() <= b
    assert promised_std("truncated_normal", (5000,), **options) == pytest.approx(law.std())


def test_truncated_normal_refuses_what_has_no_law():
    for wrong, words in (
        ({"std": 0.0}, "std: given 0"),
        ({"a": 1.0, "b": 1.0}, "b minus a: given 0"),
        ({"a": 50.0, "b": 51.0}, "50 std away"),
        ({"std": torch.tensor([1.0, 0.0])}, "std: given 0"),
    ):
        with pytest.raises(ValueError, match=words):
            initializers.truncated_normal_(torch.empty(2, 3), batch_dims=1, **wrong)


@pytest.mark.parametrize("shape", [(6, 4), (10, 3)])
def test_sparse_equals_torch_with_the_global_generator(shape):
    torch.manual_seed(5)
    theirs = nn.init.sparse_(torch.empty(shape), 0.35, std=0.2)
    torch.manual_seed(5)
    assert torch.equal(initializers.sparse_(torch.empty(shape), 0.35, std=0.2), theirs)


def test_sparse_columns_have_the_right_number_of_zeros_anywhere():
    """Each place is zero with probability 3/10; 4 000 columns, standard error 0.0072, band 5 of them."""
    stack = torch.empty(2, 10, 4000)
    initializers.sparse_(stack, torch.tensor([0.3, 0.75], dtype=torch.float64), batch_dims=1, generator=seeded())
    assert ((stack == 0).sum(1) == torch.tensor([3, 8])[:, None]).all()
    assert ((stack[0] == 0).double().mean(1) - 0.3).abs().max() < 0.037
    for wrong in (1.1, -0.1):
        with pytest.raises(ValueError, match=r"sparsity: given"):
            initializers.sparse_(torch.empty(4, 3), wrong)


@pytest.mark.parametrize("shape", [(5, 3, 3), (3, 5, 3, 3), (4, 4, 3, 3, 3), (4, 2, 2, 4)])
def test_delta_orthogonal_is_orthogonal_at_the_middle_and_zero_elsewhere(shape):
    gains = torch.tensor([0.5, 2.0])
    stack = initializers.delta_orthogonal_(torch.empty(2, *shape), gains, batch_dims=1, generator=seeded())
    middle = stack[(..., *(size // 2 for size in shape[2:]))]
    values = torch.linalg.svdvals(middle)
    torch.testing.assert_close(values, gains[:, None].expand_as(values))
    assert (stack != 0).sum() == middle.numel()


def test_dirac_keeps_the_channels_of_every_group():
    x = torch.randn(2, 6, 5, 5, generator=seeded())
    layer = nn.Conv2d(6, 6, 3, groups=3, padding=1, bias=False)
    initializers.dirac_(layer.weight, groups=3, gain=2.0)
    assert torch.equal(layer(x), 2 * x)
    assert promised_std("dirac", (6, 2, 3, 3), groups=3, gain=2.0) == pytest.approx(
        layer.weight.std(correction=0).item(), rel=1e-6
    )
    with pytest.raises(ValueError, match=r"groups: given 4 for 6"):
        initializers.dirac_(layer.weight, groups=4)


def published_rows(fan_in: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    """The published scheme, row by row, as its authors' code has it."""
    v = rng.normal(size=(rows, fan_in + 1)) * 0.6007 / fan_in**0.5
    for j in range(rows):
        v[j, rng.integers(0, fan_in + 1)] = rng.beta(2, 1)
    return v


@pytest.mark.parametrize("how", ["single", "one generator", "each"])
def test_randomized_asymmetric_has_the_published_law(how):
    """Two-sample Kolmogorov-Smirnov of the largest entry, the sum and the bias of 4 000 rows: p > 1e-4, 9 cases."""
    rows, fan_in, k = 4000, 6, 2
    generator = {"single": seeded(), "one generator": seeded(), "each": [seeded(e) for e in range(4)]}[how]
    members = () if how == "single" else (4,)
    w, b = (
        torch.empty(*members, rows // (4 if members else 1), 3, k),
        torch.empty(*members, rows // (4 if members else 1)),
    )
    initializers.randomized_asymmetric_(w, b, batch_dims=len(members), generator=generator)
    ours = torch.cat([w.reshape(rows, fan_in), b.reshape(rows, 1)], 1).double().numpy()
    theirs = published_rows(fan_in, rows, np.random.default_rng(1))
    for reduced in (lambda v: v.max(1), lambda v: v.sum(1), lambda v: v[:, -1]):
        assert stats.ks_2samp(reduced(ours), reduced(theirs)).pvalue > 1e-4


def test_randomized_asymmetric_promises_its_spread_and_refuses_another_layers_bias():
    """400 000 entries of rows of 5: kurtosis below 9, relative standard error of the std 0.22 %, band 5 of them."""
    w, b = torch.empty(100_000, 4), torch.empty(100_000)
    initializers.randomized_asymmetric_(w, b, generator=seeded())
    promised = promised_std("randomized_asymmetric", w.shape, bias=b)
    assert w.std().item() == pytest.approx(promised, rel=0.011)
    with pytest.raises(ValueError, match=r"bias: given shape \(3,\)"):
        initializers.randomized_asymmetric_(torch.empty(4, 3), torch.empty(3))


def test_randomized_asymmetric_networks_die_less_often():
    """Born dead with 9 hidden layers of width 2: .879 for He, .235 for this scheme, measured by an independent program.

    2 000 networks, standard errors .007 and .010 here; the bands are 5 of them. Dead: some hidden layer is 0 for all
    of 101 points on [-√3, √3].
    """
    x = torch.linspace(-(3**0.5), 3**0.5, 101)[None, :, None]
    shares = {}
    for name in ("he_normal", "randomized_asymmetric"):
        generator = seeded(3)
        h, dead = x, torch.zeros(2000, dtype=torch.bool)
        for fan_in in (1, *[2] * 8):
            w, b = torch.empty(2000, 2, fan_in), torch.zeros(2000, 2)
            options = {"bias": b} if name == "randomized_asymmetric" else {}
            ALL[name](w, batch_dims=1, generator=generator, **options)
            h = (h @ w.mT + b[:, None]).relu()
            dead |= (h == 0).flatten(1).all(1)
        shares[name] = dead.double().mean().item()
    assert shares["he_normal"] == pytest.approx(0.879, abs=0.037)
    assert shares["randomized_asymmetric"] == pytest.approx(0.235, abs=0.05)


def test_uniform_takes_a_radius_or_two_bounds_by_member():
    low, high = torch.tensor([-0.5, 0.2]), torch.tensor([0.5, 0.3])
    stack = initializers.uniform_(torch.empty(2, 5000), low, high, batch_dims=1, generator=seeded())
    torch.testing.assert_close(stack.amin(1), low, atol=1e-3, rtol=0)
    torch.testing.assert_close(stack.amax(1), high, atol=1e-3, rtol=0)
    radius = initializers.uniform_(torch.empty(2, 5000), r=high, batch_dims=1, generator=seeded())
    bounds = initializers.uniform_(torch.empty(2, 5000), -high, high, batch_dims=1, generator=seeded())
    assert torch.equal(radius, bounds)
    with pytest.raises(ValueError, match=r"r: given -1, needed a finite number, at least 0"):
        initializers.uniform_(torch.empty(3), r=-1.0)
    with pytest.raises(ValueError, match=r"needed either r or the two bounds"):
        initializers.uniform_(torch.empty(3), -2.0, r=1.0)


@pytest.mark.parametrize(
    ("name", "options", "rate"),
    [
        ("he_normal", {}, 1.0),
        ("he_uniform", {}, 1.0),
        ("xavier_normal", {"mode": "fan_in"}, 0.5),
        ("torch_default", {}, 1 / 6),
    ],
)
def test_the_second_moment_through_twenty_relu_layers(name, options, rate):
    """E z² is multiplied by fan · Var w / 2 in each layer: exact over draws, 2^-20 in the form of lecture notes.

    600 networks of width 48 in one stack. A layer multiplies by a factor of relative variance below 6/48, so that 20
    have e^2.5 - 1 and the mean over 600 networks a relative standard error of 14 %; the band is 5 of them. A factor
    √2 on the weights would be 2^20.
    """
    members, width, depth, generator = 600, 48, 20, seeded(1)
    z = torch.randn(members, width, 1, dtype=torch.float64, generator=generator)
    start = z.square().mean()
    for _ in range(depth):
        w = torch.empty(members, width, width, dtype=torch.float64)
        z = ALL[name](w, batch_dims=1, generator=generator, **options) @ z.relu()
    assert (z.square().mean() / start / rate**depth).item() == pytest.approx(1.0, abs=0.7)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "xavier_normal", "xavier_uniform"])
def test_all_modes(name):
    fans = {"fan_in": 20.0, "fan_out": 80.0, "fan_avg": 50.0, "fan_geo_avg": 40.0}
    for mode, fan in fans.items():
        assert promised_std(name, (80, 20), gain=1.0, mode=mode) == pytest.approx(fan**-0.5)
    with pytest.raises(ValueError, match=r"mode: given 'fan_inn', needed one of fan_in, fan_out, fan_avg, fan_geo_avg"):
        ALL[name](torch.empty(3, 4), mode="fan_inn")


def test_xavier_in_the_form_of_lecture_notes_is_lecuns():
    """Var w = 1/d, d the fan in; Glorot's own is 2/(fan_in + fan_out), the harmonic mean of the two variances."""
    ours = initializers.xavier_normal_(torch.empty(30, 20), mode="fan_in", generator=seeded())
    assert torch.equal(ours, initializers.lecun_normal_(torch.empty(30, 20), generator=seeded()))
    glorot = promised_std("xavier_normal", (30, 20)) ** 2
    assert glorot == pytest.approx(2 / (20 + 30))
    assert glorot == pytest.approx(stats.hmean([1 / 20, 1 / 30]))


def test_aliases_are_resolved_by_get():
    for alias, name in ALIASES.items():
        assert get(alias) is get(f"{alias}_") is ALL[name]
        assert alias not in ALL
    assert promised_std("kaiming_normal", (3, 8)) == 0.5


class Prelu(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.PReLU(init=0.3)

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    ("given", "name", "slope"),
    [
        (torch.tanh, "tanh", 0.01),
        (np.tanh, "tanh", 0.01),
        (math.tanh, "tanh", 0.01),
        (nn.GELU(), "gelu", 0.01),
        (nn.functional.silu, "silu", 0.01),
        (nn.ReLU(inplace=True), "relu", 0.01),
        (lambda z: z.clamp(min=0), "relu", 0.01),
        (lambda z: max(z, 0.0), "relu", 0.01),
        (lambda z: np.maximum(z, 0.3 * z), "leaky_relu", 0.3),
        (nn.LeakyReLU(0.3), "leaky_relu", 0.3),
        (Prelu(), "leaky_relu", 0.3),
    ],
)
def test_activations_may_be_functions_and_modules_of_either_library(given, name, slope):
    rel = 1e-7 if isinstance(given, Prelu) else 1e-9  # its slope is a float32 number
    assert gain_of(given) == pytest.approx(gain(name, slope), rel=rel)
    std = promised_std("he_normal", (30, 25), nonlinearity=given)
    assert std == pytest.approx(gain(name, slope) / 5, rel=rel)


def test_a_module_given_as_activation_is_left_alone():
    module = Prelu()
    before = module.inner.weight
    gain_of(module)
    assert module.inner.weight is before
    assert before.dtype == torch.float32
    assert before.grad is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (nn.GLU(), r"returns shape|raised"),
        (lambda z: z.sum(), r"returns shape \(\)"),
        (lambda z: z[:3], r"returns shape \(3,\)"),
        (nn.Softmax(dim=-1), r"changes with the other entries"),
        (nn.Dropout(0.5), r"changes with the other entries or from call to call"),
        (torch.log, r"not finite at -7.3"),
        (lambda z: z / z, r"not finite at 0"),
        (lambda z: 1 / 0, r"It raised ZeroDivisionError"),
    ],
)
def test_what_is_no_activation_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        initializers.he_normal_(torch.empty(3, 4), nonlinearity=given)


def test_the_slope_of_a_leaky_relu_is_torchs_a():
    for a in (0.0, 0.2, math.sqrt(5)):
        theirs = nn.init.kaiming_uniform_(torch.empty(6, 5), a=a, generator=seeded())
        ours = get("kaiming_uniform")(torch.empty(6, 5), a=a, generator=seeded())
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)
    with pytest.raises(ValueError, match=r"a: given 0.2 with nonlinearity='tanh'"):
        initializers.he_normal_(torch.empty(3, 4), nonlinearity="tanh", a=0.2)


def test_names_of_activations_are_checked():
    with pytest.raises(UnknownNameError, match=r"'rellu'. Did you mean 'relu'"):
        initializers.he_uniform_(torch.empty(3, 4), nonlinearity="rellu")


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        ("he_normal", "he_normal", {}),
        ("he_uniform", "he_uniform", {}),
        ("xavier_normal", "glorot_normal", {}),
        ("xavier_uniform", "glorot_uniform", {}),
        ("lecun_normal", "lecun_normal", {}),
        ("lecun_uniform", "lecun_uniform", {}),
    ],
)
@pytest.mark.parametrize("shape", [(300, 200), (64, 32, 3, 3)])
def test_variances_are_those_of_jax(ours, theirs, options, shape):
    """JAX's weights are (*kernel, in, out): fans by layer type, never by shape. 18 000 entries or more, band 6 %."""
    jax = pytest.importorskip("jax")
    turned = (*shape[2:], shape[1], shape[0])
    drawn = np.asarray(getattr(jax.nn.initializers, theirs)()(jax.random.key(0), turned))
    assert promised_std(ours, shape, **options) == pytest.approx(float(drawn.std()), rel=0.06)


def test_the_gain_of_an_activation_with_a_kink_anywhere():
    """E max(z - 0.3, 0)² = (1 + c²) Φ(-c) - c φ(c), c = 0.3."""
    c = 0.3
    moment = (1 + c * c) * stats.norm.cdf(-c) - c * stats.norm.pdf(c)
    for given in (lambda z: np.maximum(z - c, 0.0), lambda z: torch.relu(z - c)):
        assert gain_of(given) == pytest.approx(moment**-0.5, rel=1e-9)
