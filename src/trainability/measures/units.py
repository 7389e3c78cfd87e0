"""Units behind a ReLU that have stopped being one: dead, or on for every input."""

from __future__ import annotations

from torch import Tensor


def dead_share(x: Tensor, unit_dim: int = 1) -> float:
    """The share of units whose output is exactly 0 for every input and at every position.

        mean over units of [all x = 0]

    It says what these inputs see: a unit that is dead on 20 inputs may fire on the 21st.

    Args:
        x: outputs of a ReLU-like function, inputs on dim 0: (N, units), (N, units, *positions), or (N,) for
            one unit.
        unit_dim: the dimension that counts units, not 0; -1 for (N, T, D). Ignored for (N,).

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: for an empty tensor or a unit_dim that x does not have.

    Source:
        Lu, Shin, Su and Karniadakis 2019, arXiv 1903.06733, Section 2.

    >>> import torch
    >>> dead_share(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    0.5
    """
    return (_by_unit(x, unit_dim) == 0).all(1).double().mean().item()


def always_on_share(x: Tensor, unit_dim: int = 1) -> float:
    """The share of units whose output is above 0 for every input and at every position.

        mean over units of [all x > 0]

    Behind a ReLU such a unit is linear on these inputs.

    Args:
        x: outputs of a ReLU-like function, inputs on dim 0: (N, units), (N, units, *positions), or (N,) for
            one unit.
        unit_dim: the dimension that counts units, not 0; -1 for (N, T, D). Ignored for (N,).

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: for an empty tensor or a unit_dim that x does not have.

    Source:
        Definition; the other end of `dead_share`.

    >>> import torch
    >>> always_on_share(torch.tensor([[0.0, 1.0], [0.0, 2.0]]))
    0.5
    """
    return (_by_unit(x, unit_dim) > 0).all(1).double().mean().item()


def _by_unit(x: Tensor, unit_dim: int) -> Tensor:
    if x.numel() == 0:
        raise ValueError(f"Got an empty tensor of shape {tuple(x.shape)}; need at least one input and unit.")
    x = x.detach()
    if x.ndim <= 1:
        return x.reshape(1, -1)
    if not -x.ndim <= unit_dim < x.ndim or unit_dim % x.ndim == 0:
        raise ValueError(
            f"Got unit_dim={unit_dim} for shape {tuple(x.shape)}; need a dimension of x other than 0, which "
            "counts inputs. Give 1 for (N, C, H, W) and -1 for (N, T, D)."
        )
    return x.movedim(unit_dim, 0).flatten(1)
