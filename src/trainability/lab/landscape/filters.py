"""Filter normalisation: directions whose every filter is as long as the model's own."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from trainability.lab.landscape._weights import Floats, trained, weights_of

Norm = Literal["filter", "layer", "none"]
Vectors = Literal["zero", "norm"]
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def normalised(
    direction: Floats,
    model: nn.Module,
    norm: Norm = "filter",
    *,
    vectors: Vectors = "zero",
    weights: Floats | None = None,
) -> Floats:
    """A direction with each filter rescaled to the norm of that filter in the model's weights.

        d_f <- d_f |w_f| / |d_f|

    A filter is what leads to one output: a row of a linear layer, an output channel of a convolution, a row of an
    embedding. A filter of zeros gets no direction. Along such a direction the picture does not change when a ReLU network
    is rescaled from one layer to the next, so that widths of minima can be compared.

    Args:
        direction: (P,), over the parameters that are trained.
        model: gives shapes, and the norms unless `weights` does.
        norm: "filter"; "layer" for each tensor as a whole; "none" to leave the direction alone.
        vectors: what one-dimensional parameters (biases, scales of a BatchNorm) get: "zero" leaves them where they are, as
            the source does; "norm" makes each as long as the model's own.
        weights: (P,), to take the norms from.

    Returns:
        (P,).

    Raises:
        ValueError: another length, or an unknown word.

    Source: Li, Xu, Taylor, Studer and Goldstein 2018, "Visualizing the loss landscape of neural nets", arXiv 1712.09913,
    "Filter-wise normalized directions".

    Example:
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
        >>> normalised(np.array([0.0, 2.0]), net).tolist()
        [0.0, 5.0]
    """
    if norm not in ("filter", "layer", "none"):
        raise ValueError(f"norm: given {norm!r}, needed 'filter', 'layer' or 'none'.")
    if vectors not in ("zero", "norm"):
        raise ValueError(f"vectors: given {vectors!r}, needed 'zero' or 'norm'.")
    own = weights_of(model) if weights is None else np.asarray(weights, dtype=np.float64)
    given = np.asarray(direction, dtype=np.float64)
    if given.shape != own.shape or own.shape != weights_of(model).shape:
        raise ValueError(
            f"direction and weights: given {given.shape} and {own.shape}, needed one number per trained parameter, "
            f"{weights_of(model).shape}."
        )
    if norm == "none":
        return given.copy()
    transposed = {
        id(m.weight): m.groups for m in model.modules() if isinstance(m, TRANSPOSED)
    }  # (in, out / groups, ...) where all others have outputs first
    parts, at = [], 0
    for parameter in trained(model).values():
        stretch = slice(at, at + parameter.numel())
        at = stretch.stop
        d = torch.from_numpy(given[stretch].copy()).reshape(parameter.shape)
        w = torch.from_numpy(own[stretch].copy()).reshape(parameter.shape)
        if parameter.ndim < 2 and vectors == "zero":
            parts.append(torch.zeros(parameter.numel(), dtype=torch.float64))
            continue
        groups = transposed.get(id(parameter), 0) if norm == "filter" else 0
        if norm == "layer" or parameter.ndim < 2:
            scaled = d * _ratio(w.norm(), d.norm())
        elif groups:
            shape = (groups, d.shape[0] // groups, d.shape[1], -1)
            d, w = d.reshape(shape), w.reshape(shape)
            scaled = d * _ratio(w.norm(dim=(1, 3), keepdim=True), d.norm(dim=(1, 3), keepdim=True))
        else:
            d, w = d.flatten(1), w.flatten(1)
            scaled = d * _ratio(w.norm(dim=1, keepdim=True), d.norm(dim=1, keepdim=True))
        parts.append(scaled.flatten())
    return torch.cat(parts).numpy()


def _ratio(wanted: Tensor, has: Tensor) -> Tensor:
    return torch.where(has > 0, wanted / has.clamp_min(1e-300), torch.zeros_like(wanted))
