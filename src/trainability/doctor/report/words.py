"""The sentences and numbers that every form of the report shares."""

from __future__ import annotations

import math
import platform
import sys
from typing import TYPE_CHECKING

from trainability.doctor import rules
from trainability.doctor.finding import Finding
from trainability.doctor.rules._rule import Rule, fmt

if TYPE_CHECKING:
    from trainability.doctor.diagnosis import Diagnosis
    from trainability.doctor.remedy import Remedy

VERDICTS = {
    "trains": "It trains.",
    "will-not-train": "It will not train as it is.",
    "uncertain": "It is uncertain whether it trains.",
}

OUTCOMES = (
    ("diverged", "the loss is not finite, or ends above 10 times the larger of L0 and Lc"),
    ("stalled", "the mean of the last tenth of the run is not below 0.98 of the smaller of L0 and Lc"),
    ("learning", "below that, but above the target (half of Lc, where none is stated)"),
    ("trained", "the mean of the last tenth is at or below the target"),
)
"""Outcome -> its rule; L0 is the loss at the start, Lc that of the best constant answer on the same data."""


def clean(text: str) -> str:
    """Text without control characters, which a terminal would obey; lines stay lines.

    Example:
        >>> clean("a\\x1b[31mb")
        'a\ufffd[31mb'
    """
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "\ufffd" for c in text)


def percent(value: float) -> str:
    """A share in percent, 100% only where it is all of them.

    Example:
        >>> percent(1.0), percent(0.9993), percent(0.141), percent(2e-4)
        ('100%', '99.9%', '14%', '0.02%')
    """
    if not math.isfinite(value):
        return fmt(value)
    if 0.99 <= value < 1:
        return f"{min(100 * value, 99.9):.1f}%"
    return f"{100 * value:.0f}%" if value == 0 or value >= 0.01 else f"{100 * value:.1g}%"


def number(value: float) -> str:
    """A whole number in full, another one to three digits.

    Example:
        >>> number(11234.0), number(0.17999), number(float("inf"))
        ('11234', '0.18', 'infinity')
    """
    return f"{value:.0f}" if math.isfinite(value) and value == int(value) and abs(value) < 1e7 else fmt(value)


def evidence(name: str, value: float | str) -> str:
    """A finding's number in the unit that its name says.

    Example:
        >>> evidence("share of inputs given the same class", 1.0), evidence("measured at step", 300.0)
        ('100%', '300')
    """
    if isinstance(value, str):
        return value
    if name.startswith("stable lr") and value == math.inf:
        return "no limit"
    return percent(value) if "share" in name.split() else number(value)


def rule(finding: Finding) -> Rule | None:
    """The page behind a finding; None for a cause that no rule here knows."""
    return rules.ALL.get(finding.cause)


def title(finding: Finding) -> str:
    """The cause in a few words."""
    known = rule(finding)
    return known.title if known else finding.cause.replace("-", " ").capitalize()


def where(finding: Finding, diagnosis: Diagnosis) -> str:
    """Where it sits; a layer's bare path gets its kind beside it."""
    for layer in diagnosis.readings.start.layers:
        if layer.name == finding.where:
            return f"layer {finding.where} ({layer.kind})" if layer.name else f"the {layer.kind} layer"
    return finding.where


def headline(diagnosis: Diagnosis) -> str:
    """The verdict and the first finding in one line."""
    said = VERDICTS.get(diagnosis.verdict, diagnosis.verdict)
    if diagnosis.verdict == "trains" or not diagnosis.findings:
        return said
    first = title(diagnosis.findings[0])
    return f"{said[:-1]}: {first[0].lower()}{first[1:]}."


def advice(diagnosis: Diagnosis) -> str:
    """What to do, in one sentence."""
    if diagnosis.remedies:
        return f"{clean(diagnosis.remedies[0].summary)}: {diagnosis.remedies[0].verification}."
    if diagnosis.verdict == "trains":
        return "Nothing needs to change." if not diagnosis.findings else ""
    return nothing_found(diagnosis)


def nothing_found(diagnosis: Diagnosis) -> str:
    """That there is no remedy, and among how many changes."""
    if diagnosis.findings and not diagnosis.findings[0].curable:
        return "Nothing was tried: no change of model, loss, optimizer or hyper-parameters can help."
    count = len(diagnosis.attempts)
    tried = f"{count} change{'' if count == 1 else 's'} tried" if count else "the changes known here: none applied"
    return f"No verified remedy was found among {tried}."


def again(diagnosis: Diagnosis) -> str:
    """The Python lines that make this diagnosis again."""
    from trainability.problems import ALL

    call = f"seeds={len(diagnosis.seeds)}, steps={diagnosis.steps}, max_seconds=None)"
    if diagnosis.name in ALL:
        return (
            "import trainability as tr\nfrom trainability.problems import get\n\n"
            f'tr.diagnose(get("{diagnosis.name}"), {call}'
        )
    return f"import trainability as tr\n\n# setup: the function that builds this Setup\ntr.diagnose(setup, {call}"


def command(diagnosis: Diagnosis) -> str:
    """The command line that makes this report again; without a cut, it also depends on the machine's speed."""
    from trainability.problems import ALL

    if diagnosis.name in ALL:
        return f"trainability demo {diagnosis.name}"
    return f"trainability diagnose FILE.py:FUNCTION --seeds {len(diagnosis.seeds)} --steps {diagnosis.steps}"


def versions() -> dict[str, str]:
    """What was running: of this package, torch and Python."""
    from trainability import __version__

    torch = sys.modules.get("torch")
    return {
        "trainability": __version__,
        "torch": str(getattr(torch, "__version__", "not loaded")),
        "python": platform.python_version(),
    }


DEARER = 1.5  # times an unchanged run; below that the difference may be the machine's


def cost(remedy: Remedy) -> str:
    """What a remedy costs in time, where that is more than the machine's own noise; "" otherwise."""
    if not remedy.cost >= DEARER or math.isinf(remedy.cost):
        return ""
    return f"A run takes {fmt(remedy.cost)} times as long with it."


def here(diagnosis: Diagnosis) -> str:
    """Where the Setup stands on its map, or why there is none; "" where none was asked for."""
    found = diagnosis.here
    if found is None or isinstance(found, str):
        return found or ""
    return found.says
