from math import isnan, sqrt
from time import perf_counter

import pytest
import torch
from torch import nn
from torch.nn import init

from trainability.measures.weight_scheme import weight_scheme

SHAPE = (128, 96)


def draw(how, shape=SHAPE, seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    w = torch.empty(shape)
    how(w)
    return w.to(dtype)


DRAWN = {
    "he_normal": ("normal", lambda w: init.kaiming_normal_(w, nonlinearity="relu")),
    "he_uniform": ("uniform", lambda w: init.kaiming_uniform_(w, nonlinearity="relu")),
    "xavier_uniform": ("uniform", init.xavier_uniform_),
    "xavier_normal": ("normal", init.xavier_normal_),
    "lecun_normal": ("normal", lambda w: init.kaiming_normal_(w, nonlinearity="linear")),
    "torch_default": ("uniform", lambda w: init.kaiming_uniform_(w, a=sqrt(5))),
}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("shape", [SHAPE, (32, 24, 3, 3), (300, 10)])
@pytest.mark.parametrize("seed", range(5))
def test_standard_schemes_are_named(name, shape, seed):
    # 90 cases; a true scheme is refused with p < 1e-3 (family) or 6e-5 (std): fixed seeds, so no flakes.
    kind, how = DRAWN[name]
    found = weight_scheme(draw(how, shape, seed))
    assert (found.kind, found.matches) == (kind, name)


@pytest.mark.parametrize(
    ("how", "kind", "says"),
    [
        (lambda w: w.uniform_(-1, 1), "uniform", "U[-1, 1]"),
        (lambda w: w.uniform_(-0.5, 0.5), "uniform", "U[-0.5, 0.5]"),
        (lambda w: w.uniform_(0, 1), "uniform", "U[0, 1]"),
        (lambda w: w.uniform_(-0.05, 0.05), "uniform", "U[-0.05, 0.05]"),
        (lambda w: w.normal_(0, 0.1), "normal", "N(0, 0.1²)"),
        (lambda w: w.normal_(0, 1), "normal", "N(0, 1²)"),
        (lambda w: w.normal_(1, 0.02), "normal", "N(1, 0.02²)"),
        (lambda w: init.trunc_normal_(w, 0, 0.1, -0.2, 0.2), "truncated-normal", "N(0, 0.1²) cut at 2 std"),
        (lambda w: w.fill_(0.01), "constant", "every weight 0.01"),
        (lambda w: w.zero_(), "zeros", "every weight 0"),
        (lambda w: init.orthogonal_(w, sqrt(2)), "orthogonal", "orthogonal × 1.41"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_it_says(how, kind, says, dtype):
    # 90 inputs: no standard scheme has std 0.1 within 4 standard errors of 0.7 %
    found = weight_scheme(draw(how, (128, 90), dtype=dtype))
    assert found.kind == kind
    assert found.says == says
    assert found.matches is None


@pytest.mark.parametrize("shape", [(20, 100), (100, 20), (16, 8, 3, 3)])
def test_orthogonal_either_way_round(shape):
    assert weight_scheme(draw(init.orthogonal_, shape)).says == "orthogonal × 1"
    assert weight_scheme(draw(init.orthogonal_, shape, dtype=torch.bfloat16)).kind == "orthogonal"


def test_normal_rows_are_not_orthogonal():
    kinds = {weight_scheme(draw(lambda w: w.normal_(), (2, 64), seed)).kind for seed in range(50)}
    assert "orthogonal" not in kinds


def test_layers_as_torch_makes_them():
    torch.manual_seed(1)
    for layer in (nn.Linear(64, 32), nn.Conv2d(8, 16, 3)):
        found = weight_scheme(layer.weight)
        assert (found.kind, found.matches) == ("uniform", "torch_default")
        bias = weight_scheme(layer.bias)
        assert (bias.fan_in, bias.fan_out, bias.matches, bias.he_std) == (None, None, None, None)
    assert weight_scheme(nn.Embedding(100, 50).weight).says == "N(0, 1²)"
    assert weight_scheme(nn.LayerNorm(50).weight).says == "every weight 1"
    assert weight_scheme(nn.Conv2d(8, 16, 3).weight).fan_in == 72
    assert weight_scheme(nn.Conv2d(8, 16, 3).weight).fan_out == 144
    assert weight_scheme(nn.Linear(50, 3).weight).he_std == pytest.approx(0.2)


def test_short_formats_are_still_read():
    for dtype in (torch.float16, torch.bfloat16):
        assert weight_scheme(draw(DRAWN["he_normal"][1], (400, 200), dtype=dtype)).matches == "he_normal"
        assert weight_scheme(draw(init.xavier_uniform_, (400, 200), dtype=dtype)).kind == "uniform"


def test_false_alarm_rates_over_many_seeds():
    # 300 tensors of 400 values each; the wrong family must be rare, a refusal ("other") below 3 %.
    for how, right in [(lambda w: w.normal_(), "normal"), (lambda w: w.uniform_(-1, 1), "uniform")]:
        kinds = [weight_scheme(draw(how, (400,), seed)).kind for seed in range(300)]
        assert kinds.count(right) >= 291
        assert set(kinds) <= {right, "other"}


def test_two_schemes_of_different_std_within_reach_are_not_told_apart():
    # 10 x 8 weights: Xavier 0.333, LeCun 0.354 with a standard error of 8 %.
    assert {weight_scheme(draw(DRAWN["lecun_normal"][1], (10, 8), s)).matches for s in range(20)} == {None}


def test_what_has_trained_or_is_mixed_is_other():
    w = draw(lambda w: w.normal_(0, 0.1))
    w[:10] *= 8
    found = weight_scheme(w)
    assert (found.kind, found.matches) == ("other", None)
    assert found.says.startswith("mean ")
    assert isnan(found.fit)


def test_few_values_make_no_claim():
    assert weight_scheme(draw(lambda w: w.normal_(), (3, 5))).kind == "other"
    assert weight_scheme(torch.tensor([0.5])).says == "every weight 0.5"
    assert weight_scheme(torch.tensor(0.0)).kind == "zeros"


def test_values_that_are_not_finite():
    for bad in (float("nan"), float("inf")):
        w = draw(lambda w: w.normal_())
        w[0, 0] = bad
        found = weight_scheme(w)
        assert found.kind == "other"
        assert "NaN" in found.says
    assert weight_scheme(torch.full((4, 4), float("inf"))).kind == "other"


def test_large_tensors_are_fast_and_the_same_every_time():
    w = draw(DRAWN["he_normal"][1], (2000, 2000))
    start = perf_counter()
    found = weight_scheme(w)
    assert perf_counter() - start < 1.0
    assert found == weight_scheme(w)
    assert found.matches == "he_normal"


def test_empty_is_refused():
    with pytest.raises(ValueError, match="empty"):
        weight_scheme(torch.empty(0, 3))
