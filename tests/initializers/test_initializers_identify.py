"""Which scheme tensors look like: right names, stated rates of refusal, ties said, every kind of layer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from trainability.initializers import ALL, identify, initialize
from trainability.initializers._laws import fitted_normal_p as p_of
from trainability.initializers._laws import flat, goodness, normal
from trainability.measures.weight_scheme import weight_scheme

SCHEMES = [
    "he_normal",
    "he_uniform",
    "xavier_normal",
    "xavier_uniform",
    "lecun_normal",
    "lecun_uniform",
    "torch_default",
    "randomized_asymmetric",
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layers() -> nn.Module:
    return nn.ModuleDict(
        {
            "linear": nn.Linear(96, 160),
            "conv": nn.Conv2d(24, 64, 3),
            "grouped": nn.Conv2d(48, 64, 3, groups=4),
            "turned": nn.ConvTranspose2d(24, 64, 3),
            "attention": nn.MultiheadAttention(64, 4, kdim=40, vdim=96),
        }
    )


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("seed", range(2))
def test_schemes_are_named_whatever_the_layer(name, seed):
    """6 weights in 16 cases; a true scheme is refused with probability 1e-3 each: fixed seeds."""
    model = initialize(layers(), name, generator=seeded(seed))
    for one in identify(model):
        if "weight" in one.name and "q_proj" not in one.name and "out_proj" not in one.name:
            assert name in one.schemes, one
            # What is 1 % apart in std is always told apart here; one law under two names is not.
            own = next(match.std for match in one.matches if match.scheme == name)
            assert all(match.std == pytest.approx(own, rel=1e-9) for match in one.matches), one
            assert one.p >= 1e-3
            assert 0 < one.distance < 0.05


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "torch_default"])
def test_a_true_scheme_is_refused_once_in_a_thousand(name):
    """500 tensors, each refused with probability 1e-3 at most: 6 or more refusals have probability 1.4e-5.

    p is uniform or larger: the share below 0.1 is at most 0.1, standard error 0.0134, band 5 of them.
    """
    law = {"he_normal": normal("", 0.25), "he_uniform": flat("", 0.25), "torch_default": flat("", 0.25)}[name]
    drawn = torch.empty(500, 10, 20, dtype=torch.float64)
    gain = 0.25 / {"torch_default": 1 / math.sqrt(60)}.get(name, 1 / math.sqrt(20))
    ALL[name](drawn, gain, batch_dims=1, generator=seeded(4))
    ps = []
    for one in drawn.flatten(1).numpy():
        ps.append(goodness(law, one, one.size, float(np.mean(one**2)), float(np.abs(one).max()))[0])
    assert sum(p < 1e-3 for p in ps) <= 5
    assert sum(p < 0.1 for p in ps) / 500 < 0.1 + 5 * 0.0134


@pytest.mark.parametrize("n", [30, 100, 400])
def test_the_p_value_of_a_fitted_normal_law_is_uniform(n):
    """4 000 samples: shares below .01, .05, .2 and .5, standard errors at most .8 %, band 5 of them and 1 %."""
    x = np.random.default_rng(0).normal(size=(4000, n))
    x = np.sort((x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), axis=1)
    from scipy.stats import norm

    cdf = norm.cdf(x)
    steps = np.arange(n) / n
    distance = np.maximum(cdf - steps, steps + 1 / n - cdf).max(1)
    ps = np.array([p_of(d, n) for d in distance])
    for level in (0.01, 0.05, 0.2, 0.5):
        error = math.sqrt(level * (1 - level) / 4000)
        assert (ps < level).mean() == pytest.approx(level, abs=5 * error + 0.1 * level + 0.003)


def test_square_layers_are_listed_under_both_names():
    model = initialize(nn.Linear(80, 80), "xavier_normal", generator=seeded())
    found = identify(model)["weight"]
    assert found.scheme in ("xavier_normal = lecun_normal", "lecun_normal = xavier_normal")
    assert found.matches[0].std == found.matches[1].std == pytest.approx(80**-0.5)
    initialize(model, "xavier_uniform", generator=seeded())
    assert set(identify(model)["weight"].schemes) == {"xavier_uniform", "lecun_uniform"}


def test_what_a_small_tensor_cannot_tell_apart_is_joined_by_or():
    model = initialize(nn.Linear(10, 8), "lecun_normal", generator=seeded())
    found = identify(model)["weight"]
    assert {"xavier_normal", "lecun_normal"} <= set(found.schemes)
    assert " or " in found.scheme
    assert identify(nn.Linear(3, 2))["weight"].schemes == ()


def test_the_second_moment_is_read_off_all_values():
    """Fans 1000 and 1024: Xavier and LeCun differ by 0.6 % in std, 8 standard errors of a million values."""
    model = initialize(nn.Linear(1000, 1024), "lecun_normal", generator=seeded())
    assert identify(model)["weight"].schemes == ("lecun_normal",)
    assert identify(model)["weight"].n <= 20_000


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("orthogonal", {"gain": 2.0}, "orthogonal"),
        ("identity", {"gain": 0.5}, "identity"),
        ("dirac", {}, "identity"),
        ("zeros", {}, "zeros"),
        ("constant", {"val": 0.25}, "constant"),
        ("sparse", {"sparsity": 0.3, "std": 0.1}, "sparse"),
    ],
)
@pytest.mark.parametrize(
    "layer", [nn.Linear(40, 30), nn.Conv2d(20, 40, 3), nn.ConvTranspose1d(20, 40, 3), nn.Conv1d(80, 60, 3, groups=2)]
)
def test_structures_are_recognised(name, options, kind, layer):
    found = identify(initialize(layer, name, generator=seeded(), **options))["weight"]
    assert found.kind == kind
    assert found.schemes == (kind,)
    if options:
        assert f"{next(iter(options.values())):g}" in found.says or name == "sparse"


@pytest.mark.parametrize("layer", [nn.Conv2d(20, 40, 3), nn.ConvTranspose1d(20, 40, 3), nn.Conv1d(40, 60, 3, groups=2)])
def test_delta_orthogonal_is_recognised(layer):
    found = identify(initialize(layer, "delta_orthogonal", gain=1.5, generator=seeded()))["weight"]
    assert (found.kind, found.says) == ("delta_orthogonal", "orthogonal × 1.5 at the middle of the kernel")


def test_truncated_laws_carry_the_cut_in_their_name():
    """Keras and JAX draw He's normal law cut at 2 std and widened back to its variance."""
    layer = nn.Linear(200, 150)
    scale = math.sqrt(2 / 200) / 0.8796256610342398
    initialize(layer, "truncated_normal", std=scale, a=-2 * scale, b=2 * scale, generator=seeded())
    found = identify(layer)["weight"]
    assert found.kind == "truncated-normal"
    assert found.schemes == ("he_normal, cut at 2 std",)


def test_layers_as_torch_makes_them():
    torch.manual_seed(1)
    model = nn.ModuleDict(
        {
            "linear": nn.Linear(64, 128),
            "turned": nn.ConvTranspose2d(8, 64, 3),
            "grouped": nn.Conv1d(64, 128, 3, groups=8),
            "attention": nn.MultiheadAttention(64, 4),
            "lstm": nn.LSTM(40, 32, proj_size=8, bidirectional=True),
            "cell": nn.GRUCell(40, 32),
            "table": nn.Embedding(50, 30, padding_idx=0),
            "bag": nn.EmbeddingBag(50, 30),
        }
    )
    for one in identify(model):
        assert "torch_default" in one.schemes or one.kind == "zeros", one
    names = [one.name for one in identify(model)]
    assert "attention.in_proj_weight[k]" in names
    assert "lstm.weight_hh_l0_reverse[f]" in names
    assert "cell.bias_ih[n]" in names
    assert len(names) == len(set(names))


def test_biases_are_held_against_bias_schemes():
    layer = nn.Linear(20, 400)
    for bias, scheme in (
        ("zeros", "zeros"),
        ("constant", "constant"),
        ("small_normal", "small_normal"),
        ("torch_default", "torch_default"),
        ("fan_in_plus_one", "fan_in_plus_one (he_normal)"),
    ):
        initialize(layer, "he_normal", bias=bias, generator=seeded())
        assert identify(layer)["bias"].schemes == (scheme,)
    initialize(layer, "randomized_asymmetric", generator=seeded())
    assert identify(layer)["bias"].schemes[0] == "randomized_asymmetric"


def test_normalisation_embeddings_of_other_size_and_own_parameters_are_described():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.table = nn.LayerNorm(30), nn.Embedding(100, 30)
            self.token = nn.Parameter(torch.full((1, 1, 30), 0.02))

    model = Own()
    nn.init.normal_(model.table.weight, std=0.02, generator=seeded())
    found = identify(model)
    assert found["norm.weight"].says == "every weight 1"
    assert found["token"].says == "every weight 0.02"
    assert (found["table.weight"].says, found["table.weight"].scheme) == ("N(0, 0.02²)", "-")
    assert 0.001 < found["table.weight"].p <= 1
    uniform = initialize(nn.Linear(60, 50), "uniform", a=-0.3, b=0.9, generator=seeded())
    assert identify(uniform)["weight"].says == "U[-0.3, 0.9]"
    assert identify(uniform)["weight"].schemes == ()
    assert 0.001 < identify(uniform)["weight"].p <= 1


def test_trained_or_broken_weights_match_nothing():
    layer = initialize(nn.Linear(60, 50), "he_normal", generator=seeded())
    with torch.no_grad():
        layer.weight[:10] *= 5
    found = identify(layer)["weight"]
    assert (found.kind, found.scheme) == ("other", "-")
    assert math.isnan(found.p)
    with torch.no_grad():
        layer.weight[0, 0] = math.nan
    assert identify(layer)["weight"].matches == ()


def test_shared_tensors_once_and_unreadable_ones_named():
    first, second = nn.Linear(64, 64), nn.Linear(64, 64)
    second.weight = first.weight
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    model = nn.Sequential(first, second, normed, nn.LazyLinear(3), nn.Linear(4, 3, device="meta"))
    names = [one.name for one in identify(model)]
    assert names.count("0.weight") == 1
    assert "1.weight" not in names
    assert "2.parametrizations.weight.original1" in names
    assert identify(model)["3.weight"].says == "lazy, no values yet"
    assert identify(model)["4.weight"].says == "meta device"


def test_nothing_is_changed_and_the_table_is_readable():
    model = initialize(nn.Sequential(nn.Linear(50, 40), nn.BatchNorm1d(40)), "he_uniform", generator=seeded())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = identify(model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    lines = str(found).splitlines()
    assert lines[0].split() == ["tensor", "shape", "looks", "like", "scheme", "p", "distance", "values"]
    assert len(lines) == 1 + len(found) == 5
    assert "he_uniform" in lines[1]
    assert "40x50" in lines[1]
    with pytest.raises(KeyError, match=r"Given '0.wait', needed one of 0.weight, 0.bias"):
        found["0.wait"]
    with pytest.raises(AttributeError):
        found["0.weight"].kind = "zeros"


@pytest.mark.parametrize("name", ["he_normal", "xavier_uniform", "lecun_normal", "torch_default"])
def test_it_agrees_with_the_measure_that_the_doctor_reads(name):
    for seed in range(5):
        layer = initialize(nn.Linear(120, 80), name, generator=seeded(seed))
        assert identify(layer)["weight"].schemes == (weight_scheme(layer.weight).matches,) == (name,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_formats_are_read(dtype):
    layer = initialize(nn.Linear(200, 150), "he_normal", generator=seeded()).to(dtype)
    assert identify(layer)["weight"].schemes == ("he_normal",)
