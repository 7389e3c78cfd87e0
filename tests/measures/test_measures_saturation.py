from math import acosh, isnan, sqrt

import pytest
import torch
from torch import nn

from trainability.measures.saturation import saturated_share


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tanh_and_sigmoid_saturate_where_the_formula_says(level, dtype):
    # tanh' = 1/cosh² < level  <=>  |x| > acosh(1/sqrt(level)); sigmoid(x) = (1 + tanh(x/2))/2 doubles that.
    edge = acosh(1 / sqrt(level))
    x = torch.linspace(-12, 12, 2002, dtype=dtype)
    assert saturated_share(x, torch.tanh, level) == (x.abs() > edge).double().mean().item()
    assert saturated_share(x, nn.Sigmoid(), level) == (x.abs() > 2 * edge).double().mean().item()


def test_leaves_no_trace_and_bears_in_place_and_no_grad():
    x = torch.randn(10, 3, requires_grad=True)
    before = x.detach().clone()
    with torch.no_grad():
        share = saturated_share(x, nn.ReLU(inplace=True))
    assert share == (before < 0).double().mean().item()
    assert torch.equal(x, before)
    assert x.grad is None


def test_parameters_of_the_activation_get_no_gradient():
    prelu = nn.PReLU()
    saturated_share(torch.randn(5, 3), prelu)
    assert prelu.weight.grad is None


def test_a_flat_activation_has_no_share():
    assert isnan(saturated_share(torch.ones(3), torch.zeros_like))
    assert isnan(saturated_share(torch.ones(3), lambda x: x * 0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: saturated_share(torch.empty(0), torch.tanh),
        lambda: saturated_share(torch.ones(2), torch.tanh, 1.0),
        lambda: saturated_share(torch.ones(2), torch.sum),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="need"):
        call()
