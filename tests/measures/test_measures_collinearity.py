"""Cosines and ranks against the slow way, and the arc-cosine map of a wide ReLU layer."""

import math

import pytest
import torch

from trainability.measures.collinearity import mean_cosine, stable_rank


def test_mean_cosine_is_the_mean_over_pairs():
    x = torch.randn(17, 4, 3, generator=torch.Generator().manual_seed(0)) + 0.7
    rows = x.reshape(17, -1).double()
    pairs = [torch.cosine_similarity(rows[i], rows[j], dim=0).item() for i in range(17) for j in range(17) if i != j]
    assert mean_cosine(x) == pytest.approx(sum(pairs) / len(pairs), rel=1e-9)


def test_stable_rank_is_the_ratio_of_norms():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    rows = x.double() / x.double().norm(dim=1, keepdim=True)
    slow = (rows.norm() ** 2 / torch.linalg.matrix_norm(rows, 2) ** 2).item()
    assert stable_rank(x) == pytest.approx(slow, rel=1e-9)
    assert stable_rank(x.T) <= 6 + 1e-9


def test_a_wide_relu_layer_brings_orthogonal_inputs_to_a_cosine_of_one_over_pi():
    # C(0) = 1/pi, the arc-cosine kernel of order 1; 20000 units, two of 30 orthogonal inputs: error about 0.002.
    inputs = torch.eye(30)
    weights = torch.randn(30, 20000, generator=torch.Generator().manual_seed(2))
    assert mean_cosine((inputs @ weights).relu()) == pytest.approx(1 / math.pi, abs=0.01)


def test_zero_and_broken_rows_are_left_out():
    x = torch.tensor([[0.0, 0.0], [math.nan, 1.0], [1.0, 0.0]])
    assert math.isnan(mean_cosine(x))
    assert stable_rank(x) == 1.0
    assert math.isnan(stable_rank(torch.zeros(3, 2)))
    with pytest.raises(ValueError, match="shape"):
        mean_cosine(torch.zeros(0, 3))
