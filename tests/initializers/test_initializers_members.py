"""What single initializers promise beyond the family's contract, and the traps they are here for."""

from __future__ import annotations

import math

import pytest
import torch

from trainability import initializers
from trainability.errors import UnknownNameError
from trainability.initializers import ALL, get, promised_std
from trainability.initializers._fans import fan, fans


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_torch_on_a_stack_is_silently_wrong_and_batch_dims_is_right():
    """Trap 1: on (E, out, in) torch takes out · in for the fan, so He comes out √out too small.

    600 000 entries, relative standard error of the std 0.09 %; the band of 1 % is 11 of them.
    """
    members, out, fan_in = 100, 60, 100
    theirs = torch.nn.init.kaiming_normal_(torch.empty(members, out, fan_in), generator=seeded())
    ours = initializers.he_normal_(torch.empty(members, out, fan_in), batch_dims=1, generator=seeded())
    right = math.sqrt(2 / fan_in)
    assert theirs.std().item() == pytest.approx(right / math.sqrt(out), rel=0.01)
    assert ours.std().item() == pytest.approx(right, rel=0.01)


def test_torch_orthogonal_on_a_stack_has_no_orthogonal_member():
    """Trap 1, the other half."""
    unit = torch.eye(10).expand(4, 10, 10)
    theirs = torch.nn.init.orthogonal_(torch.empty(4, 10, 10), generator=seeded())
    ours = initializers.orthogonal_(torch.empty(4, 10, 10), batch_dims=1, generator=seeded())
    assert (theirs @ theirs.mT - unit).abs().max() > 0.1
    torch.testing.assert_close(ours @ ours.mT, unit, atol=1e-5, rtol=0)


def test_torch_default_is_gain_one_over_root_three():
    """Trap 10: U(±1/√fan_in), a third of LeCun's variance and a sixth of He's."""
    for layer in (torch.nn.Linear(50, 40), torch.nn.Conv2d(6, 8, 3)):
        fan_in = layer.weight[0].numel()
        assert promised_std("torch_default", layer.weight.shape) == pytest.approx(1 / math.sqrt(3 * fan_in))
        assert layer.weight.abs().max() <= 1 / math.sqrt(fan_in)
        torch.manual_seed(4)
        layer.reset_parameters()
        theirs = layer.weight.detach().clone()
        assert torch.equal(initializers.torch_default_(layer.weight.detach(), generator=seeded(4)), theirs)
    shape = (40, 50)
    variance = {name: promised_std(name, shape) ** 2 for name in ("torch_default", "lecun_normal", "he_normal")}
    assert variance["lecun_normal"] / variance["torch_default"] == pytest.approx(3)
    assert variance["he_normal"] / variance["torch_default"] == pytest.approx(6)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_he_with_a_named_activation_equals_torch(name, mode):
    theirs = {"he_normal": torch.nn.init.kaiming_normal_, "he_uniform": torch.nn.init.kaiming_uniform_}[name]
    for activation in ("relu", "linear"):
        want = torch.empty(30, 20, dtype=torch.float64)
        theirs(want, mode=mode, nonlinearity=activation, generator=seeded())
        got = torch.empty(30, 20, dtype=torch.float64)
        ALL[name](got, mode=mode, nonlinearity=activation, generator=seeded())
        # The gain comes from theory; its last bit may differ from torch's √2.
        torch.testing.assert_close(got, want, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform"])
def test_he_knows_the_mean_fan_and_callables(name):
    assert promised_std(name, (30, 20), mode="fan_avg") == pytest.approx(math.sqrt(2 / 25))
    assert promised_std(name, (30, 20), nonlinearity=lambda z: z) == pytest.approx(math.sqrt(1 / 20))
    assert promised_std(name, (30, 20), gain=0.5, nonlinearity="tanh") == pytest.approx(0.5 / math.sqrt(20))
    with pytest.raises(ValueError, match=r"mode: given 'fan_both', needed one of fan_in, fan_out, fan_avg"):
        ALL[name](torch.empty(3, 4), mode="fan_both")
    with pytest.raises(UnknownNameError, match=r"relu"):
        ALL[name](torch.empty(3, 4), nonlinearity="rellu")


@pytest.mark.parametrize("shape", [(6, 9), (9, 6), (7, 7), (4, 3, 3, 3)])
def test_orthogonal_has_all_singular_values_equal_to_the_gain(shape):
    gains = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    stack = torch.empty((3, *shape), dtype=torch.float64)
    initializers.orthogonal_(stack, gains, batch_dims=1, generator=seeded())
    values = torch.linalg.svdvals(stack.flatten(2))
    torch.testing.assert_close(values, gains[:, None].expand_as(values), rtol=1e-12, atol=0)


def test_orthogonal_is_uniform_and_not_only_orthogonal():
    """The sign fix: under the uniform law the first entry of Q has mean 0; LAPACK alone makes it negative.

    20 000 matrices of 2 × 2: the entry is a cosine of a uniform angle, variance 1/2, so the mean has standard
    error 0.005; the band is 5 of them, false alarms 6e-7. Without the fix the mean is -2/π.
    """
    stack = torch.empty(20_000, 2, 2, dtype=torch.float64)
    initializers.orthogonal_(stack, batch_dims=1, generator=seeded())
    assert abs(stack[:, 0, 0].mean().item()) < 0.025
    raw, _ = torch.linalg.qr(torch.randn(20_000, 2, 2, dtype=torch.float64, generator=seeded()))
    assert raw[:, 0, 0].mean().item() == pytest.approx(-2 / math.pi, abs=0.025)


def test_uniform_stays_inside_its_bounds_and_refuses_crossed_ones():
    low, high = torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 0.1])
    stack = initializers.uniform_(torch.empty(2, 1000), low, high, batch_dims=1, generator=seeded())
    assert (stack >= low[:, None]).all()
    assert (stack <= high[:, None]).all()
    with pytest.raises(ValueError, match=r"upper minus lower bound: given -2"):
        initializers.uniform_(torch.empty(3), 1.0, -1.0)


def test_normal_has_the_mean_it_was_given_and_refuses_a_negative_std():
    """Mean of 10 000 entries, standard error 0.001; the band is 5 of them, false alarms 6e-7 per member."""
    means = torch.tensor([-1.0, 0.0, 3.0])
    stack = torch.empty(3, 10_000, dtype=torch.float64)
    initializers.normal_(stack, means, 0.1, batch_dims=1, generator=seeded())
    assert (stack.mean(1) - means).abs().max() < 0.005
    with pytest.raises(ValueError, match=r"std: given -0.1, needed a finite number, at least 0"):
        initializers.normal_(torch.empty(3), std=-0.1)
    with pytest.raises(ValueError, match=r"std: given -1 for 1 of 3 members"):
        initializers.normal_(torch.empty(3, 2), std=torch.tensor([1.0, -1.0, 1.0]), batch_dims=1)


def test_numbers_are_not_drawn_into_integers():
    with pytest.raises(ValueError, match=r"given dtype torch.int64, needed a floating-point dtype"):
        initializers.normal_(torch.zeros(3, dtype=torch.int64))


def test_get_takes_both_spellings_and_suggests_the_nearest():
    assert get("he_normal") is get("he_normal_") is initializers.he_normal_
    with pytest.raises(UnknownNameError, match=r"'he_normall'. Did you mean 'he_normal'\?"):
        get("he_normall")


def test_fans_are_those_of_torch():
    for shape in ((30, 20), (8, 4, 3), (8, 4, 3, 5), (8, 4, 3, 2, 2)):
        theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
        assert fans(shape) == theirs
        assert fans((7, *shape), batch_dims=1) == theirs
        assert fan(shape, "fan_avg") == sum(theirs) / 2
