from math import inf, isnan, pi, sqrt

import pytest
import torch

from trainability.measures.signal import mean_square, share_across_inputs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_mean_square_in_float64_of_float32_and_half():
    assert mean_square(torch.full((4,), 1e30)) == pytest.approx(1e60)
    assert mean_square(torch.full((5000,), 300.0, dtype=torch.float16)) == pytest.approx(9e4)
    assert mean_square(torch.tensor([inf, 1.0])) == inf
    assert isnan(mean_square(torch.tensor([float("nan"), 1.0])))


def test_share_equals_the_slow_way():
    x = torch.randn(7, 3, 2, 2, generator=generator(), dtype=torch.float64) + 2
    slow = sum(x[:, u, i, j].var(unbiased=False) for u in range(3) for i in range(2) for j in range(2)) / 12
    assert share_across_inputs(x) == pytest.approx((slow / (x**2).mean()).item(), abs=1e-14)


def test_share_at_its_ends():
    same = torch.rand(1, 50, generator=generator()).repeat(9, 1)
    assert share_across_inputs(same) == 0.0
    opposite = torch.cat([same[:1], -same[:1]])
    assert share_across_inputs(opposite) == pytest.approx(1.0, abs=1e-14)
    assert isnan(share_across_inputs(torch.zeros(3, 2)))
    assert isnan(share_across_inputs(torch.ones(1, 2)))


def test_share_falls_with_relu_depth_as_mean_field_says():
    # The c-map of a ReLU from c = 0: 1 - c = 1 at layer 1, and .50626881, .39517428 at layers 3 and 4.
    # Width 2000, 50 inputs; the share of one net spreads by about 0.02.
    h = torch.randn(50, 500, generator=generator(), dtype=torch.float64)
    shares = []
    for _ in range(4):
        w = torch.randn(2000, h.shape[1], generator=generator(1 + len(shares)), dtype=torch.float64)
        w *= sqrt((1 if not shares else 2) / h.shape[1])
        z = h @ w.T
        shares.append(share_across_inputs(z))
        h = z.relu()
    expected = [1.0, 1 - 1 / pi, 1 - 0.49373109, 1 - 0.60482572]
    assert shares == pytest.approx([e * 49 / 50 for e in expected], abs=0.08)


def test_nothing_is_refused():
    for measure in (mean_square, share_across_inputs):
        with pytest.raises(ValueError, match="empty"):
            measure(torch.empty(0, 3))
    with pytest.raises(ValueError, match="batch"):
        share_across_inputs(torch.tensor(1.0))
