"""From a Diagnosis to the records that figures are drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from trainability.doctor.readings import LayerReading, Snapshot
from trainability.doctor.remedy import Remedy
from trainability.plots.loss_curves import Curve, LossCurves, Panel, smoothed
from trainability.plots.signal import Profile, Signal
from trainability.plots.units import Shares, Units
from trainability.plots.weights import Weight, Weights
from trainability.setup import Run

if TYPE_CHECKING:
    from trainability.doctor.diagnosis import Diagnosis

MATRICES, REMEDIES = 4, 5


def signal(diagnosis: Diagnosis) -> Signal | None:
    """Signal and gradient of the layers with weights; None for a network without any."""
    r = diagnosis.readings
    start = r.start.of("weight")
    if not start:
        return None

    def profile(field: str, end: bool = True) -> Profile:
        return Profile(
            start=tuple(getattr(layer, field) for layer in start),
            healthy=_beside(start, r.healthy, field),
            end=_beside(start, r.end, field) if end else (),
        )

    return Signal(
        layers=tuple(layer.name or layer.kind for layer in start),
        output=profile("rms"),
        differing=profile("signal", end=False),
        gradient=profile("gradient"),
    )


def _beside(start: Sequence[LayerReading], other: Snapshot | None, field: str) -> tuple[float, ...]:
    """The same layers' values in another snapshot; nan where one of another name stands in a layer's place."""
    if other is None or not other.of("weight"):
        return ()
    pairs = zip_longest(start, other.of("weight")[: len(start)])
    return tuple(getattr(b, field) if a and b and a.name == b.name else math.nan for a, b in pairs)


def loss_curves(diagnosis: Diagnosis, *, remedies: int = REMEDIES) -> LossCurves | None:
    """Every run of the unchanged Setup and of the best remedies, in units of the best constant answer.

    Args:
        diagnosis: any.
        remedies: at most so many of them.

    Returns:
        LossCurves, or None without runs. Each Setup is measured by its own constant answer, since a remedy may change
        the loss function; by its own loss at the start where a constant answer is unknown or not above 0; and by
        nothing at all, on a linear axis, where that is not above 0 either.
    """
    if not diagnosis.runs:
        return None
    groups: list[tuple[str, Sequence[Run], bool]] = [("Unchanged", diagnosis.runs, False)]
    groups += [(_numbered(i, remedy), remedy.runs, True) for i, remedy in enumerate(diagnosis.remedies[:remedies], 1)]
    for unit in ("constant answer", "start"):
        if all(_reference(run, unit) > 0 for _, runs, _ in groups for run in runs):
            break
    else:
        unit = ""
    panels = tuple(_panel(name, runs, changed, unit) for name, runs, changed in groups)
    return LossCurves(panels, unit)


def _numbered(number: int, remedy: Remedy) -> str:
    return f"Remedy {number}: {remedy.summary[0].lower()}{remedy.summary[1:]}" if remedy.summary else f"Remedy {number}"


def _reference(run: Run, unit: str) -> float:
    value = run.constant_loss if unit == "constant answer" else run.start_loss if unit == "start" else 1.0
    return value if math.isfinite(value) else 0.0


def _panel(name: str, runs: Sequence[Run], changed: bool, unit: str) -> Panel:
    curves = []
    for run in runs:
        reference = _reference(run, unit)
        points = smoothed(run.losses)
        seed = "the weights as given" if run.seed is None else f"seed {run.seed}"
        curves.append(
            Curve(
                label=f"{seed}: {run.outcome}",
                steps=tuple(step for step, _ in points),
                losses=tuple(loss / reference for _, loss in points),
                diverged=run.outcome == "diverged",
            )
        )
    targets = [run.target / _reference(run, unit) for run in runs if math.isfinite(run.target)]
    return Panel(name, tuple(curves), targets[0] if targets else math.nan, changed)


def weights(diagnosis: Diagnosis) -> Weights | None:
    """Up to four weight matrices before training, evenly spaced from the first to the last; None without any."""
    matrices = [w for w in diagnosis.readings.start.weights if w.is_matrix and w.values]
    if not matrices:
        return None
    few = min(MATRICES, len(matrices))
    chosen = [matrices[round(i * (len(matrices) - 1) / max(few - 1, 1))] for i in range(few)]
    return Weights(tuple(Weight(w.name, w.says, w.he_std, w.values) for w in chosen))


def units(diagnosis: Diagnosis) -> Units | None:
    """Dead and saturated shares by activation layer and moment; None where no layer has any."""
    kinds = (
        _shares(diagnosis, "dead", "Dead units", "share of units at 0 for all inputs"),
        _shares(diagnosis, "saturated", "Saturated values", "share of values on the flat part"),
    )
    shown = tuple(kind for kind in kinds if kind is not None and kind.largest > 0)
    return Units(shown) if shown else None


def _shares(diagnosis: Diagnosis, field: str, title: str, scale: str) -> Shares | None:
    r = diagnosis.readings
    layers = r.start.of("activation")
    chosen = [i for i, layer in enumerate(layers) if not math.isnan(getattr(layer, field))]
    if not chosen:
        return None
    moments = []
    for when, now in (("before training", r.start), ("early", r.early), ("at the end", r.end)):
        if now is None:
            continue
        found = now.of("activation")
        said = when if when == "before training" else f"{when} (step {now.step})"
        moments.append((said, tuple(getattr(found[i], field) if i < len(found) else math.nan for i in chosen)))
    return Shares(title, scale, tuple(layers[i].name or layers[i].kind for i in chosen), tuple(moments))
