from math import isnan

import pytest
import torch
from sklearn.metrics import r2_score

from trainability.measures.r2 import r2


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 4)])
def test_equals_sklearn(shape):
    g = torch.Generator().manual_seed(0)
    y = torch.randn(shape, generator=g, dtype=torch.float64)
    f = y + torch.randn(shape, generator=g, dtype=torch.float64)
    assert r2(f, y) == pytest.approx(r2_score(y.numpy(), f.numpy()), abs=1e-12)


def test_equals_sklearn_on_constant_targets():
    y = torch.tensor([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0]])
    f = torch.tensor([[1.0, 2.5, 0.2], [1.0, 2.0, 1.0]])
    assert r2(f, y) == pytest.approx(r2_score(y.numpy(), f.numpy()), abs=1e-6)


def test_no_number_where_there_is_none():
    assert isnan(r2(torch.ones(1), torch.ones(1)))
    assert isnan(r2(torch.tensor([float("nan"), 1.0]), torch.tensor([0.0, 1.0])))


@pytest.mark.parametrize(("f", "y"), [((3, 1), (3,)), ((0,), (0,)), ((2, 2, 2), (2, 2, 2))])
def test_shapes_that_would_broadcast_are_refused(f, y):
    with pytest.raises(ValueError, match="need equal shapes"):
        r2(torch.ones(f), torch.ones(y))
