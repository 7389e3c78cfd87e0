"""Convolutions: a position's kernel is the sum of those under the filter, zeros of the padding included.

    K'_p = (channels per group) var(W) sum_offsets K_{p + o} + ...

Backward, the same sum transposed. Kernels between different positions are not followed: pooling is outside theory.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainability.forecast.ops._op import Known, Step, argument, two_moments
from trainability.forecast.ops.linear import summed

_PLAIN = {F.conv1d: F.conv1d, F.conv2d: F.conv2d, F.conv3d: F.conv3d}
_NAMES = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def of(convolve: Any) -> Any:
    """The rule of F.conv1d, conv2d or conv3d."""

    def rule(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
        x, weight, bias, stride, padding, dilation, groups = (
            argument(args, kwargs, n, name, default)
            for n, (name, default) in enumerate(zip(_NAMES, (None, None, None, 1, 0, 1, 1), strict=True))
        )
        if x.ndim != weight.ndim:
            return None
        law = known.entry(x, 1)
        if law is None or law.dims != ("b", "f", *("p" for _ in weight.shape[2:])):
            return None
        ones = torch.ones(1, 1, *weight.shape[2:], dtype=torch.float64)

        def under(k: Tensor) -> Tensor:
            return convolve(k[:, None], ones, None, stride, padding, dilation)[:, 0]

        def over(values: Tensor) -> Tensor:
            maps = values.reshape(*law.positions, -1).movedim(-1, 0)
            return under(maps).flatten(1).movedim(0, -1)

        P, B = law.mean.shape
        kernel = over(law.kernel.reshape(P, B * B)).reshape(-1, B, B)
        fan = weight.shape[1]
        after, sigma_w2, sigma_b2 = summed(law, weight, bias, fan, weight.shape[0], kernel, over(law.mean))
        # one filter per channel sums too few terms of too different sizes to be Gaussian over channels
        after = after.with_(positions=tuple(out.shape[2:]), gaussian=fan > 1 or groups == 1)
        square = two_moments(weight)[1] * weight.shape[0] / groups

        def back(g: Tensor) -> Tensor:
            start = torch.zeros(P, B, dtype=torch.float64, requires_grad=True)
            with torch.enable_grad():
                (found,) = torch.autograd.grad(over(start), start, g)
            return found * square

        facts = {"sigma_w2": sigma_w2 * prod(weight.shape[2:]), "sigma_b2": sigma_b2, "weight": weight}
        return Step("convolution", after, ((x, back),), facts)

    return rule


FUNCTIONS = {name: of(convolve) for name, convolve in _PLAIN.items()}
