"""The data, as given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataReading:
    """The data, as given.

    Args:
        n: samples; -1 where a stream cannot say.
        features: numbers per input.
        input_rms: over all values.
        input_mean, input_std: mean and standard deviation over all values.
        feature_rms_low, feature_rms_high: the smallest and largest root mean square among features that vary.
        feature_offset: median over features that vary of |mean| / std.
        integer_inputs: whether inputs are indices (integers).
        nonfinite_inputs, nonfinite_targets: samples with a NaN or infinite value.
        target_mean, target_std: over all target values; target_low, target_high their range.
        classes: distinct classes; 0 for a regression.
        largest_class: share of the most frequent class; nan for a regression.
    """

    n: int = 1400
    features: int = 64
    input_rms: float = 1.0
    input_mean: float = 0.0
    input_std: float = 1.0
    feature_rms_low: float = 0.9
    feature_rms_high: float = 1.1
    feature_offset: float = 0.1
    integer_inputs: bool = False
    nonfinite_inputs: int = 0
    nonfinite_targets: int = 0
    target_mean: float = 4.5
    target_std: float = 2.9
    target_low: float = 0.0
    target_high: float = 9.0
    classes: int = 10
    largest_class: float = 0.1
