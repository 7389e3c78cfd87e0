"""What theory knows of a tensor in a wide network: the kernel of its inputs, position by position."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Law:
    """The law of one feature, over random weights: B inputs at P positions.

    Args:
        kernel: (P, B, B) float64, the mean over features f of h_f(i) h_f(j) at the same position.
        mean: (P, B) float64, the mean over features.
        features: how many there are.
        dims: what each dimension of the tensor is: "b" inputs, "f" features, "p" positions, "bp" inputs and positions
            in one, inputs outside.
        positions: sizes of the dimensions "p", in order.
        gaussian: a feature is a Gaussian variable over the weights, jointly for all inputs.
        source: names the weights that were drawn last; None for data.
        ancestors: names of all weights that it depends on, `source` among them.
        carried: relative variance of the mean square that earlier layers' finite width gives it.
        own: the same from this layer's number of features.
        pairs: whether the kernel between different inputs is a prediction, and not a stand-in.
    """

    kernel: Tensor
    mean: Tensor
    features: int
    dims: tuple[str, ...]
    positions: tuple[int, ...] = ()
    gaussian: bool = False
    source: int | None = None
    ancestors: frozenset[int] = frozenset()
    carried: float = 0.0
    own: float = 0.0
    pairs: bool = True

    @property
    def inputs(self) -> int:
        """B."""
        return self.kernel.shape[-1]

    @property
    def squares(self) -> Tensor:
        """(P, B) mean square of every point."""
        return self.kernel.diagonal(dim1=1, dim2=2)

    @property
    def mean_square(self) -> float:
        """Over all points."""
        return float(self.squares.mean())

    @property
    def correlation(self) -> float | None:
        """Mean over pairs of inputs and positions of K_ij / sqrt(K_ii K_jj); None for one input or a stand-in."""
        return correlation(self.kernel) if self.pairs else None

    def with_(self, **changes: object) -> Law:
        """A copy with other fields."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def spread_over(self, inputs: int) -> Law:
        """The law of a tensor that is the same for `inputs` inputs."""
        P = len(self.kernel)
        return self.with_(kernel=self.kernel.expand(P, inputs, inputs), mean=self.mean.expand(P, inputs))


def correlation(kernel: Tensor) -> float | None:
    """Mean over pairs of different inputs and over positions of K_ij / sqrt(K_ii K_jj).

    Args:
        kernel: (P, B, B); points where an input is 0 are left out.

    Returns:
        In [-1, 1]; None where no pair is left.

    >>> round(correlation(torch.tensor([[[4.0, 1.0], [1.0, 1.0]]])), 3)
    0.5
    """
    B = kernel.shape[-1]
    size = kernel.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    both = size[:, :, None] * size[:, None, :]
    use = (both > 0) & ~torch.eye(B, dtype=torch.bool, device=kernel.device)
    if not bool(use.any()):
        return None
    return float((kernel[use] / both[use]).clamp(-1, 1).mean())


def measured(x: Tensor, dims: tuple[str, ...], inputs: int) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Kernel and mean of a tensor as it is.

    Args:
        x: any floating tensor.
        dims: as in `Law`.
        inputs: B, needed where inputs and positions share a dimension.

    Returns:
        kernel (P, B, B), mean (P, B), sizes of the positions; float64.
    """
    points, positions = by_point(x, dims, inputs)
    kernel = torch.einsum("pbf,pcf->pbc", points, points) / points.shape[-1]
    return kernel, points.mean(-1), positions


def by_point(x: Tensor, dims: tuple[str, ...], inputs: int) -> tuple[Tensor, tuple[int, ...]]:
    """(P, B, features) float64 view of a tensor, and the sizes of its positions."""
    x = x.detach().double()
    if "bp" in dims:
        at = dims.index("bp")
        x = x.reshape(*x.shape[:at], inputs, -1, *x.shape[at + 1 :])
        dims = (*dims[:at], "b", "p", *dims[at + 1 :])
    places = [n for n, d in enumerate(dims) if d == "p"]
    positions = tuple(x.shape[n] for n in places)
    x = x.permute(*places, dims.index("b"), dims.index("f"))
    return x.reshape(prod(positions), x.shape[-2], x.shape[-1]), positions


def guessed_dims(x: Tensor, feature: int, inputs: int) -> tuple[str, ...] | None:
    """What the dimensions of a tensor from outside theory are, when its features are known.

    Args:
        x: the tensor.
        feature: which dimension holds features.
        inputs: number of inputs in this pass.

    Returns:
        dims as in `Law`, inputs first; None where the first dimension does not count the inputs.
    """
    feature %= x.ndim
    if x.ndim < 2 or feature == 0:
        return None
    dims = ["p"] * x.ndim
    dims[0], dims[feature] = "b", "f"
    if x.shape[0] != inputs:
        if x.ndim == 2 and x.shape[0] % inputs == 0:
            dims[0] = "bp"
        elif x.shape[0] != 1:
            return None
    return tuple(dims)
