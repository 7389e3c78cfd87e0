"""What `diagnose` found: verdict, findings, remedies, and everything they rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainability.doctor.finding import Finding
from trainability.doctor.here import Here
from trainability.doctor.readings import Readings
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.verdict import Verdict
from trainability.errors import TrainabilityError
from trainability.setup import Run


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The result of a diagnosis.

    Args:
        name: of the Setup.
        task, task_reason: what is learned and how that was told.
        verdict: "trains", "will-not-train" or "uncertain".
        says: the verdict's grounds in a sentence.
        findings: most important first.
        remedies: verified changes, best first: the largest share of seeds, then the smallest change.
        attempts: changes that were tried and did not do.
        readings: what the probes measured.
        runs: of the unchanged Setup: on the weights as given, then one per fresh seed.
        seeds: the fresh seeds.
        here: where it stands on the map of its own success; why there is no map; or None where none was asked for.
        steps: optimizer steps of every run; budget: the Setup's own.
        seconds: wall-clock time.
    """

    name: str
    task: str
    task_reason: str
    verdict: Verdict
    says: str
    findings: tuple[Finding, ...]
    remedies: tuple[Remedy, ...]
    attempts: tuple[Attempt, ...]
    readings: Readings = field(repr=False)
    runs: tuple[Run, ...] = field(repr=False)
    seeds: tuple[int, ...] = field(repr=False)
    steps: int
    budget: int
    seconds: float
    here: Here | str | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, object]:
        """Everything as plain Python values; see `doctor.report.json` for the schema."""
        from trainability.doctor.report.json import as_dict

        return as_dict(self)

    def to_json(self, *, indent: int | None = 2) -> str:
        """The same as JSON text, with a schema version."""
        from trainability.doctor.report.json import as_json

        return as_json(self, indent=indent)

    def to_sarif(self, source: Callable[..., Any] | type | None = None) -> dict[str, object]:
        """The findings as a SARIF 2.1.0 log; see `doctor.report.sarif`. `source`: what the results point to."""
        from trainability.doctor.report.sarif import as_dict

        return as_dict(self, source=source)

    def save(self, path: str | Path) -> Path:
        """Write the report; the ending decides the form.

        Args:
            path: ends in .html (one page that needs no network), .json, .sarif or .png (the figures alone).

        Returns:
            The path.

        Raises:
            TrainabilityError: another ending, or a place that cannot be written.
        """
        from trainability.doctor.report import html, json, picture, sarif

        path = Path(path)
        writers = {".html": html.save, ".json": json.save, ".png": picture.save, ".sarif": sarif.save}
        writer = writers.get(path.suffix.lower())
        if writer is None:
            raise TrainabilityError(
                f"the report's path is {str(path)!r}; needed is an ending of {', '.join(writers)}, which says its form."
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            writer(self, path)
        except OSError as error:
            raise TrainabilityError(
                f"the report cannot be written to {str(path)!r} ({error.strerror or error}); give a path in a folder "
                "that exists, is writable and has space."
            ) from error
        return path
