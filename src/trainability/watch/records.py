"""The lines of a log: what a watch writes, as plain values. Schema 1.0.

    start      model, optimizer, loss, sizes, the step begun at (above 0 after a restart)
    names      the weights and layers that the numbers of later looks belong to, in order
    look       one step: mean loss since the last look, lr, norms, and one number per weight and layer;
               "beside" where layers were seen in a pass of its own
    sharpness  largest Hessian eigenvalue of that step's loss, and the lr it allows
    finding    an alarm, with the fields of a Finding
    end        the outcome, and what was raised; missing where the process was killed

Numbers are finite or null; `loss_words` says what a null loss was.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainability.doctor.finding import Finding, Severity
from trainability.doctor.readings import CurvatureReading
from trainability.doctor.report.json import plain
from trainability.doctor.rules import fmt
from trainability.measures.outcome import Outcome
from trainability.watch.state import Dead, Sample
from trainability.watch.unwrap import unwrapped

if TYPE_CHECKING:
    from trainability.watch.live import Watch

SCHEMA = "1.0"


def start(watch: Watch) -> dict[str, Any]:
    """The first line."""
    from trainability.doctor.report.words import versions

    model = unwrapped(watch.model)
    loss = watch.loss_fn
    return {
        "kind": "start",
        "schema": SCHEMA,
        "step": watch.step,
        "name": watch.name,
        "model": type(model).__name__,
        "optimizer": type(watch.optimizer).__name__ if watch.optimizer is not None else "",
        "loss_fn": "" if loss is None else getattr(loss, "__name__", type(loss).__name__),
        "weights": sum(p.numel() for p in model.parameters()),
        "tensors": sum(1 for p in model.parameters() if p.requires_grad),
        "detail": watch.detail,
        "constant_loss": number(watch.losses.constant),
        "target": plain(watch.losses.target),
        "versions": versions(),
    }


def names(sample: Sample) -> dict[str, Any]:
    """What the numbers of a look belong to."""
    return {
        "kind": "names",
        "weights": [[w.name, w.matrix] for w in sample.weights],
        "layers": [[x.name, x.kind, x.role, x.units] for x in sample.layers],
    }


def look(sample: Sample, steps: int, outcome: Outcome | None, dead: tuple[Dead, ...], beside: bool) -> dict[str, Any]:
    """One look."""
    return {
        "kind": "look",
        "step": sample.step,
        "seconds": round(sample.seconds, 3),
        "steps": steps,
        "loss": number(sample.loss),
        "loss_words": "" if math.isfinite(sample.loss) else fmt(sample.loss),
        "outcome": outcome,
        "beside": beside,
        "lr": number(sample.lr),
        "gradient_norm": number(sample.gradient_norm),
        "update": number(sample.update),
        "updates": [number(w.update) for w in sample.weights],
        "gradients": [number(w.gradient) for w in sample.weights],
        "sizes": [number(w.size) for w in sample.weights],
        "layer_gradients": [number(x.gradient) for x in sample.layers],
        "saturated": [number(x.saturated) for x in sample.layers],
        "dead": [[d.name, d.units, number(d.share), number(d.share_first), d.inputs] for d in dead if d.inputs],
    }


def sharpness(found: CurvatureReading, lr: float) -> dict[str, Any]:
    """One sharpness."""
    return {
        "kind": "sharpness",
        "step": found.step,
        "sharpness": number(found.sharpness),
        "residual": number(found.residual),
        "stable_lr": number(found.stable_lr),
        "preconditioned": found.preconditioned,
        "lr": number(lr),
    }


def finding(found: Finding, step: int) -> dict[str, Any]:
    """One alarm."""
    return {
        "kind": "finding",
        "step": step,
        "cause": found.cause,
        "where": found.where,
        "severity": found.severity,
        "weight": found.weight,
        "evidence": plain(found.evidence),
        "says": found.says,
    }


def as_finding(record: dict[str, Any]) -> Finding:
    """An alarm's line as the Finding it was.

    Example:
        >>> f = Finding("lr-zero", "optimizer", {"lr": 0.0}, "All 0.")
        >>> as_finding(finding(f, 3)) == f
        True
    """
    evidence = {str(k): math.nan if v is None else v for k, v in dict(record.get("evidence", {})).items()}
    severity: Severity = "warning" if record.get("severity") == "warning" else "critical"
    return Finding(
        cause=str(record["cause"]),
        where=str(record.get("where", "")),
        evidence=evidence,
        says=str(record.get("says", "")),
        severity=severity,
        weight=float(record.get("weight", 50.0)),
    )


def end(watch: Watch, error: str, *, running: bool = False) -> dict[str, Any]:
    """The last line."""
    return {
        "kind": "end",
        "step": watch.step,
        "outcome": watch.outcome,
        "start_loss": number(watch.losses.start),
        "recent_loss": number(watch.losses.recent),
        "constant_loss": number(watch.losses.constant),
        "seconds": round(watch.seconds, 3),
        "error": error,
        "running": running,
    }


def number(value: float) -> float | None:
    """Six digits of a finite number; None for another.

    Example:
        >>> number(0.123456789), number(float("inf"))
        (0.123457, None)
    """
    return float(f"{value:.6g}") if math.isfinite(value) else None
