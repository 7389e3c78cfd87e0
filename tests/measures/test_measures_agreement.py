from math import isnan

import numpy as np
import pytest
import torch

from trainability.measures.accuracy import accuracy
from trainability.measures.agreement import median_max_probability, same_class_share, top2_gap

NAN = float("nan")


def outputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_top2_gap_equals_sorting():
    z = outputs(100, 7)
    ordered = np.sort(z.double().numpy(), axis=1)
    assert top2_gap(z) == pytest.approx(np.median(ordered[:, -1] - ordered[:, -2]), rel=1e-6)
    assert isnan(top2_gap(torch.tensor([[NAN, 1.0]])))


def test_positions_count_as_inputs():
    z = outputs(4, 3, 5, 5)
    flat = z.permute(0, 2, 3, 1).reshape(-1, 3)
    assert top2_gap(z) == top2_gap(flat)
    assert same_class_share(z) == same_class_share(flat)
    assert median_max_probability(z) == median_max_probability(flat)


def test_same_class_share_equals_counting():
    z = outputs(101, 3)
    assert same_class_share(z) == np.bincount(z.argmax(1).numpy()).max() / 101
    assert same_class_share(torch.zeros(8, 4)) == 1.0
    assert same_class_share(torch.tensor([[-1.0], [2.0], [3.0], [-4.0], [-5.0]])) == 0.6
    assert isnan(same_class_share(torch.tensor([[NAN, 1.0]])))


def test_one_probability_column_stands_for_two_classes():
    assert median_max_probability(torch.tensor([0.1, 0.2, 0.6])) == pytest.approx(0.8)


def test_accuracy():
    a, b = torch.arange(10), torch.tensor([0, 1, 2, 3, 4, 5, 6, 0, 0, 0])
    assert accuracy(a, b) == 0.7


@pytest.mark.parametrize(
    "call",
    [
        lambda: top2_gap(torch.ones(3)),
        lambda: top2_gap(torch.empty(0, 3)),
        lambda: same_class_share(torch.empty(0, 3)),
        lambda: median_max_probability(torch.tensor(1.0)),
        lambda: accuracy(torch.ones(3), torch.ones(3, 1)),
        lambda: accuracy(torch.ones(0), torch.ones(0)),
    ],
)
def test_bad_shapes_are_refused(call):
    with pytest.raises(ValueError, match="need"):
        call()
