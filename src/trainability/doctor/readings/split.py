"""How the validation data differ from the training data."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SplitReading:
    """How the validation data differ from the training data, input by input and label by label.

    Args:
        n: validation samples that were looked at.
        train_rms, rms: root mean square of all inputs in training and in validation.
        factor: validation's spread over training's, the median over features of the ratio of standard deviations.
        one_factor: whether one factor on all features turns one into the other.
        offset: median over features of |difference of means| / training's standard deviation.
        worst_feature, worst_offset: the feature whose mean is furthest off, and by how many standard deviations.
        auc: held-out share of pairs in which a forest tells a validation input from a training input, in [0, 1].
        auc_p: share of orders of the held-out origins, the given one among them, with as large a share.
        label_distance: total variation distance of the class shares, in [0, 1]; nan for a regression.
        label_offset: difference of the targets' means over training's standard deviation; nan for classes.
        label_p: share of re-drawn splits with as large a difference of the labels.
    """

    n: int = 400
    train_rms: float = 1.0
    rms: float = 1.0
    factor: float = 1.0
    one_factor: bool = False
    offset: float = 0.03
    worst_feature: int = 0
    worst_offset: float = 0.1
    auc: float = 0.5
    auc_p: float = 0.5
    label_distance: float = 0.03
    label_offset: float = math.nan
    label_p: float = 0.5
