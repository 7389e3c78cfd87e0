"""Sharpness of the loss that the user's own backward is about to be called on."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from trainability import optimizers
from trainability.doctor.probes.optimizer import is_adaptive
from trainability.doctor.readings import CurvatureReading
from trainability.measures.sharpness import sharpness

PRODUCTS, TOL = 12, 0.05


def live_curvature(loss: Tensor, optimizer: Any, step: int) -> CurvatureReading | None:
    """Largest eigenvalue of the Hessian of this very loss: its mini-batch, its dropout mask, its graph.

    The graph is walked and kept: the user's backward finds it as it was. `.grad` and random state are not touched. For
    an adaptive rule the Hessian is preconditioned with the optimizer's present state.

    Args:
        loss: one number, with its graph.
        optimizer: any torch optimizer.
        step: what the reading says of its time.

    Returns:
        CurvatureReading, both of its eigenvalues the mini-batch's; None where the rule is not known, has no state yet,
        or an operation cannot be differentiated twice (fused attention, some custom functions).
    """
    rule = optimizers.of(optimizer)
    if rule is None or loss.numel() != 1 or not loss.requires_grad:
        return None
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    preconditioner = rule.preconditioner(optimizer, parameters)
    if not parameters or (is_adaptive(optimizer) and preconditioner is None):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = sharpness(
                lambda: loss.reshape(()),
                parameters,
                preconditioner=preconditioner,
                max_steps=PRODUCTS,
                tol=TOL,
                generator=torch.Generator().manual_seed(0),
            )
    except (RuntimeError, ValueError):
        return None
    value = found.value
    limit = float(rule.stable_lr(value)) if value > 0 and math.isfinite(value) else math.inf
    return CurvatureReading(
        sharpness=value,
        batch_sharpness=value,
        residual=abs(found.residual) / max(abs(value), 1e-300),
        converged=found.converged,
        stable_lr=limit,
        batch_stable_lr=limit,
        step=step,
        preconditioned=preconditioner is not None,
    )
