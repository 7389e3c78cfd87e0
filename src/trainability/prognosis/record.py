"""What a pre-flight found."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.verdict import Verdict
from trainability.errors import TrainabilityError
from trainability.prognosis.first_step import FirstStep
from trainability.prognosis.model import Probability
from trainability.prognosis.window import Window

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Preflight:
    """The result of a pre-flight.

    Args:
        name: of the Setup.
        task, task_reason: what is learned and how that was told.
        verdict: "trains", "will-not-train" or "uncertain".
        probability: that it trains within its budget, with an interval and its grounds.
        says: the verdict's grounds in sentences.
        findings: causes that hold whatever a run will do, most important first.
        suspects: causes that would be named if training failed, none where the verdict is "trains", and after them what
            would be named if training went well and its validation did not.
        readings: what the probes measured.
        step: the first optimizer step on a private copy.
        window: the first steps; None where none were taken.
        budget: optimizer steps of the whole training.
        seconds: wall-clock time.
    """

    name: str
    task: str
    task_reason: str
    verdict: Verdict
    probability: Probability
    says: str
    findings: tuple[Finding, ...]
    suspects: tuple[Finding, ...]
    readings: Readings = field(repr=False)
    step: FirstStep = field(repr=False)
    window: Window | None = field(repr=False)
    budget: int
    seconds: float

    @property
    def steps(self) -> int:
        """First steps taken; 0 for none."""
        return 0 if self.window is None else len(self.window.losses)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain Python values; numbers that are not finite are None."""
        chance = self.probability
        return {
            "schema": SCHEMA,
            "name": self.name,
            "task": self.task,
            "task_reason": self.task_reason,
            "verdict": self.verdict,
            "says": self.says,
            "probability": {
                "value": chance.value,
                "low": chance.low,
                "high": chance.high,
                "outside": [
                    {"name": n, "value": _plain(v), "low": low, "high": high} for n, v, low, high in chance.outside
                ],
                "reasons": [{"name": n, "value": _plain(v), "log_odds": effect} for n, v, effect in chance.reasons],
            },
            "findings": [_finding(f) for f in self.findings],
            "suspects": [_finding(f) for f in self.suspects],
            "start_loss": _plain(self.step.start_loss),
            "constant_loss": _plain(self.step.constant_loss),
            "target": _plain(self.step.target),
            "stable_lr": _plain(self.readings.stable_lr),
            "steps": self.steps,
            "budget": self.budget,
            "seconds": self.seconds,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """The same as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write it as JSON.

        Args:
            path: ends in .json.

        Returns:
            The path.

        Raises:
            TrainabilityError: another ending, or a place that cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".json":
            raise TrainabilityError(f"the pre-flight's path is {str(path)!r}; needed is an ending of .json.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise TrainabilityError(
                f"the pre-flight cannot be written to {str(path)!r} ({error.strerror or error}); give a path in a "
                "folder that exists, is writable and has space."
            ) from error
        return path


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "cause": found.cause,
        "where": found.where,
        "severity": found.severity,
        "weight": found.weight,
        "evidence": {k: _plain(v) for k, v in found.evidence.items()},
        "says": found.says,
    }


def _plain(value: float | str) -> float | str | None:
    return value if isinstance(value, str) or math.isfinite(value) else None
