"""Drawing a whole model: which layers, with which fans, and what stays untouched."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from trainability.errors import SetupError, UnknownNameError
from trainability.initializers import ALL, he_normal_, initialize, promised_std


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8, 6), nn.LayerNorm(6)
    )


@pytest.mark.parametrize("name", ALL)
def test_every_scheme_draws_linear_and_convolution_and_nothing_else(name):
    model = small_model()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 7.0)
    options = {"val": 0.25} if name == "constant" else {}
    assert initialize(model, name, generator=seeded(), **options) is model
    want = seeded()
    for layer in (model[0], model[4]):
        drawn = ALL[name](torch.empty(layer.weight.shape), generator=want, **options)
        assert torch.equal(layer.weight, drawn)
        assert (layer.bias == 0).all()
    for layer in (model[1], model[5]):
        assert (layer.weight == 7).all()
        assert (layer.bias == 7).all()


def test_bias_can_be_kept_set_or_drawn_as_torch_does():
    kept = initialize(nn.Linear(4, 3), "he_normal", bias="keep")
    before = kept.bias.detach().clone()
    assert torch.equal(initialize(kept, "he_normal", bias="keep").bias, before)
    assert (initialize(kept, "he_normal", bias=0.5).bias == 0.5).all()
    torch.manual_seed(3)
    theirs = nn.Sequential(nn.Linear(4, 30), nn.Conv1d(6, 20, 3), nn.ConvTranspose2d(6, 4, 3))
    torch.manual_seed(3)
    ours = initialize(copy.deepcopy(theirs), "torch_default", bias="torch_default")
    for got, want in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(got, want)
    with pytest.raises(UnknownNameError, match=r"Unknown bias 'zero'. Did you mean 'zeros'\?"):
        initialize(kept, "he_normal", bias="zero")


def test_a_shared_tensor_is_drawn_once():
    first, second = nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False)
    second.weight = first.weight
    last = nn.Linear(5, 2, bias=False)
    initialize(nn.Sequential(first, second, last, first), "he_normal", generator=seeded())
    want = seeded()
    assert torch.equal(second.weight, he_normal_(torch.empty(5, 5), generator=want))
    assert torch.equal(last.weight, he_normal_(torch.empty(2, 5), generator=want))


def test_embeddings_stay_also_where_a_linear_layer_shares_them():
    table, head, other = nn.Embedding(9, 4), nn.Linear(4, 9), nn.Linear(4, 4)
    head.weight = table.weight
    before, other_before = table.weight.detach().clone(), other.weight.detach().clone()
    initialize(nn.Sequential(table, other, head), "he_normal")
    assert torch.equal(table.weight, before)
    assert not torch.equal(other.weight, other_before)


def test_requires_grad_and_identity_of_parameters_stay():
    model = small_model()
    model[0].weight.requires_grad_(False)
    before = {name: (id(p), p.requires_grad) for name, p in model.named_parameters()}
    initialize(model, "orthogonal")
    assert before == {name: (id(p), p.requires_grad) for name, p in model.named_parameters()}
    assert all(p.grad is None and p.is_leaf for p in model.parameters())


@pytest.mark.parametrize("groups", [1, 4])
def test_convolutions_get_the_fans_of_what_they_compute(groups):
    """A transposed convolution sums over in/groups channels, which torch.nn.init takes for out.

    4 608 or more entries each, relative standard error of the std at most 1.05 %; the band of 6 % is 5.7 of
    them.
    """
    out, fan_in = 64, 32
    rate = 2.0 / (fan_in // groups * 9)
    straight = nn.Conv2d(fan_in, out, 3, groups=groups)
    turned = nn.ConvTranspose2d(fan_in, out, 3, groups=groups)
    for layer in (straight, turned):
        initialize(layer, "he_normal", generator=seeded())
        assert layer.weight.std().item() == pytest.approx(rate**0.5, rel=0.06)
    both = 2.0 / ((fan_in + out) // groups * 9)
    for layer in (straight, turned):
        initialize(layer, "xavier_normal", generator=seeded())
        assert layer.weight.std().item() == pytest.approx(both**0.5, rel=0.06)


def test_he_keeps_the_signal_through_a_transposed_convolution():
    """Why in and out are exchanged: E relu² = 1/2 goes into the sum, mean square 1 comes out (stride 1).

    4 000 inner outputs of 64 channels; channels share inputs, so the band of 15 % is generous; torch's own
    reading of the fans would give a quarter.
    """
    layer = initialize(nn.ConvTranspose2d(16, 64, 3, padding=1), "he_normal", generator=seeded())
    x = torch.randn(32, 16, 12, 12, generator=seeded(1)).relu()
    inner = layer(x)[:, :, 2:-2, 2:-2]
    assert inner.square().mean().item() == pytest.approx(1.0, rel=0.15)


def test_orthogonal_of_a_grouped_convolution_is_orthogonal_group_by_group():
    layer = initialize(nn.Conv1d(8, 12, 3, groups=4), "orthogonal", generator=seeded())
    blocks = layer.weight.detach().reshape(4, 3, 6)
    torch.testing.assert_close(blocks @ blocks.mT, torch.eye(3).expand(4, 3, 3), atol=1e-5, rtol=0)


def test_a_scheme_may_be_any_function_that_fills_in_place():
    model, other = nn.Linear(6, 4), nn.Linear(6, 4)
    initialize(model, nn.init.kaiming_normal_, nonlinearity="relu", generator=seeded())
    assert torch.equal(model.weight, nn.init.kaiming_normal_(other.weight, nonlinearity="relu", generator=seeded()))
    initialize(model, nn.init.eye_)
    assert torch.equal(model.weight, torch.eye(4, 6))
    initialize(model, he_normal_, generator=seeded(), gain=1.0)
    assert torch.equal(model.weight, he_normal_(torch.empty(4, 6), 1.0, generator=seeded()))


def test_layers_inside_attention_and_recurrent_layers():
    attention = nn.MultiheadAttention(8, 2)
    before = attention.in_proj_weight.detach().clone()
    initialize(attention, "orthogonal")
    assert torch.equal(attention.in_proj_weight, before)
    torch.testing.assert_close(attention.out_proj.weight @ attention.out_proj.weight.mT, torch.eye(8))
    recurrent = nn.GRU(4, 4)
    before = recurrent.weight_hh_l0.detach().clone()
    assert torch.equal(initialize(recurrent, "zeros").weight_hh_l0, before)


def test_layers_without_a_weight_to_draw_are_refused_before_anything_changes():
    cases = {
        "lazy weight": nn.LazyLinear(3),
        "computed from other tensors": nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
        "meta device": nn.Linear(4, 3, device="meta"),
    }
    for words, layer in cases.items():
        good = nn.Linear(4, 4)
        before = good.weight.detach().clone()
        with pytest.raises(SetupError, match=rf"Layer 1 .*given .*{words}.* needed"):
            initialize(nn.Sequential(good, layer), "he_normal")
        assert torch.equal(good.weight, before)


def test_unknown_schemes_are_refused_before_anything_changes():
    layer = nn.Linear(4, 4)
    before = layer.weight.detach().clone()
    with pytest.raises(UnknownNameError, match=r"Unknown initializer 'kaiming'"):
        initialize(layer, "kaiming")
    assert torch.equal(layer.weight, before)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_layer_without_entries_is_passed_over():
    initialize(nn.Sequential(nn.Linear(0, 3), nn.Linear(3, 2)), "he_normal", bias="torch_default")


def test_the_model_has_the_promised_standard_deviation():
    """62 500 entries, relative standard error of the std 0.28 %; 2 % is 7 of them."""
    layer = initialize(nn.Linear(250, 250), "he_uniform", generator=seeded())
    assert layer.weight.std().item() == pytest.approx(promised_std("he_uniform", (250, 250)), rel=0.02)
