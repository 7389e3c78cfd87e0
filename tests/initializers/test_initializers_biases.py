"""Bias schemes: what each promises, stacks, and their use by `initialize`."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from trainability.errors import UnknownNameError
from trainability.initializers import biases, he_normal_, initialize, xavier_normal_

X = torch.linspace(-1.0, 1.0, 201)[:, None] ** 3
DRAWS = ["elbow_placing", "fan_in_plus_one", "small_normal", "torch_default"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def options_of(name: str, fan_in: int) -> dict:
    return {"inputs": X.expand(-1, fan_in) * torch.arange(1, fan_in + 1)} if name == "elbow_placing" else {}


def test_every_file_is_listed_and_holds_its_function():
    files = {path.stem for path in Path(biases.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert files == set(biases.ALL)
    for name, fill in biases.ALL.items():
        assert (fill.__name__, fill.__module__) == (f"{name}_", f"trainability.initializers.biases.{name}")
    with pytest.raises(UnknownNameError, match=r"Unknown bias 'elbowplacing'. Did you mean 'elbow_placing'"):
        biases.get("elbowplacing")


@pytest.mark.parametrize("name", biases.ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_stack_with_one_generator_per_member_equals_single_calls(name, dtype):
    members, out, fan_in = 4, 9, 3
    weight = torch.randn(members, out, fan_in, dtype=dtype, generator=seeded(9))
    stack, options = torch.full((members, out), torch.nan, dtype=dtype), options_of(name, fan_in)
    stacked_weight = weight.clone()
    result = biases.ALL[name](
        stack, stacked_weight, batch_dims=1, generator=[seeded(e) for e in range(members)], **options
    )
    assert result is stack
    for e in range(members):
        w, b = weight[e].clone(), torch.empty(out, dtype=dtype)
        biases.ALL[name](b, w, generator=seeded(e), **options)
        # A batched matrix product may round differently from a single one.
        close = torch.finfo(dtype).eps * 50 if name == "elbow_placing" else 0.0
        torch.testing.assert_close(stack[e], b, rtol=close, atol=close)
        assert torch.equal(stacked_weight[e], w)


@pytest.mark.parametrize("name", DRAWS)
def test_generators_are_used_counted_and_leave_the_global_state_alone(name):
    weight, before = torch.randn(3, 5, 2, generator=seeded(9)), torch.get_rng_state()
    options = options_of(name, 2)
    first = biases.ALL[name](torch.empty(3, 5), weight.clone(), batch_dims=1, generator=seeded(1), **options)
    again = biases.ALL[name](torch.empty(3, 5), weight.clone(), batch_dims=1, generator=seeded(1), **options)
    other = biases.ALL[name](torch.empty(3, 5), weight.clone(), batch_dims=1, generator=seeded(2), **options)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len({tuple(member.tolist()) for member in first}) == 3
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(ValueError, match=r"given 2 generators for 3 member"):
        biases.ALL[name](torch.empty(3, 5), weight.clone(), batch_dims=1, generator=[seeded(), seeded()], **options)


@pytest.mark.parametrize("name", ["torch_default", "fan_in_plus_one", "elbow_placing"])
def test_a_weight_of_the_same_layer_is_needed(name):
    options = options_of(name, 2)
    with pytest.raises(ValueError, match=r"given no weight, needed the weight of the same layer"):
        biases.ALL[name](torch.empty(5), **options)
    for wrong in (torch.empty(4, 2), torch.empty(5), torch.empty(2, 5, 2)):
        with pytest.raises(ValueError, match=r"given a bias of shape \(5,\) and a weight"):
            biases.ALL[name](torch.empty(5), wrong, **options)


def test_values_by_member():
    given = torch.tensor([0.0, 0.01, 2.0], dtype=torch.float64)
    assert torch.equal(
        biases.constant_(torch.empty(3, 4).double(), val=given, batch_dims=1), given[:, None].expand(3, 4)
    )
    stack = biases.small_normal_(torch.empty(3, 4), std=torch.tensor([0.0, 1.0, 1.0]), batch_dims=1)
    assert (stack[0] == 0).all()
    assert not (stack[1:] == 0).any()
    stack = biases.torch_default_(
        torch.empty(2, 4000), torch.empty(2, 4000, 4), gain=torch.tensor([1.0, 3.0]), batch_dims=1
    )
    torch.testing.assert_close(stack.amax(1), torch.tensor([0.5, 1.5]), atol=0.01, rtol=0)


@pytest.mark.parametrize("layer", [nn.Linear(7, 5), nn.Conv2d(3, 5, 2), nn.ConvTranspose1d(3, 4, 2)])
def test_torch_default_equals_torch(layer):
    torch.manual_seed(2)
    layer.reset_parameters()
    torch.manual_seed(2)
    drawn = torch.empty_like(layer.weight).uniform_()  # what the weight takes from the generator
    ours = biases.torch_default_(torch.empty(layer.weight.shape[0]), layer.weight.detach())
    if not isinstance(layer, nn.ConvTranspose1d):  # there the weight is (in, out, kernel)
        assert torch.equal(ours, layer.bias)
    assert drawn.shape == layer.weight.shape


@pytest.mark.parametrize(("scheme", "gain2"), [("lecun_normal", 1), ("he_normal", 2), ("lecun_uniform", 1)])
@pytest.mark.parametrize("layer", [nn.Linear(4, 9000), nn.Conv2d(2, 9000, 2)])
def test_fan_in_plus_one_counts_the_bias_as_one_more_weight(layer, scheme, gain2):
    """Var w = Var b = gain² / (d + 1). 9 000 biases: relative standard error of the variance 1.5 %, band 7.5 %."""
    initialize(layer, scheme, bias="fan_in_plus_one", generator=seeded())
    fan_in = layer.weight[0].numel()
    assert layer.bias.var().item() == pytest.approx(gain2 / (fan_in + 1), rel=0.075)
    assert layer.weight.var().item() == pytest.approx(gain2 / (fan_in + 1), rel=0.075)


def test_fan_in_plus_one_keeps_the_mean_square_exactly():
    """Inputs of mean square 1, 20 000 units: E z² = 1 with standard error 1 %, band 5 of them."""
    x = torch.tensor([1.0, -1.0, 1.0])
    layer = initialize(nn.Linear(3, 20_000), xavier_normal_, mode="fan_in", bias="fan_in_plus_one", generator=seeded())
    assert layer(x).square().mean().item() == pytest.approx(1.0, rel=0.05)


def test_fan_in_plus_one_joins_any_scheme_of_the_family_and_no_other():
    layer = initialize(nn.Linear(7, 5), "orthogonal", bias="fan_in_plus_one")
    joint = torch.cat([layer.weight, layer.bias[:, None]], 1)
    torch.testing.assert_close(joint @ joint.T, torch.eye(5), atol=1e-5, rtol=0)
    grouped = initialize(nn.Conv1d(6, 8, 2, groups=2), "orthogonal", bias="fan_in_plus_one")
    joint = torch.cat([grouped.weight.flatten(1), grouped.bias[:, None]], 1).reshape(2, 4, 7)
    torch.testing.assert_close(joint @ joint.mT, torch.eye(4).expand(2, 4, 4), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match=r"fan_in_plus_one.*needed one of this package"):
        initialize(layer, nn.init.xavier_normal_, bias="fan_in_plus_one")


def test_torchs_corners_miss_the_data_half_the_time_and_placed_ones_never():
    """b and w of one law: C = -b/w has P(|C| > 1) = 1/2 (uniform or normal); 20 000 units, band 5 standard errors."""
    layer = nn.Linear(1, 20_000)
    initialize(layer, "torch_default", bias="torch_default", generator=seeded())
    corners = -layer.bias / layer.weight[:, 0]
    assert (corners.abs() > 1).double().mean().item() == pytest.approx(0.5, abs=0.018)
    x = torch.linspace(-1, 1, 401)[:, None]
    initialize(layer, "torch_default", bias="elbow_placing", sample=x, generator=seeded())
    corners = -layer.bias / layer.weight[:, 0]
    assert corners.abs().max().item() <= 0.9 + 1e-5
    active = (layer(x) > 0).double().mean(0)
    assert active.min().item() >= 0.045
    assert active.max().item() <= 0.955
    # Shares are spread evenly: their order statistics are those of a regular grid.
    torch.testing.assert_close(active.sort().values, torch.linspace(0.05, 0.95, 20_000).double(), atol=0.006, rtol=0)


def test_no_unit_of_a_deep_network_is_dead_with_placed_elbows():
    x = torch.randn(500, 3, 8, 8, generator=seeded(1)) * 3 + 1
    model = nn.Sequential(
        nn.Conv2d(3, 12, 3, stride=2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(108, 40),
        nn.ReLU(),
        nn.Linear(40, 30),
    )
    initialize(model, "he_normal", bias="elbow_placing", sample=x, generator=seeded())
    conv = model[0](x).transpose(0, 1).flatten(1)
    hidden = model[3](model[2](conv.unflatten(1, (500, 3, 3)).transpose(0, 1).relu()))
    for z in (conv.T, hidden, model(x)):
        active = (z > 0).double().mean(0)
        assert active.min() > 0.03
        assert active.max() < 0.97


def test_elbow_placing_takes_a_spread_of_many_positions():
    """40 000 positions of a ramp: the shares on all of them are those on the 10 000 that are looked at."""
    ramp = torch.linspace(-1, 1, 200)
    x = (ramp[:, None] + 0.01 * ramp)[None, None]
    layer = initialize(nn.Conv2d(1, 50, 1), "he_normal", bias="elbow_placing", sample=x, generator=seeded())
    active = (layer(x) > 0).double().mean((0, 2, 3))
    torch.testing.assert_close(active.sort().values, torch.linspace(0.06, 0.94, 50).double(), atol=0.02, rtol=0)


def test_elbow_placing_uses_each_layers_own_inputs_and_the_generator():
    x, model = (
        torch.randn(100, 4, generator=seeded()),
        nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 5, bias=False)),
    )
    torch.manual_seed(0)
    first = [p.clone() for p in initialize(model, "he_normal", bias="elbow_placing", sample=x).parameters()]
    torch.manual_seed(0)
    second = initialize(model, "he_normal", bias="elbow_placing", sample=(x,)).parameters()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    third = initialize(model, "he_normal", bias="elbow_placing", sample=x)
    assert not torch.equal(first[1], third[0].bias)
    with pytest.raises(ValueError, match=r"given no sample, needed one"):
        initialize(model, "he_normal", bias="elbow_placing")


def test_elbow_placing_refuses_what_has_no_corner_in_the_data():
    w, b = torch.ones(3, 2), torch.empty(3)
    for inputs, words in (
        (None, "given no inputs"),
        (torch.ones(5, 3), "given inputs of shape"),
        (torch.ones(1, 2), r"given 1 input\(s\), needed at least 2"),
        (torch.full((5, 2), math.nan), "not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            biases.elbow_placing_(b, w, inputs)
    with pytest.raises(ValueError, match=r"low, high: given 0.9, 0.1"):
        biases.elbow_placing_(b, w, torch.ones(5, 2), low=0.9, high=0.1)


def test_initialize_takes_names_numbers_and_functions():
    layer = nn.Linear(30, 20)
    for given, check in (
        (0.25, lambda b: (b == 0.25).all()),
        ("constant", lambda b: (b == 0.01).all()),
        ("small_normal", lambda b: 0 < b.abs().max() < 0.06),
        (biases.zeros_, lambda b: (b == 0).all()),
        (lambda b, w, **_: b.copy_(w.sum(1)), lambda b: torch.equal(b, layer.weight.sum(1))),
    ):
        assert check(initialize(layer, he_normal_, bias=given).bias)


def test_gates_and_packed_projections_get_their_own_bias():
    """800 biases per gate: relative standard error of the variance 5 %, band 25 %."""
    layer = initialize(nn.GRUCell(3, 800), "lecun_normal", bias="fan_in_plus_one", recurrent="zeros")
    for gate in layer.bias_ih.chunk(3):
        assert gate.var().item() == pytest.approx(1 / 4, rel=0.25)
    assert (layer.bias_hh == 0).all()
