"""Remedies change: each maps a Setup to a new Setup and carries the lines a user would write.

A new remedy is one file with a `REMEDY`, one line below, and one test.
"""

from __future__ import annotations

from collections.abc import Iterable

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies import (
    adam,
    all_parameters,
    clip_gradients,
    cross_entropy,
    finite_data,
    flip_sign,
    initialize,
    less_regularisation,
    lower_lr,
    match_shapes,
    momentum,
    other_activation,
    raise_lr,
    remove_ending,
    rescale,
    set_lr,
    sigmoid_ending,
    standardise_inputs,
    standardise_targets,
    torch_default,
)
from trainability.doctor.remedies._change import Change, Prescription, together

ALL: dict[str, Prescription] = {
    module.REMEDY.name: module.REMEDY
    for module in (
        finite_data,
        set_lr,
        all_parameters,
        flip_sign,
        match_shapes,
        remove_ending,
        sigmoid_ending,
        lower_lr,
        raise_lr,
        momentum,
        initialize,
        torch_default,
        rescale,
        less_regularisation,
        standardise_inputs,
        standardise_targets,
        clip_gradients,
        adam,
        cross_entropy,
        other_activation,
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
