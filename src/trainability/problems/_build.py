"""What building functions share: seeded draws, networks of ReLU layers, and checked options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import isfinite

import torch
from torch import Tensor, nn

from trainability.initializers.initialize import initialize
from trainability.setup.untouched import random_state_kept, seed_everything


@contextmanager
def drawn(seed: int | None) -> Iterator[None]:
    """Draw from a seed and put the random state back; with None, draw from the present random state.

    Example:
        >>> with drawn(3):
        ...     a = torch.rand(2)
        >>> with drawn(3):
        ...     bool((torch.rand(2) == a).all())
        True
    """
    if seed is None:
        yield
        return
    with random_state_kept():
        seed_everything(seed)
        yield


def network(sizes: Sequence[int], initializer: str) -> nn.Sequential:
    """Linear layers of these sizes with a ReLU between each two, drawn anew by a named scheme.

    Example:
        >>> len(network([2, 8, 8, 1], "he_normal"))
        5
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    initialize(model, initializer)
    return model


def half_squares(output: Tensor, target: Tensor) -> Tensor:
    """Half the mean squared difference, as the analyses of one layer and of quadratics write it.

    Example:
        >>> float(half_squares(torch.tensor([[3.0]]), torch.tensor([[1.0]])))
        2.0
    """
    return (output - target).square().mean() / 2


def gaussian(generator: torch.Generator, *shape: int) -> Tensor:
    """Standard normal float64 draws.

    Example:
        >>> gaussian(torch.Generator().manual_seed(0), 3, 2).dtype
        torch.float64
    """
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def whole(least: int, **values: int) -> None:
    """Refuse what is no whole number from `least`.

    Raises:
        ValueError: naming the first.

    Example:
        >>> whole(1, depth=3)
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: given {value!r}, needed a whole number from {least}.")


def positive(**values: float) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        ValueError: naming the first.

    Example:
        >>> positive(lr=0.1)
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not (isfinite(value) and value > 0):
            raise ValueError(f"{name}: given {value!r}, needed a finite number above 0.")
