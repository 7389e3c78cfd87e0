"""Linear layers: y = W x + b with independent weights.

    K' = n var(W) K + m' m'^T + var(b),   m' = n mean(W) m + mean(b)

over n inputs; each output unit is Gaussian given the layer before, because it sums many independent terms. Backward,
E g_in² = n_out E W² E g_out².
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainability.forecast.law import Law
from trainability.forecast.ops._op import Known, Step, argument, two_moments


def of(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """F.linear(x, weight, bias); weight (out, in)."""
    x, weight, bias = (argument(args, kwargs, n, name) for n, name in enumerate(("input", "weight", "bias")))
    return step(known, x, weight, bias, weight.shape[0])


def of_addmm(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """torch.addmm(bias, x, weight); weight (in, out)."""
    bias, x, weight = (argument(args, kwargs, n, name) for n, name in enumerate(("input", "mat1", "mat2")))
    scaled = kwargs.get("alpha", 1) != 1 or kwargs.get("beta", 1) != 1
    if scaled or not isinstance(weight, torch.nn.Parameter) or bias.ndim != 1:
        return None
    return step(known, x, weight, bias, weight.shape[1])


def step(known: Known, x: Tensor, weight: Tensor, bias: Tensor | None, n_out: int) -> Step | None:
    """The same for either layout of the weight."""
    law = known.entry(x, -1)
    if law is None or law.dims[-1] != "f" or law.features * n_out != weight.numel():
        return None
    after, sigma_w2, sigma_b2 = summed(law, weight, bias, law.features, n_out, law.kernel, law.mean)
    square = two_moments(weight)[1]
    facts = {"sigma_w2": sigma_w2, "sigma_b2": sigma_b2, "weight": weight}
    return Step("linear", after, ((x, lambda g: g * n_out * square),), facts)


def summed(
    law: Law, weight: Tensor, bias: Tensor | None, fan: float, n_out: int, kernel: Tensor, mean: Tensor
) -> tuple[Law, float, float]:
    """Law of sums over `fan` inputs with kernel (P, B, B) and mean (P, B); fan var(W), and the variance of the bias."""
    mean_w, square_w = two_moments(weight)
    mean_b, square_b = two_moments(bias)
    var_w, var_b = max(square_w - mean_w**2, 0.0), max(square_b - mean_b**2, 0.0)
    shift = fan * mean_w * mean + mean_b
    after = law.with_(
        kernel=fan * var_w * kernel + shift[:, :, None] * shift[:, None, :] + var_b,
        mean=shift,
        features=n_out,
        gaussian=True,
        source=id(weight),
        ancestors=law.ancestors | {id(weight)},
        carried=law.carried + law.own,
        own=2.0 / n_out,
    )
    return after, fan * var_w, var_b + mean_b**2


FUNCTIONS = {F.linear: of, torch.addmm: of_addmm}
