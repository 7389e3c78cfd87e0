"""Rules judge: each is a page around one pure function from readings to a finding.

A new rule is one file with a `RULE`, one line below, and its own `sick` and `healthy` examples.
"""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.rules import (
    another_model_trained,
    batch_too_small,
    batchnorm_averages_lag,
    bias_scheme,
    bottleneck_too_narrow,
    bounded_logits,
    broadcast_loss,
    class_imbalance,
    constant_features,
    constant_output,
    degenerate_labels,
    detached_loss,
    dropout_too_heavy,
    duplicated_features,
    dying_relu,
    eval_mode_in_training,
    exclusive_output,
    exploding_activation,
    exploding_gradient,
    frozen_parameters,
    gradient_cut_inside,
    gradient_never_arrives,
    gradients_cleared_before_step,
    gradients_never_cleared,
    initial_scale_too_large,
    initial_scale_too_small,
    inputs_not_seen,
    label_noise,
    labels_independent,
    log_of_softmax,
    log_of_unnormalised_output,
    loss_does_not_fit,
    lr_decays_too_fast,
    lr_too_high,
    lr_too_low,
    lr_zero,
    misaligned,
    missing_bias,
    names_as_quantities,
    no_backward,
    no_nonlinearity,
    no_trainable_parameters,
    nonfinite_data,
    nonfinite_gradient,
    order_not_seen,
    oscillation,
    output_range,
    outputs_misaligned,
    overfitting,
    parameters_not_in_optimizer,
    parameters_replaced,
    rank_collapse,
    reduction_by_sum,
    regulariser_dominates,
    relu_cannot_cross,
    relu_on_output,
    same_batch_again,
    samples_mixed,
    saturated_output,
    saturated_softmax,
    saturated_units,
    sigmoid_before_bce_with_logits,
    sigmoid_before_cross_entropy,
    sign_flipped_loss,
    softmax_before_cross_entropy,
    softmax_in_hidden_layer,
    step_never_called,
    symmetric_units,
    too_few_steps,
    train_and_validation_differ,
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
        parameters_replaced,
        another_model_trained,
        no_backward,
        detached_loss,
        gradients_cleared_before_step,
        step_never_called,
        same_batch_again,
        gradients_never_cleared,
        sign_flipped_loss,
        constant_output,
        broadcast_loss,
        output_range,
        softmax_before_cross_entropy,
        sigmoid_before_cross_entropy,
        sigmoid_before_bce_with_logits,
        bounded_logits,
        relu_on_output,
        log_of_unnormalised_output,
        inputs_not_seen,
        order_not_seen,
        missing_bias,
        symmetric_units,
        no_nonlinearity,
        regulariser_dominates,
        saturated_softmax,
        saturated_output,
        log_of_softmax,
        nonfinite_gradient,
        outputs_misaligned,
        samples_mixed,
        softmax_in_hidden_layer,
        gradient_cut_inside,
        gradient_never_arrives,
        eval_mode_in_training,
        batchnorm_averages_lag,
        frozen_parameters,
        initial_scale_too_large,
        initial_scale_too_small,
        bias_scheme,
        rank_collapse,
        exploding_activation,
        dying_relu,
        relu_cannot_cross,
        saturated_units,
        vanishing_gradient,
        exploding_gradient,
        lr_decays_too_fast,
        lr_too_high,
        batch_too_small,
        oscillation,
        lr_too_low,
        too_few_steps,
        unscaled_inputs,
        unscaled_targets,
        names_as_quantities,
        constant_features,
        duplicated_features,
        class_imbalance,
        degenerate_labels,
        labels_independent,
        label_noise,
        misaligned,
        train_and_validation_differ,
        overfitting,
        bottleneck_too_narrow,
        dropout_too_heavy,
        exclusive_output,
        loss_does_not_fit,
        reduction_by_sum,
    )
}
"""Cause -> rule."""

DEFECT = 1000.0
"""Weight from which a finding explains everything else."""

RESIDUAL, EXPLAINED = 30.0, 60.0
"""Below the one a finding is told only where no other reaches the other: "under-trained" is no word for a defect."""


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
    if any(f.weight >= EXPLAINED for f in found):
        found = [f for f in found if f.weight >= RESIDUAL]
    return tuple(sorted(defects or found, key=lambda f: -f.weight))
