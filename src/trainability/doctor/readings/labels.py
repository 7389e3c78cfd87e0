"""Whether the labels can be learned from the inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LearnerReading:
    """A quick learner, trained on half of a sample and asked about the other half.

    Args:
        name: "linear", "quadratic", "nearest neighbours" or "forest".
        correlation: of its held-out answers with the labels, over all columns, in [-1, 1].
        p: share of orders of the held-out labels, the given one among them, that go with or against the answers as
            strongly: where neighbours differ, as in a parity, answers are wrong more often than by chance.
    """

    name: str
    correlation: float = 0.9
    p: float = 0.001


@dataclass(frozen=True)
class LabelReading:
    """What the labels are, and what ties them to the inputs, measured on the data alone.

    Args:
        several, none: share of samples with more than one positive label, and without any, where targets are rows of
            0 and 1; 0 for others.
        columns: numbers per target.
        low, high: range of all targets, not just of a sample, where they are at hand.
        distinct: distinct target values in the sample.
        numbers: classes, where each target is one whole number and these run without a gap from 0 or 1; else 0.
        as_classes, as_numbers: held-out accuracy of a forest that takes those numbers for names, and of one that takes
            them for quantities and keeps the classes' shares; nan where it was not asked.
        in_order: whether the labels are sorted as they stand.
        learners: what quick learners see; empty where they were not asked, which is so unless runs failed.
        held_out: samples on which they were judged.
        detectable: smallest held-out correlation that would be seen in nine of ten cases; nan where not asked.
        shift: k, where labels belong to the inputs k places further on and none to their own; 0 where they do not.
        shift_correlation, shift_z: held-out correlation at that shift, and over its standard deviation by chance.
        validation_shift: the same k, where the validation data are shifted the same way; else 0.
        sequence: whether order inside a sample may carry meaning that quick learners do not see.
        network_skill: the best run's share of what a constant answer leaves open on validation data; nan without.
        network_noise: standard deviation of that skill by chance.
    """

    several: float = 0.0
    none: float = 0.0
    columns: int = 1
    low: float = 0.0
    high: float = 9.0
    distinct: int = 10
    numbers: int = 10
    as_classes: float = math.nan
    as_numbers: float = math.nan
    in_order: bool = False
    learners: tuple[LearnerReading, ...] = ()
    held_out: int = 0
    detectable: float = math.nan
    shift: int = 0
    shift_correlation: float = math.nan
    shift_z: float = math.nan
    validation_shift: int = 0
    sequence: bool = False
    network_skill: float = math.nan
    network_noise: float = math.nan
