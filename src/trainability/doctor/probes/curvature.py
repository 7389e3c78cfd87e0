"""The sharpest direction of the loss, and the learning rate it allows this optimizer."""

from __future__ import annotations

import math
import statistics
import warnings
from itertools import islice

import torch
from torch import Tensor

from trainability import optimizers
from trainability.doctor.probes.optimizer import is_adaptive
from trainability.doctor.readings import CurvatureReading
from trainability.measures.lanczos import Eigen
from trainability.measures.sharpness import sharpness
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.facts import evaluate, forward
from trainability.setup.untouched import random_state_kept, seed_everything

SAMPLE = 1024
STEPS = 30


def curvature(setup: Setup, *, step: int = 0, sample: int = SAMPLE) -> CurvatureReading | None:
    """Largest algebraic Hessian eigenvalue of the loss on a sample and on mini-batches, and the stable lr.

    For an adaptive rule the Hessian is preconditioned with the optimizer's present state, so it has to have
    taken steps. Uses `setup.model` as it is; nothing is changed.

    Args:
        setup: a private copy.
        step: what the reading says of its time.
        sample: samples for the loss whose curvature it is.

    Returns:
        CurvatureReading; None where the optimizer's rule is not known, has no state yet, or the model's
        operations cannot be differentiated twice.
    """
    rule = optimizers.of(setup.optimizer)
    if rule is None:
        return None
    parameters = [p for group in setup.optimizer.param_groups for p in group["params"] if p.requires_grad]
    preconditioner = rule.preconditioner(setup.optimizer, parameters)
    if not parameters or (is_adaptive(setup.optimizer) and preconditioner is None):
        return None

    def eigen(x: Tensor, y: Tensor) -> Eigen:
        where = setup.device

        def loss() -> Tensor:
            return evaluate(setup.loss_fn, forward(setup.model, x.to(where)), y.to(where))

        return sharpness(
            loss,
            parameters,
            preconditioner=preconditioner,
            max_steps=STEPS,
            generator=torch.Generator().manual_seed(0),
        )

    modes = [(m, m.training) for m in setup.model.modules()]
    buffers = [(b, b.clone()) for b in setup.model.buffers()]
    try:
        with random_state_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seed_everything(0)
            setup.model.train()
            for module in setup.model.modules():
                if isinstance(module, torch.nn.modules.dropout._DropoutNd):
                    module.eval()
            whole = eigen(*setup.batches.sample(sample))
            size = setup.batches.batch_size
            small = [whole.value]
            if size < min(sample, setup.batches.n or sample):  # otherwise the sample is a mini-batch
                small = [eigen(*batch).value for batch in islice(steps(setup.batches, 0), 3)]
    except (RuntimeError, ValueError):  # no second derivative, or a state that is not finite
        return None
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
    batch = statistics.median(small)
    value = whole.value
    if setup.facts.family.sums:  # a step sees the sum over one mini-batch, not over the sample
        value *= setup.batches.batch_size / min(sample, setup.batches.n or sample)
    return CurvatureReading(
        sharpness=value,
        batch_sharpness=batch,
        residual=abs(whole.residual) / max(abs(whole.value), 1e-300),
        converged=whole.converged,
        stable_lr=_limit(rule, value),
        batch_stable_lr=_limit(rule, batch),
        step=step,
        preconditioned=preconditioner is not None,
    )


def _limit(rule: optimizers.Rule, value: float) -> float:
    return float(rule.stable_lr(value)) if value > 0 and math.isfinite(value) else math.inf
