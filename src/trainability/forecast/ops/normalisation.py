"""Layer, batch, group and RMS normalisation.

Layer normalisation divides a point by its own standard deviation over features: K_ij -> C_ij / sqrt(C_ii C_jj), where
C_ij = K_ij - m_i m_j. Batch normalisation in training divides a feature by its standard deviation over inputs and
positions; the kernel between different positions stands in for by that between different inputs at one position, which
does not touch the mean square.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainability.forecast.law import Law
from trainability.forecast.ops._op import Back, Known, Step, argument, two_moments


def _scaled(law: Law, kernel: Tensor, mean: Tensor, weight: Tensor | None, bias: Tensor | None) -> Law:
    """After the learned scale and shift."""
    mean_g, square_g = (1.0, 1.0) if weight is None else two_moments(weight)
    mean_b, square_b = two_moments(bias)
    cross = mean_g * mean_b * (mean[:, :, None] + mean[:, None, :])
    return law.with_(
        kernel=square_g * kernel + cross + square_b, mean=mean_g * mean + mean_b, carried=0.0, own=2.0 / law.features**2
    )


def _over_features(x: Tensor, law: Law, weight: Any, bias: Any, eps: float, centred: bool) -> Step:
    mean = law.mean if centred else torch.zeros_like(law.mean)
    kernel = law.kernel - mean[:, :, None] * mean[:, None, :]
    size = (kernel.diagonal(dim1=1, dim2=2).clamp_min(0) + eps).sqrt()
    after = _scaled(law, kernel / (size[:, :, None] * size[:, None, :]), (law.mean - mean) / size, weight, bias)
    square = (1.0 if weight is None else two_moments(weight)[1]) * (1 - (1 + centred) / law.features)
    return Step("normalisation", after, ((x, lambda g: g * square / size**2),))


def of_layer_norm(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """F.layer_norm over the last dimension."""
    x, shape, weight, bias, eps = (
        argument(args, kwargs, n, name, default)
        for n, (name, default) in enumerate(
            (("input", None), ("normalized_shape", None), ("weight", None), ("bias", None), ("eps", 1e-5))
        )
    )
    law = known.entry(x, -1)
    if law is None or law.dims[-1] != "f" or len(shape) != 1 or law.features < 4:
        return None
    return _over_features(x, law, weight, bias, eps, centred=True)


def of_rms_norm(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """F.rms_norm over the last dimension."""
    x, shape, weight, eps = (
        argument(args, kwargs, n, name) for n, name in enumerate(("input", "normalized_shape", "weight", "eps"))
    )
    law = known.entry(x, -1)
    if law is None or law.dims[-1] != "f" or len(shape) != 1:
        return None
    return _over_features(x, law, weight, None, eps or 1e-8, centred=False)


def of_batch_norm(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """F.batch_norm, in training by the batch's own mean and variance, else by the running ones."""
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    x, running_mean, running_var, weight, bias, training, _, eps = (
        argument(args, kwargs, n, name, default)
        for n, (name, default) in enumerate(zip(names, (None, None, None, None, None, False, 0.1, 1e-5), strict=True))
    )
    law = known.entry(x, 1)
    if law is None or law.dims[:2] != ("b", "f"):
        return None
    if not training and running_var is not None:
        scale = (running_var.double() + eps).rsqrt() * (1.0 if weight is None else weight.detach().double())
        shift = (0.0 if bias is None else bias.detach().double()) - running_mean.double() * scale
        square, first = float((scale * scale).mean()), float(scale.mean())
        one, two = float(shift.mean()), float((shift * shift).mean())
        cross = float((scale * shift).mean()) * (law.mean[:, :, None] + law.mean[:, None, :])
        after = law.with_(kernel=square * law.kernel + cross + two, mean=first * law.mean + one)
        return Step("normalisation", after, ((x, lambda g: g * square),))
    P, B = law.mean.shape
    if P * B < 2:
        return None
    kernel, mean = law.kernel, law.mean
    if P == 1:
        centre = torch.eye(B, dtype=torch.float64) - 1.0 / B
        kernel = centre @ kernel @ centre
    else:
        apart = ~torch.eye(B, dtype=torch.bool)
        common = kernel[:, apart].mean() if B > 1 else (mean.mean() ** 2)
        kernel = kernel - common
    mean = mean - mean.mean()
    size = (kernel.diagonal(dim1=1, dim2=2).mean().clamp_min(0) + eps).sqrt()
    after = _scaled(law, kernel / size**2, mean / size, weight, bias).with_(pairs=law.pairs and P == 1)
    square = (1.0 if weight is None else two_moments(weight)[1]) * max(1 - 2 / (P * B), 0.0)
    back: Back = lambda g: g * square / size**2  # noqa: E731
    return Step("normalisation", after, ((x, back),))


def of_group_norm(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """F.group_norm: over the channels of a group and all positions."""
    names = ("input", "num_groups", "weight", "bias", "eps")
    x, _, weight, bias, eps = (
        argument(args, kwargs, n, name, default)
        for n, (name, default) in enumerate(zip(names, (None, 1, None, None, 1e-5), strict=True))
    )
    law = known.entry(x, 1)
    if law is None or law.dims[:2] != ("b", "f"):
        return None
    mean = law.mean.mean(0, keepdim=True)
    kernel = law.kernel - mean[:, :, None] * mean[:, None, :]
    size = (kernel.diagonal(dim1=1, dim2=2).mean(0, keepdim=True).clamp_min(0) + eps).sqrt()
    after = _scaled(law, kernel / (size[:, :, None] * size[:, None, :]), (law.mean - mean) / size, weight, bias)
    square = 1.0 if weight is None else two_moments(weight)[1]
    return Step("normalisation", after, ((x, lambda g: g * square / size**2),))


FUNCTIONS = {
    F.layer_norm: of_layer_norm,
    F.rms_norm: of_rms_norm,
    F.batch_norm: of_batch_norm,
    F.group_norm: of_group_norm,
}
