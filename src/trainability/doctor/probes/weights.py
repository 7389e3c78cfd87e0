"""Every parameter tensor: which scheme it looks like, what gradient it gets, whether the optimizer holds it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainability.doctor.readings import NAN, WeightReading
from trainability.measures.weight_scheme import weight_scheme


def weight_readings(model: nn.Module, optimizer: Optimizer) -> tuple[WeightReading, ...]:
    """Read all parameters of a model, after a backward pass.

    Args:
        model: its parameters' `.grad` are read.
        optimizer: tells which parameters would be stepped.

    Returns:
        One WeightReading per parameter tensor, shared ones once.
    """
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return tuple(_reading(name, p, id(p) in held) for name, p in model.named_parameters())


def _reading(name: str, parameter: Tensor, held: bool) -> WeightReading:
    values = parameter.detach()
    scheme = weight_scheme(values)
    gradient = parameter.grad
    stride = max(1, values.numel() // 2000)
    return WeightReading(
        name=name,
        shape=tuple(values.shape),
        says=scheme.says,
        matches=scheme.matches,
        std=scheme.std,
        mean=scheme.mean,
        he_std=scheme.he_std if values.ndim >= 2 and scheme.he_std is not None else NAN,
        kind=scheme.kind,
        gradient=NAN if gradient is None else float(gradient.double().square().mean().sqrt()),
        update=NAN,
        trainable=parameter.requires_grad,
        held=held,
        identical_rows=_identical_rows(values),
        values=tuple(values.flatten()[::stride][:2000].double().tolist()),
    )


def _identical_rows(weight: Tensor) -> float:
    """Share of rows of a matrix that equal another row; 0 for vectors and single rows."""
    if weight.ndim < 2 or len(weight) < 2 or not bool(torch.isfinite(weight).all()):
        return 0.0
    rows = weight.flatten(1)
    _, inverse, counts = torch.unique(rows, dim=0, return_inverse=True, return_counts=True)
    share = float((counts[inverse] > 1).double().mean())
    return share if math.isfinite(share) else 0.0
