"""No layer has a bias, and the symmetry that this brings cannot fit the targets."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import BiasReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

GAIN, SOME = 0.2, 0.3  # of the targets' variance
MEANS = {
    "ray": "f(c x) = c f(x) for every c > 0: along every ray from the origin its answers are a straight line through 0",
    "odd": "f(-x) = -f(x): what it says of an input it says of the opposite one with the opposite sign",
}


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, there is no bias, and a forest with the network's symmetry explains much less than one without."""
    b = r.biases
    if not r.fails or b.layers < 1 or b.biases or b.symmetry not in MEANS:
        return None
    if not (b.free >= SOME and b.free >= max(b.bound, 0.0) + GAIN):
        return None
    return Finding(
        cause="missing-bias",
        where=f"{b.layers} layers",
        evidence={
            "layers": float(b.layers),
            "biases": float(b.biases),
            "symmetry": b.symmetry,
            "variance explained by a forest": b.free,
            "variance explained by a forest with that symmetry": b.bound,
            "score at the end": r.runs[0].score,
        },
        says=(
            f"Not one of the {b.layers} layers has a bias, nor does any normalisation bring one. So the network answers "
            f"with {MEANS[b.symmetry]}, whatever its weights and its size. On these data a forest explains "
            f"{fmt(b.free)} of the held-out variance of the targets, and {fmt(b.bound)} when it is held to the same "
            "symmetry. It does not mean that networks without biases are wrong elsewhere, nor that the learning rate "
            "is. Leave bias=True."
        ),
        weight=80.0,
    )


_FAILED = (RunReading("stalled", end_loss=0.9, score=0.1),)
_RAY = BiasReading(layers=3, biases=0, symmetry="ray", free=0.97, bound=-0.5)

RULE = Rule(
    cause="missing-bias",
    title="No layer has a bias",
    why="Without biases a ReLU network is homogeneous and a tanh network odd: f(0) = 0, and much else is fixed with it.",
    not_meant="Convolutions before a normalisation need no bias, and targets may have the same symmetry.",
    source="Follows from relu(c z) = c relu(z) and tanh(-z) = -tanh(z). Thresholds: chosen; see the evidence.",
    judge=judge,
    sick=(
        Readings(biases=_RAY, runs=_FAILED),
        Readings(biases=BiasReading(layers=3, biases=0, symmetry="odd", free=0.9, bound=0.1), runs=_FAILED),
    ),
    healthy=(
        Readings(),
        Readings(biases=_RAY),
        Readings(biases=BiasReading(layers=3, biases=0, symmetry="ray", free=0.9, bound=0.88), runs=_FAILED),
        Readings(biases=BiasReading(layers=3, biases=2, symmetry="", free=0.9, bound=0.1), runs=_FAILED),
    ),
)
