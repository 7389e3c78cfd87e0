"""Rules judge: each is a page around one pure function from readings to a finding.

A new rule is one file with a `RULE`, one line below, and its own `sick` and `healthy` examples.
"""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.rules import (
    broadcast_loss,
    constant_output,
    detached_loss,
    dying_relu,
    exploding_gradient,
    initial_scale_too_large,
    initial_scale_too_small,
    log_of_softmax,
    lr_too_high,
    lr_too_low,
    lr_zero,
    no_trainable_parameters,
    nonfinite_data,
    output_range,
    parameters_not_in_optimizer,
    regulariser_dominates,
    relu_cannot_cross,
    saturated_softmax,
    saturated_units,
    sigmoid_before_bce_with_logits,
    sign_flipped_loss,
    softmax_before_cross_entropy,
    symmetric_units,
    unscaled_inputs,
    unscaled_targets,
    vanishing_gradient,
)
from trainability.doctor.rules._rule import Rule, fmt, share

__all__ = ["ALL", "DEFECT", "Rule", "fmt", "judge", "share"]

ALL: dict[str, Rule] = {
    module.RULE.cause: module.RULE
    for module in (
        nonfinite_data,
        lr_zero,
        no_trainable_parameters,
        parameters_not_in_optimizer,
        detached_loss,
        sign_flipped_loss,
        constant_output,
        broadcast_loss,
        output_range,
        softmax_before_cross_entropy,
        sigmoid_before_bce_with_logits,
        symmetric_units,
        regulariser_dominates,
        saturated_softmax,
        log_of_softmax,
        initial_scale_too_large,
        initial_scale_too_small,
        dying_relu,
        relu_cannot_cross,
        saturated_units,
        vanishing_gradient,
        exploding_gradient,
        lr_too_high,
        lr_too_low,
        unscaled_inputs,
        unscaled_targets,
    )
}
"""Cause -> rule."""

DEFECT = 1000.0
"""Weight from which a finding explains everything else."""


def judge(readings: Readings) -> tuple[Finding, ...]:
    """All findings, the strongest first.

    Where a defect keeps every step from working (NaN data, a learning rate of 0), what the runs showed is its
    doing, and only defects are told.

    Example:
        >>> judge(Readings())
        ()
    """
    found = [f for f in (rule.judge(readings) for rule in ALL.values()) if f is not None]
    defects = [f for f in found if f.weight >= DEFECT]
    return tuple(sorted(defects or found, key=lambda f: -f.weight))
