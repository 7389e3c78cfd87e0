import pytest
import torch

from trainability.measures.units import always_on_share, dead_share


def maps():
    x = torch.rand(6, 4, 3, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    x[:, 0] = 0.0
    x[:, 1] = 0.0
    x[5, 1, 2, 2] = 1.0
    x[0, 2, 0, 0] = 0.0
    return x


def test_a_channel_is_a_unit_and_every_position_counts():
    assert dead_share(maps()) == 0.25
    assert always_on_share(maps()) == 0.25


def test_last_dimension_as_units():
    x = maps().flatten(2).movedim(1, -1)
    assert dead_share(x, unit_dim=-1) == 0.25
    assert always_on_share(x, unit_dim=2) == 0.25


def test_one_unit():
    assert dead_share(torch.zeros(5)) == 1.0
    assert dead_share(torch.tensor([0.0, 1e-30])) == 0.0
    assert always_on_share(torch.tensor([0.1, 2.0])) == 1.0


def test_nan_is_neither_dead_nor_on():
    x = torch.full((3, 1), float("nan"))
    assert dead_share(x) == 0.0
    assert always_on_share(x) == 0.0


@pytest.mark.parametrize("measure", [dead_share, always_on_share])
def test_bad_arguments_are_refused(measure):
    with pytest.raises(ValueError, match="empty"):
        measure(torch.empty(0, 3))
    for unit_dim in (0, 2, -2, -3):
        with pytest.raises(ValueError, match="unit_dim"):
            measure(torch.ones(2, 3), unit_dim=unit_dim)
