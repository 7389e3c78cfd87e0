"""Xavier against He: the same networks but for a factor, the exact law, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import xavier_against_he as entry
from trainability.gallery.xavier_against_he import Comparison, Trained


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def test_he_is_xavier_times_the_root_of_two():
    for one, other in zip(entry.network(5, "Xavier", 3), entry.network(5, "He", 3), strict=True):
        if hasattr(one, "weight"):
            torch.testing.assert_close(other.weight, 2**0.5 * one.weight)
            assert one.weight.std().item() == pytest.approx(1 / 8, rel=0.15)


def test_scales_equal_a_plain_backward_pass():
    made = entry.scales(4, "He", 3)
    model = entry.network(4, "He", 10_002).double()
    images, labels = entry.problem("digits-mlp")().data
    loss = torch.nn.functional.cross_entropy(model(images[2:3].double()), labels[2:3])
    loss.backward()
    squares = [m.weight.grad.square().mean().item() for m in model if hasattr(m, "weight")]
    np.testing.assert_allclose(made.weight_gradient[2], squares, rtol=1e-9)
    assert made.signal[:, 0] == pytest.approx(1)
    assert made.gradient[:, -1] == pytest.approx(1)
    assert made.signal.shape == made.gradient.shape == (3, 3)


def runs(**ends):
    """Made-up trainings of two seeds that end at a loss, by depth_weights_rate."""
    out = []
    for name, end in ends.items():
        depth, weights, rate = name[1:].split("_")
        word = "trained" if end < 1 else "stalled"
        parts = np.full((2, 40), 2.303) if end > 2.2 else np.tile(np.linspace(2.2 - (weights == "He"), end, 40), (2, 1))
        out.append(Trained(int(depth), weights, {"low": 0.01, "high": 0.1}[rate], (word,) * 2, (0.5,) * 2, parts, 2000))
    return tuple(out)


def test_statements_about_training_can_fail():
    good = {"d30_He_low": 0.1, "d30_Xavier_low": 2.303, "d22_He_low": 0.0, "d22_Xavier_low": 2.3, "d22_He_high": 1.4,
            "d22_Xavier_high": 1.5, "d30_He_high": 2.3, "d5_He_low": 0.1, "d5_Xavier_low": 0.2, "d5_He_high": 0.0,
            "d5_Xavier_high": 0.0}  # fmt: skip
    assert failing(Comparison(runs(**good), ())) == []
    for change, says in (
        ({"d30_Xavier_low": 0.1}, "Figure 3"),
        ({"d30_He_low": 2.3}, "Figure 3"),
        ({"d22_Xavier_low": 0.2}, "Figure 2 has both"),
        ({"d22_Xavier_low": 0.2}, "best constant answer"),
        ({"d5_Xavier_high": 2.3}, "5 layers: both train"),
        ({"d22_Xavier_high": 2.3, "d22_He_high": 2.3}, "does start"),
        ({"d30_He_high": 0.1, "d22_He_high": 0.1}, "holds at a learning rate"),
    ):
        assert any(says in s for s in failing(Comparison(runs(**(good | change)), ()))), change


def test_claims_hold_and_can_fail():
    result = entry.run(smoke=True)
    data = result.data
    assert result.holds
    assert data.runs[0].depth == 30
    law = next(c for c in result.claims if "Xavier, signal" in c.says)
    assert law.predicted.startswith("mean of the log of the mean square -20.53, its standard deviation 1.52")
    xavier, he = data.scales
    assert any("signal" in s for s in failing(replace(data, scales=(replace(xavier, signal=he.signal), he))))
    assert any(
        "gradient, first" in s for s in failing(replace(data, scales=(xavier, replace(he, gradient=xavier.gradient))))
    )
    slanted = xavier.weight_gradient * 1.2 ** np.arange(30)
    assert any(
        "as small in late" in s for s in failing(replace(data, scales=(replace(xavier, weight_gradient=slanted), he)))
    )
    swapped = tuple(replace(r, loss=o.loss) for r, o in zip(data.runs, data.runs[::-1], strict=True))
    assert any("Figure 3" in s for s in failing(replace(data, runs=swapped)))
    assert len(entry.figure(result).axes) == 4
