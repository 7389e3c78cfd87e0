import pytest

from trainability.theory import signal, weight_std

torch = pytest.importorskip("torch")

# 400 x 300 = 120 000 weights: the std of a sample is known to 0.2% (normal); 1.5% is above 7 standard errors.
INIT = torch.nn.init
DRAWS = {
    "he": (lambda w, g: INIT.kaiming_normal_(w, nonlinearity="relu", generator=g), weight_std.he(300)),
    "xavier": (lambda w, g: INIT.xavier_uniform_(w, generator=g), weight_std.xavier(300, 400)),
    "torch": (lambda w, g: INIT.kaiming_uniform_(w, a=5**0.5, generator=g), weight_std.torch_default(300)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_equals_the_std_that_torch_draws(name):
    draw, expected = DRAWS[name]
    w = draw(torch.empty(400, 300), torch.Generator().manual_seed(0))
    assert w.std().item() == pytest.approx(expected, rel=0.015)


def test_golden_numbers():
    # He et al. 2015, Section 2.2: 3x3 convolutions of 64, 128, 256, 512 channels
    stds = [weight_std.he(9 * c) for c in (64, 128, 256, 512)]
    assert stds == pytest.approx([0.059, 0.042, 0.029, 0.021], abs=6e-4)
    assert weight_std.lecun(100) == pytest.approx(0.1)
    assert weight_std.he(50, "leaky_relu", negative_slope=1.0) == pytest.approx(50**-0.5)
    assert weight_std.he(50, signal.leaky_relu(1.0)) == pytest.approx(50**-0.5)


@pytest.mark.parametrize("call", [weight_std.he, weight_std.lecun, weight_std.torch_default])
def test_no_fan_is_refused(call):
    with pytest.raises(ValueError, match="need at least 1"):
        call(0)
    with pytest.raises(ValueError, match="fan_out"):
        weight_std.xavier(1, 0)
