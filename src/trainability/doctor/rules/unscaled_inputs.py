"""Inputs far from zero mean and unit variance."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, LayerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt

# Curvature grows with the square of the inputs: an rms of 4 costs a factor of 16 in the stable learning rate. Pixels in
# [0, 1] (rms about 0.4, offset about 1) are left alone.
LARGE, SMALL, RANGE, OFFSET = 4.0, 0.05, 30.0, 5.0


TOO_LARGE = (
    "The first layer's gradient grows with its input and the loss's curvature with the square of it, so that one learning "
    "rate is too large for some weights and too small for others. "
)
TOO_SMALL = (
    "What the first layer sends on differs between inputs by as little, and its gradient is as small: biases decide what "
    "the units do, for all inputs alike, and layers look dead or slow that are not. "
)


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and features are large, tiny, of very different scales, or far off zero."""
    d = r.data
    if not r.fails or d.integer_inputs or d.feature_rms_high <= 0 or _normalised(r):
        return None
    spread = d.feature_rms_high / d.feature_rms_low if d.feature_rms_low > 0 else math.inf
    large, small = d.input_rms > LARGE, d.feature_rms_high < SMALL
    uneven = spread > RANGE and d.feature_rms_high > 2.0
    offset = d.feature_offset > OFFSET
    if not (large or small or uneven or offset):
        return None
    seen = []
    if large or small:
        seen.append(f"the inputs' rms is {fmt(d.input_rms)}")
    if uneven:
        seen.append(f"features' rms runs from {fmt(d.feature_rms_low)} to {fmt(d.feature_rms_high)}")
    if offset:
        seen.append(f"a typical feature's mean is {fmt(d.feature_offset)} times its standard deviation")
    return Finding(
        cause="unscaled-inputs",
        where="data",
        evidence={
            "input rms": d.input_rms,
            "smallest feature rms": d.feature_rms_low,
            "largest feature rms": d.feature_rms_high,
            "median |mean| / std of a feature": d.feature_offset,
            "features": float(d.features),
        },
        says=(
            f"{' and '.join(seen).capitalize()} (initializers and default learning rates expect about 1, centred). "
            f"{TOO_SMALL if small else TOO_LARGE}"
            f"{_pixels(d)}It does not mean that the data are wrong. Standardise each feature with the training set's mean and "
            "standard deviation."
        ),
        weight=48.0 + min(8.0, _orders(d, small=small) + (2.0 if uneven else 0.0)),
    )


def _normalised(r: Readings) -> bool:
    """Whether batch normalisation, which puts every feature on one scale, is what the inputs meet first."""
    first = next((layer for layer in r.start.layers if layer.role in ("weight", "norm")), None)
    return first is not None and first.kind.replace("_", "").startswith("batchnorm")


def _orders(d: DataReading, *, small: bool) -> float:
    """Two for each factor of ten that inputs are too large; four where they are too small, since layers that hear nothing
    of them look dead or slow, and are not."""
    if small:
        return -4 * math.log10(max(d.feature_rms_high, 1e-300))
    return 2 * math.log10(max(d.input_rms, 1.0))


def _pixels(d: DataReading) -> str:
    if d.input_low >= 0 and abs(255 * d.input_high - 1) < 0.02:
        return "The largest is 1/255: pixels in [0, 1] were divided by 255 once more. "
    if not d.whole_inputs or d.input_low < 0 or not 128 <= d.input_high <= 255:
        return ""
    return f"These are whole numbers from {fmt(d.input_low)} to {fmt(d.input_high)}, raw pixels: X / 255 is enough. "


_STALLED = (RunReading(outcome="diverged", score=math.nan),)

RULE = Rule(
    cause="unscaled-inputs",
    title="Unscaled inputs",
    why="The curvature in a first-layer weight is proportional to the mean square of the input it multiplies.",
    not_meant="Pixels in [0, 1] and counts of a few units are usually fine as they are.",
    source="LeCun et al. 1998, section 4.3 (normalizing the inputs). Thresholds: chosen; see the comment.",
    judge=judge,
    sick=(
        Readings(data=DataReading(input_rms=57.0, feature_rms_high=57.0), runs=_STALLED),
        Readings(
            data=DataReading(input_rms=0.002, feature_rms_high=0.003, input_high=1 / 255, input_low=0.0), runs=_STALLED
        ),
        Readings(data=DataReading(input_rms=3.0, feature_rms_low=0.01, feature_rms_high=9.0), runs=_STALLED),
    ),
    healthy=(
        Readings(),
        Readings(data=DataReading(input_rms=57.0, feature_rms_high=57.0)),
        Readings(
            data=DataReading(input_rms=57.0, feature_rms_high=57.0),
            start=Snapshot(layers=(LayerReading("0", "batch_norm", "norm"),)),
            runs=_STALLED,
        ),
        Readings(data=DataReading(input_rms=0.4, feature_rms_low=0.01, feature_rms_high=0.8), runs=_STALLED),
        Readings(data=DataReading(input_rms=57.0, feature_rms_high=57.0, integer_inputs=True), runs=_STALLED),
    ),
)
