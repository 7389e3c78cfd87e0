"""Biases so large that they, and not the inputs, decide what the units do."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, Readings, RunReading, Snapshot, WeightReading
from trainability.doctor.rules._rule import Rule, fmt, share

# Torch draws biases within 1/sqrt(fan_in) and most papers take 0: three times that bound is a choice somebody made. A
# bias three times what the weights bring decides nearly every unit; an equal one does where the symptom is there to see.
BOUND, OVER, ONE_SIDED = 3.0, 3.0, 0.9


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and a hidden layer's biases outweigh the part of its output that inputs decide."""
    if not r.fails:
        return None
    worst: tuple[float, LayerReading, WeightReading, LayerReading | None] | None = None  # the first one in the way
    tensors = {w.name: w for w in r.start.weights}
    layers = r.start.layers
    hidden = [x for x in layers if x.role == "weight"][:-1]
    for index, layer in enumerate(layers):
        bias = tensors.get(f"{layer.name}.bias".lstrip("."))
        matrix = tensors.get(f"{layer.name}.weight".lstrip("."))
        if layer not in hidden or bias is None or matrix is None or not matrix.is_matrix:
            continue
        size, signal = math.hypot(bias.std, bias.mean), layer.signal
        fan_in = math.prod(matrix.shape[1:])
        if not (math.isfinite(size) and math.isfinite(signal)) or size * math.sqrt(max(fan_in, 1)) < BOUND:
            continue
        after = layers[index + 1] if index + 1 < len(layers) and layers[index + 1].role == "activation" else None
        over = size / signal if signal > 0 else math.inf
        if (over >= OVER or (over >= 1 and _decided(after))) and worst is None:
            worst = (over, layer, bias, after)
    return None if worst is None else _finding(r, *worst)


def _decided(after: LayerReading | None) -> bool:
    if after is None:
        return False
    return max((v for v in (after.dead, after.always_on, after.saturated) if v == v), default=0.0) >= ONE_SIDED


def _finding(r: Readings, over: float, layer: LayerReading, bias: WeightReading, after: LayerReading | None) -> Finding:
    symptom = ""
    if after is not None and after.dead == after.dead:
        symptom = f" {share(after.dead)} of the units behind it are 0 for every input, {share(after.always_on)} never."
    elif after is not None and after.saturated == after.saturated:
        symptom = f" {share(after.saturated)} of the values behind it sit on the flat part of {after.kind}."
    return Finding(
        cause="bias-scheme",
        where=bias.name,
        evidence={
            "bias": bias.says,
            "bias mean": bias.mean,
            "bias rms": math.hypot(bias.std, bias.mean),
            "rms of what differs between inputs": layer.signal,
            "bias over that": over,
            "loss at the start": r.runs[0].start_loss,
        },
        says=(
            f"The biases {bias.name} are {bias.says} (mean {fmt(bias.mean)}, rms "
            f"{fmt(math.hypot(bias.std, bias.mean))}), {fmt(over)} times the rms of what differs between inputs in "
            f"that layer's output ({fmt(layer.signal)}). The biases decide on which side of 0 a unit is, whatever the "
            f"input.{symptom} It does not mean that the weights' scale is wrong. "
            "Start the biases at 0."
        ),
        weight=58.0,
    )


_LAYERS = (
    LayerReading("0", "linear", "weight", mean_square=100.3, share_across_inputs=0.003),
    LayerReading("1", "relu", "activation", dead=1.0, always_on=0.0),
    LayerReading("2", "linear", "weight"),
)
_WEIGHTS = (
    WeightReading("0.weight", (64, 64)),
    WeightReading("0.bias", (64,), says="every weight -10", std=0.0, mean=-10.0, he_std=math.nan),
    WeightReading("2.weight", (10, 64)),
    WeightReading("2.bias", (10,), says="every weight -10", std=0.0, mean=-10.0, he_std=math.nan),
)
_STALLED = (RunReading("stalled", score=0.1),)

RULE = Rule(
    cause="bias-scheme",
    title="Biases outweigh the inputs",
    why="A unit whose bias is far beyond what its weights bring is always on, always off, or always on the flat part.",
    not_meant="Large biases of the last layer are a good start: they carry the targets' mean or the class shares.",
    source="Goodfellow, Bengio & Courville 2016, section 8.4 (biases). Threshold: thrice torch's bound 1/sqrt(fan_in).",
    judge=judge,
    sick=(Readings(start=Snapshot(layers=_LAYERS, weights=_WEIGHTS), runs=_STALLED),),
    healthy=(
        Readings(),
        Readings(start=Snapshot(layers=_LAYERS, weights=_WEIGHTS)),
        Readings(
            start=Snapshot(layers=_LAYERS, weights=(_WEIGHTS[0], replace(_WEIGHTS[1], mean=-0.1), *_WEIGHTS[2:])),
            runs=_STALLED,
        ),
    ),
)
