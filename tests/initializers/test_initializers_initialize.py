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
    options = {"constant": {"val": 0.25}, "sparse": {"sparsity": 0.5}}.get(name, {})
    assert initialize(model, name, generator=seeded(), **options) is model
    want = seeded()
    for layer in (model[0], model[4]):
        bias = torch.zeros_like(layer.bias)
        together = {"bias": bias} if name == "randomized_asymmetric" else {}
        drawn = ALL[name](torch.empty(layer.weight.shape), generator=want, **options, **together)
        assert torch.equal(layer.weight, drawn)
        assert torch.equal(layer.bias, bias)
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


@pytest.mark.parametrize("sizes", [{}, {"kdim": 48, "vdim": 80}])
def test_packed_projections_are_three_weights(sizes):
    """torch counts q, k and v together: its Xavier is √2 too small for each. Trap 11.

    4 096 entries and more for each, relative standard error of the std at most 1.1 %; the band is 5.5 %.
    """
    layer = nn.MultiheadAttention(64, 4, **sizes)
    theirs = layer.in_proj_weight.std().item() if not sizes else None
    initialize(layer, "xavier_normal", generator=seeded())
    if sizes:
        parts = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
    else:
        parts = layer.in_proj_weight.chunk(3)
        assert theirs == pytest.approx((2 / 128) ** 0.5 / 2**0.5, rel=0.03)
    for part in parts:
        assert part.std().item() == pytest.approx((2 / sum(part.shape)) ** 0.5, rel=0.055)
    assert (layer.in_proj_bias == 0).all()
    initialize(layer, "orthogonal")
    for part in layer.in_proj_weight.chunk(3) if not sizes else (layer.q_proj_weight,):
        torch.testing.assert_close(part @ part.mT, torch.eye(64), atol=1e-5, rtol=0)
    torch.testing.assert_close(layer.out_proj.weight @ layer.out_proj.weight.mT, torch.eye(64), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("layer", "gates"),
    [
        (nn.RNN(9, 7), 1),
        (nn.GRU(9, 7, num_layers=2, bidirectional=True), 3),
        (nn.LSTM(9, 7), 4),
        (nn.GRUCell(9, 7), 3),
        (nn.LSTM(9, 7, bias=False), 4),
    ],
)
def test_recurrent_layers_are_drawn_gate_by_gate(layer, gates):
    initialize(layer, "orthogonal", gain=2.0, generator=seeded())
    for name, parameter in layer.named_parameters():
        if "bias" in name:
            assert (parameter == 0).all()
            continue
        assert len(parameter) == 7 * gates
        for gate in parameter.chunk(gates):
            gain = 1.0 if "hh" in name else 2.0
            values = torch.linalg.svdvals(gate)
            torch.testing.assert_close(values, torch.full_like(values, gain))


def test_what_a_recurrent_layer_applies_to_its_state_can_be_chosen():
    layer = initialize(nn.LSTM(4, 5, proj_size=3), "he_normal", recurrent="zeros")
    assert (layer.weight_hh_l0 == 0).all()
    assert (layer.weight_hr_l0 == 0).all()
    assert not (layer.weight_ih_l0 == 0).any()
    layer = initialize(nn.GRU(4, 3), "torch_default", bias="torch_default", gain=0.5)
    for parameter in layer.parameters():
        assert 0 < parameter.abs().max() <= 3**-0.5 * (0.5 if parameter.ndim == 2 else 1)


def test_torchs_own_law_for_attention_and_recurrent_layers():
    """Means of 3 000 and more uniform entries against torch's bounds: largest entry within 1 % of the bound."""
    attention = initialize(nn.MultiheadAttention(64, 4), "torch_default", bias="torch_default", generator=seeded())
    assert attention.in_proj_weight.abs().max().item() == pytest.approx((6 / 256) ** 0.5, rel=0.01)
    assert (attention.in_proj_bias == 0).all()
    assert (attention.out_proj.bias == 0).all()
    recurrent = initialize(nn.LSTM(30, 25), "torch_default", bias="torch_default", generator=seeded())
    for weight in (recurrent.weight_ih_l0, recurrent.weight_hh_l0):
        assert weight.abs().max().item() == pytest.approx(0.2, rel=0.01)


def test_callables_from_outside_get_the_parts_of_packed_weights():
    shapes = []
    initialize(nn.MultiheadAttention(6, 2), lambda w: shapes.append(tuple(w.shape)))
    initialize(nn.GRUCell(4, 5), lambda w: shapes.append(tuple(w.shape)), recurrent=nn.init.zeros_)
    assert shapes == [(6, 6)] * 4 + [(5, 4)] * 3


def test_kinds_of_layers_can_be_chosen():
    model = nn.ModuleList([nn.Linear(4, 4), nn.GRU(4, 4), nn.MultiheadAttention(4, 1), nn.Conv1d(4, 4, 1)])
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    initialize(model, "constant", val=2.0, bias=3.0, only=(nn.Linear, nn.Conv1d))
    for name, parameter in model.named_parameters():
        if name.startswith(("0.", "3.")) or "out_proj" in name:
            assert (parameter == (3.0 if "bias" in name else 2.0)).all()
        else:
            assert torch.equal(parameter, before[name])


def test_embeddings_are_drawn_when_asked_and_padding_stays_zero():
    table, head = nn.Embedding(500, 40, padding_idx=3), nn.Linear(40, 500, bias=False)
    head.weight = table.weight
    initialize(nn.Sequential(table, head), "he_normal", embeddings=0.02, generator=seeded())
    assert table.weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert (table.weight[3] == 0).all()
    with pytest.raises(ValueError, match=r"embeddings: given -1, needed a standard deviation"):
        initialize(table, "he_normal", embeddings=-1.0)


def test_a_scheme_that_draws_the_bias_too_can_be_overruled():
    layer = nn.Linear(5, 400)
    initialize(layer, "randomized_asymmetric", generator=seeded(), sigma=0.0)
    assert (((layer.weight > 0).sum(1) + (layer.bias > 0)) == 1).all()
    initialize(layer, "rai", bias="zeros", generator=seeded(), sigma=0.0)
    assert ((layer.weight > 0).sum(1) == 1).all()
    assert (layer.bias == 0).all()


def test_layers_without_a_weight_to_draw_are_refused_before_anything_changes():
    cases = {
        "lazy weight": nn.LazyLinear(3),
        "computed from other tensors": nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
        "meta device": nn.Linear(4, 3, device="meta"),
        r"in_proj_weight on the meta device": nn.MultiheadAttention(4, 1, device="meta"),
        r"weight_ih_l0 on the meta device": nn.GRU(4, 3, device="meta"),
        "lazy weight without": nn.LazyConvTranspose2d(3, 2),
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
    for wrong, near in (
        ("kaiming", None),
        ("he_norml", "he_normal"),
        ("glorot_unform", "glorot_uniform"),
        ("lsuw", "lsuv"),
    ):
        hint = f" Did you mean '{near}'" if near else ""
        with pytest.raises(UnknownNameError, match=rf"Unknown initializer '{wrong}'\.{hint}"):
            initialize(layer, wrong)
    assert torch.equal(layer.weight, before)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_layer_without_entries_is_passed_over():
    initialize(nn.Sequential(nn.Linear(0, 3), nn.Linear(3, 2)), "he_normal", bias="torch_default")


def test_the_model_has_the_promised_standard_deviation():
    """62 500 entries, relative standard error of the std 0.28 %; 2 % is 7 of them."""
    layer = initialize(nn.Linear(250, 250), "he_uniform", generator=seeded())
    assert layer.weight.std().item() == pytest.approx(promised_std("he_uniform", (250, 250)), rel=0.02)
