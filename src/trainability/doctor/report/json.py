"""The report for other programs.

Schema 1.0: every number is finite or null, outcomes are words, and a finding's `evidence_words` say what a null in its
`evidence` was ("infinity", "unknown"). Loss curves are means over up to 200 equal parts of a run, as
`[last step of the part, mean loss]`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.doctor.finding import Finding
from trainability.doctor.here import Here
from trainability.doctor.readings import WeightReading
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.report import words
from trainability.doctor.verification import Share, Verification
from trainability.plots.loss_curves import smoothed
from trainability.setup import Run

if TYPE_CHECKING:
    from trainability.doctor.diagnosis import Diagnosis

SCHEMA_VERSION = "1.0"
VALUES = 200


def as_dict(diagnosis: Diagnosis) -> dict[str, object]:
    """Everything as plain Python values: dicts, lists, strings, finite numbers, booleans and None.

    Args:
        diagnosis: any.

    Returns:
        dict, with `schema_version` first.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "name": diagnosis.name,
        "verdict": diagnosis.verdict,
        "headline": words.headline(diagnosis),
        "says": diagnosis.says,
        "task": diagnosis.task,
        "task_reason": diagnosis.task_reason,
        "findings": [_finding(f) for f in diagnosis.findings],
        "remedies": [_remedy(r) for r in diagnosis.remedies],
        "attempts": [_attempt(a) for a in diagnosis.attempts],
        "runs": [_run(r) for r in diagnosis.runs],
        "readings": plain(diagnosis.readings),
        "seeds": list(diagnosis.seeds),
        "steps": diagnosis.steps,
        "budget": diagnosis.budget,
        "seconds": plain(diagnosis.seconds),
        "here": _here(diagnosis.here),
        "versions": words.versions(),
        "again": words.again(diagnosis),
    }


def as_json(diagnosis: Diagnosis, *, indent: int | None = 2) -> str:
    """The same as JSON text in ASCII.

    Args:
        diagnosis: any.
        indent: spaces per level; None for one line.

    Returns:
        str.
    """
    return json.dumps(as_dict(diagnosis), indent=indent, allow_nan=False)


def save(diagnosis: Diagnosis, path: str | Path) -> None:
    """Write the JSON text to a file.

    Args:
        diagnosis: any.
        path: of the file, which is replaced.
    """
    Path(path).write_text(as_json(diagnosis) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Records, mappings, sequences and numbers as JSON knows them; what is not finite becomes None.

    Example:
        >>> plain({"a": (1.0, float("nan")), "b": np.float64(2.0)})
        {'a': [1.0, None], 'b': 2.0}
    """
    if isinstance(value, WeightReading):
        stride = max(1, math.ceil(len(value.values) / VALUES))
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)} | {
            "values": plain(value.values[::stride])
        }
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value)


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "cause": finding.cause,
        "title": words.title(finding),
        "where": finding.where,
        "severity": finding.severity,
        "evidence": plain(finding.evidence),
        "evidence_words": {k: words.evidence(k, v) for k, v in finding.evidence.items()},
        "says": finding.says,
    }


def _remedy(remedy: Remedy) -> dict[str, object]:
    return {
        "name": remedy.change.name,
        "summary": remedy.summary,
        "code": remedy.code,
        "size": plain(remedy.change.size),
        "answers": list(remedy.answers),
        "cost": plain(remedy.cost),
        "verification": _verification(remedy.verification),
        "runs": [_run(r) for r in remedy.runs],
    }


def _verification(proof: Verification) -> dict[str, object]:
    return {
        "criterion": proof.criterion,
        "steps": proof.steps,
        "unchanged": _share(proof.unchanged),
        "changed": _share(proof.changed),
        "pairs": [plain(p) for p in proof.pairs],
    }


def _share(share: Share) -> dict[str, object]:
    return {"successes": share.successes, "n": share.n, "low": plain(share.low), "high": plain(share.high)}


def _here(here: Here | str | None) -> dict[str, object] | None:
    """The map: shares of success by row (second axis) and column (lr), intervals and runs beside them."""
    if here is None or isinstance(here, str):
        return None if here is None else {"says": here}
    diagram = here.diagram
    return {
        "says": here.says,
        "at": plain(here.at),
        "nearest": plain(here.nearest),
        "axes": [diagram.x.name, diagram.y.name if diagram.y else ""],
        "x": plain(diagram.cells.x),
        "y": plain(diagram.cells.y),
        "share": plain(diagram.share),
        "low": plain(diagram.low),
        "high": plain(diagram.high),
        "counts": plain(diagram.counts),
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return plain(attempt)


def _run(run: Run) -> dict[str, object]:
    return {
        "outcome": run.outcome,
        "seed": run.seed,
        "steps": run.steps,
        "seconds": plain(run.seconds),
        "start_loss": plain(run.start_loss),
        "constant_loss": plain(run.constant_loss),
        "target": plain(run.target),
        "end_loss": plain(run.end_loss),
        "score": plain(run.score),
        "constant_score": plain(run.constant_score),
        "validation_loss": plain(run.validation_loss),
        "validation_constant_loss": plain(run.validation_constant_loss),
        "validation_score": plain(run.validation_score),
        "loss_curve": plain(smoothed(run.losses, VALUES)),
    }
