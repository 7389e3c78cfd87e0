"""One word for the whole: trains, will not train, or uncertain, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from trainability.doctor.finding import Finding
from trainability.doctor.remedy import Remedy
from trainability.doctor.verification import Share
from trainability.setup import Run

Verdict = Literal["trains", "will-not-train", "uncertain"]


def verdict(
    findings: Sequence[Finding], runs: Sequence[Run], *, cut: bool, proved: Sequence[Remedy] = ()
) -> tuple[Verdict, str]:
    """Judge a Setup by its findings and its own runs.

    "trains": every run learned and nothing critical was found. "will-not-train": no run learned (and none
    generalises where all are learning), or none
    trained and something critical was found; where runs were cut short, only if they stalled, diverged or
    show a critical cause. Otherwise "uncertain".

    Args:
        findings: of the unchanged Setup.
        runs: its runs, the weights as given first.
        cut: whether runs had fewer steps than the budget.
        proved: changes that were verified.

    Returns:
        (verdict, one sentence).
    """
    trained, learned = (Share(sum(map(bool, x)), len(runs)) for x in _shares(runs))
    critical = [f for f in findings if f.severity == "critical"]
    counts = ", ".join(
        f"{n} {word}" for word in ("trained", "learning", "stalled", "diverged") if (n := _count(runs, word))
    )
    worse = sum(not r.generalises for r in runs)
    note = f"; {worse} with a loss above a constant answer's on the validation data" if worse else ""
    lost = sum(not r.keeps for r in runs)
    note += f"; {lost} that lose in eval mode what they gained in training" if lost else ""
    seen = f"Of {len(runs)} runs {counts}{note}."
    if cut:
        seen += " The runs were cut short of the budget."
    seen += _under_trained(findings, proved)
    if learned.successes == len(runs) and not critical:
        return "trains", seen
    hopeless = learned.successes == 0 and (not cut or all(r.outcome in ("stalled", "diverged") for r in runs))
    if hopeless and (critical or _count(runs, "learning") < len(runs)):
        return "will-not-train", seen
    if hopeless and not cut and not any(r.generalises for r in runs):
        return "will-not-train", seen
    if critical and trained.successes == 0:
        return "will-not-train", seen
    return "uncertain", seen


SLOW = {"lr-too-low", "too-few-steps"}


def _under_trained(findings: Sequence[Finding], proved: Sequence[Remedy]) -> str:
    """Whether more training is all that is missing: said where every run's pace or a verified change shows it."""
    if not findings or findings[0].cause not in SLOW:
        return ""
    longer = next((r for r in proved if set(r.answers) <= SLOW and not r.change.parts), None)
    if longer is not None:
        how = longer.summary[0].lower() + longer.summary[1:]
        return f" Under-trained, not broken: it {longer.verification.criterion} with one change, {how}."
    return " Under-trained, not broken." if "under-trained, not broken" in findings[0].says else ""


def _shares(runs: Sequence[Run]) -> tuple[list[bool], list[bool]]:
    return [r.succeeded for r in runs], [r.learned for r in runs]


def _count(runs: Sequence[Run], word: str) -> int:
    return sum(r.outcome == word for r in runs)
