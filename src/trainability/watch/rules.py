"""Which of the doctor's rules a live run is judged by, beside the alarms, and how their findings read while it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from trainability.doctor import rules
from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings

# What a batch and the form of model and loss show, whatever becomes of the run; and what may lie behind its trouble. The
# doctor's other rules rest on what only it measures (validation data, several seeds, quick learners), or are alarms here.
FORM = (
    "non-finite-data",
    "sign-flipped-loss",
    "constant-output",
    "broadcast-loss",
    "output-range",
    "softmax-before-cross-entropy",
    "sigmoid-before-cross-entropy",
    "sigmoid-before-bce-with-logits",
    "bounded-logits",
    "relu-on-output",
    "log-of-unnormalised-output",
    "degenerate-labels",
    "exclusive-output-for-non-exclusive-labels",
    "loss-does-not-fit-the-task",
)
TROUBLE = (
    "symmetric-units",
    "saturated-softmax",
    "saturated-output",
    "log-of-softmax",
    "regulariser-dominates",
    "gradient-never-arrives",
    "frozen-parameters",
    "initial-scale-too-large",
    "initial-scale-too-small",
    "bias-scheme",
    "rank-collapse",
    "relu-cannot-cross",
    "unscaled-inputs",
    "unscaled-targets",
    "constant-features",
    "duplicated-features",
)
ENDED = ("lr-too-low", "too-few-steps")  # of a budget that is used up

# A rule speaks of runs that have ended and were scored.
_WORDS = (
    (re.compile(r" \((?:the )?score(?: is)? NaN\)"), ""),
    (re.compile(r",? (?:with a )?score(?: of)? NaN"), ""),
    (re.compile(r", against NaN with He's weights"), ""),
    (re.compile(r"; here it ended at "), "; here it is now "),
    (re.compile(r"\b(weights|runs) ended at\b"), r"\1 are now at"),
    (re.compile(r"\bended at\b"), "is now at"),
    (re.compile(r"\bended on\b"), "rests on"),
    (re.compile(r"\b(loss|score) at the end\b(?! of)"), r"\1 now"),
)
_NAMES = (("at the end", "now"),)


def judge(readings: Readings, *, trouble: bool, ended: bool = False) -> tuple[Finding, ...]:
    """The findings of the rules that apply.

    Args:
        readings: from `watch.seen.readings`.
        trouble: whether the run has gone wrong, so that possible causes may be told; ended: whether it is over.

    Returns:
        Findings, the strongest first.

    Example:
        >>> judge(Readings(), trouble=True)
        ()
    """
    causes = (*FORM, *(TROUBLE if trouble else ()), *(ENDED if trouble and ended else ()))
    found = [rules.ALL[cause].judge(readings) for cause in causes if cause in rules.ALL]
    return tuple(sorted((live(f) for f in found if f is not None), key=lambda f: -f.weight))


def live(finding: Finding) -> Finding:
    """The same of a run that goes on and that nobody has scored.

    Example:
        >>> live(Finding("x", "", {"score at the end": float("nan"), "loss at the end": 2.0}, "It ended at 2.")).says
        'It is now at 2.'
    """
    says = finding.says
    for pattern, words in _WORDS:
        says = pattern.sub(words, says)
    return replace(finding, says=says, evidence=_evidence(finding.evidence))


def _evidence(given: Mapping[str, float | str]) -> dict[str, float | str]:
    kept: dict[str, float | str] = {}
    for name, value in given.items():
        if isinstance(value, float) and value != value:
            continue
        for old, new in _NAMES:
            name = name.replace(old, new)
        kept[name] = value
    return kept
