"""Remedies change: each maps a Setup to a new Setup and carries the lines a user would write.

A new remedy is one file with a `REMEDY`, one line below, and one test.
"""

from __future__ import annotations

from collections.abc import Iterable

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies import (
    adam,
    add_activation,
    add_biases,
    add_positions,
    all_parameters,
    batch_first,
    bce_with_logits,
    class_loss_on_values,
    clear_gradients,
    clip_gradients,
    cross_entropy,
    embed_names,
    faster_averages,
    fewer_steps,
    finite_data,
    finite_gradient,
    fitting_loss,
    flip_sign,
    independent_outputs,
    initialize,
    keep_gradients,
    keep_history,
    larger_batch,
    less_dropout,
    less_regularisation,
    logarithms,
    lower_lr,
    match_shapes,
    match_validation,
    mean_loss,
    momentum,
    more_dropout,
    more_steps,
    more_weight_decay,
    normalise_layers,
    other_activation,
    permute_outputs,
    plain_loss,
    raise_lr,
    realign,
    register_layers,
    relu_for_softmax,
    remove_ending,
    renumber_labels,
    renumber_validation,
    rescale,
    set_lr,
    shortcuts,
    shuffle_split,
    sigmoid_ending,
    slower_schedule,
    smaller_batch,
    squash,
    standard_step,
    standardise_inputs,
    standardise_targets,
    torch_default,
    train_mode,
    weigh_penalty,
    weighted_loss,
    whiten_inputs,
    widen,
    zero_biases,
)
from trainability.doctor.remedies._change import Change, Prescription, together

ALL: dict[str, Prescription] = {
    module.REMEDY.name: module.REMEDY
    for module in (
        finite_data,
        set_lr,
        all_parameters,
        register_layers,
        finite_gradient,
        batch_first,
        permute_outputs,
        relu_for_softmax,
        keep_history,
        clear_gradients,
        keep_gradients,
        train_mode,
        faster_averages,
        flip_sign,
        match_shapes,
        remove_ending,
        sigmoid_ending,
        add_activation,
        add_biases,
        add_positions,
        embed_names,
        zero_biases,
        slower_schedule,
        lower_lr,
        raise_lr,
        larger_batch,
        momentum,
        initialize,
        torch_default,
        rescale,
        less_regularisation,
        weigh_penalty,
        standardise_inputs,
        standardise_targets,
        clip_gradients,
        adam,
        cross_entropy,
        class_loss_on_values,
        bce_with_logits,
        other_activation,
        normalise_layers,
        shortcuts,
        smaller_batch,
        more_steps,
        realign,
        renumber_labels,
        renumber_validation,
        match_validation,
        fewer_steps,
        more_weight_decay,
        more_dropout,
        shuffle_split,
        fitting_loss,
        logarithms,
        squash,
        plain_loss,
        independent_outputs,
        weighted_loss,
        mean_loss,
        less_dropout,
        widen,
        whiten_inputs,
        standard_step,
    )
}
"""Name -> prescription."""

__all__ = ["ALL", "Change", "Prescription", "propose", "together"]


def propose(findings: Iterable[Finding], readings: Readings) -> list[Change]:
    """Every change that answers one of the findings, each once, smallest first, then by the findings' order."""
    changes: dict[str, Change] = {}
    for finding in findings:
        for prescription in ALL.values():
            if finding.cause in prescription.answers:
                for change in prescription.propose(finding, readings):
                    changes.setdefault(change.name, change)
    return sorted(changes.values(), key=lambda c: c.size)
