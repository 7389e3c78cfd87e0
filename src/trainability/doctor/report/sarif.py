"""The findings for programs that read SARIF 2.1.0: code scanning, editors, review bots.

One result per finding, with the rule's stable id, a level, and a place in the user's source where one is at hand. A
remedy whose change is one literal in that source is a `fix` that can be applied as it stands; the code of every other
remedy goes along as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainability.doctor.finding import Finding
from trainability.doctor.report import words
from trainability.doctor.report._source import Place, Span, lr_literal, lr_of, place_of
from trainability.doctor.report.json import plain

if TYPE_CHECKING:
    from trainability.doctor.diagnosis import Diagnosis
    from trainability.doctor.remedy import Remedy

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"critical": "error", "warning": "warning"}


def as_dict(diagnosis: Diagnosis, *, source: Callable[..., Any] | type | None = None) -> dict[str, object]:
    """A Diagnosis as a SARIF log.

    Args:
        diagnosis: any.
        source: the function that builds the Setup, or the model's class: where the results point to, and where a
            learning rate is looked for. None for results without a place.

    Returns:
        dict, ready for JSON.
    """
    place = place_of(source) if source is not None else None
    return of_findings(diagnosis.findings, place=place, remedies=diagnosis.remedies, name=diagnosis.name)


def of_findings(
    findings: Sequence[Finding], *, place: Place | None = None, remedies: Sequence[Remedy] = (), name: str = ""
) -> dict[str, object]:
    """Findings as a SARIF log.

    Args:
        findings: the most important first.
        place: of the source that they are about.
        remedies: verified ones; each goes to the findings that it answers.
        name: of the setup or run.

    Returns:
        dict, ready for JSON.
    """
    from trainability import __version__

    causes = list(dict.fromkeys(f.cause for f in findings))
    run: dict[str, object] = {
        "tool": {
            "driver": {
                "name": "trainability",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(cause) for cause in causes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(f, causes.index(f.cause), place, remedies, name) for f in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def save(diagnosis: Diagnosis, path: str | Path, *, source: Callable[..., Any] | type | None = None) -> None:
    """Write the log to a file.

    Args:
        diagnosis: any.
        path: of the file, which is replaced.
        source: as for `as_dict`.
    """
    text = json.dumps(as_dict(diagnosis, source=source), indent=2, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def _rule(cause: str) -> dict[str, object]:
    probe = Finding(cause, "", {}, "")
    page = words.rule(probe)
    rule: dict[str, object] = {"id": cause, "shortDescription": {"text": words.title(probe)}}
    if page is None:
        return rule
    text = f"{page.why}\n\nWhat it does not mean: {page.not_meant}\n\nKnown from: {page.source}"
    return {
        **rule,
        "name": "".join(part.capitalize() for part in cause.split("-")),
        "fullDescription": {"text": page.why},
        "help": {"text": text, "markdown": f"# {page.title}\n\n{text}"},
    }


def _result(
    finding: Finding, index: int, place: Place | None, remedies: Sequence[Remedy], name: str
) -> dict[str, object]:
    answers = [r for r in remedies if finding.cause in r.answers]
    advice = "".join(f"\n\nVerified remedy: {r.summary} ({r.verification}).\n{r.code}" for r in answers[:3])
    result: dict[str, object] = {
        "ruleId": finding.cause,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": {"text": words.clean(finding.says + advice)},
        "locations": [_location(finding, place, name)],
        "partialFingerprints": {"trainability/v1": f"{name}:{finding.cause}:{finding.where}"},
        "properties": {"where": finding.where, "evidence": plain(finding.evidence), "weight": plain(finding.weight)},
    }
    fixes = [fix for fix in (_fix(r, place) for r in answers) if fix is not None] if place else []
    if fixes:
        result["fixes"] = fixes
    return result


def _location(finding: Finding, place: Place | None, name: str) -> dict[str, object]:
    logical = [{"name": finding.where, "fullyQualifiedName": f"{name}.{finding.where}".strip("."), "kind": "member"}]
    if place is None:
        return {"logicalLocations": logical}
    span = place.whole
    if finding.where == "optimizer":
        span = lr_literal(place) or place.whole
    return {
        "physicalLocation": {"artifactLocation": {"uri": place.uri}, "region": _region(span)},
        "logicalLocations": logical,
    }


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(remedy: Remedy, place: Place | None) -> dict[str, object] | None:
    """A remedy as a patch, where its change is a learning rate and the source has just one literal for it."""
    told = lr_of(remedy.code)
    if place is None or told is None:
        return None
    optimizer, lr = told
    span = lr_literal(place, optimizer)
    if span is None:
        return None
    return {
        "description": {"text": words.clean(remedy.summary)},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": place.uri},
                "replacements": [{"deletedRegion": _region(span), "insertedContent": {"text": f"{lr:g}"}}],
            }
        ],
    }
