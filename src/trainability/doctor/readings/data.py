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
        whole_inputs: whether all inputs are whole numbers.
        input_low, input_high: range of all inputs.
        constant_features: share of features that have one value for every sample.
        copied_features: share of features that are another one times a factor plus a constant, to a relative 1e-6.
        condition: of the correlation matrix of the features that vary, its largest eigenvalue over the smallest that is
            above rounding (1e-10 of the largest); nan where it was not measured.
        flat_skill: share of the targets' variance that a linear fit explains along that matrix's flat directions alone,
            those with an eigenvalue under a thousandth of the largest; nan where it was not measured.
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
    whole_inputs: bool = False
    input_low: float = -3.0
    input_high: float = 3.0
    constant_features: float = 0.0
    copied_features: float = 0.0
    condition: float = 100.0
    flat_skill: float = 0.0
