"""A test that fails where a Setup will not train."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from trainability.doctor import diagnose
from trainability.doctor.finding import Finding
from trainability.doctor.rules import ALL, fmt
from trainability.errors import SetupError
from trainability.prognosis.preflight import preflight
from trainability.setup import Setup

EVIDENCE = 6


def assert_trainable(
    setup: Setup | Callable[[], Setup],
    *,
    probability: float | None = None,
    steps: float | None = None,
    train: bool = False,
    **options: Any,
) -> None:
    """Raise AssertionError with the first finding where a Setup will not train; meant for a test suite.

    By default nothing is trained: the pre-flight's verdict must not be "will-not-train", and its probability must reach
    `probability` where that is given. A setup unlike those the probability was fitted on then passes with a warning,
    since nothing is known against it. With `train=True` the Setup is diagnosed by training it: the share of runs that
    trained must reach `probability`, one half where it is not given.

    Args:
        setup: a Setup, or a function that builds one.
        probability: in [0, 1]; None as above.
        steps: of the pre-flight: first steps to take, which make it surer (a number, or a share up to 0.1 of the budget);
            of the diagnosis: steps of each run. None for none and for all.
        train: whether to train.
        options: of `diagnose`, where `train` is True: seeds, max_seconds, workers.

    Raises:
        AssertionError: it will not train, or not surely enough; the message has the verdict, the first finding and its numbers.
        SetupError: the setup cannot be trained as given, or an argument is out of range.

    Example:
        >>> from trainability.problems import get
        >>> assert_trainable(get("digits-mlp"))
    """
    if probability is not None and not (isinstance(probability, (int, float)) and 0 <= probability <= 1):
        raise SetupError(f"probability is {probability!r}; needed is a number from 0 to 1.")
    if not train:
        if options:
            raise SetupError(f"{', '.join(options)}: options of diagnose; give train=True with them.")
        found = preflight(setup, steps=steps)
        if found.verdict == "will-not-train":
            raise AssertionError(_message(found.name, found.verdict, found.says, found.findings, found.suspects))
        if probability is None:
            return
        if found.probability.outside:
            warnings.warn(f"{found.name}: {found.says}", stacklevel=2)
        elif found.probability.value < probability:
            raise AssertionError(_message(found.name, found.verdict, found.says, found.findings, found.suspects))
        return
    diagnosis = diagnose(setup, steps=None if steps is None else int(steps), **options)
    wanted = 0.5 if probability is None else probability
    share = sum(run.succeeded for run in diagnosis.runs) / len(diagnosis.runs)
    if diagnosis.verdict == "will-not-train" or share < wanted:
        says = f"{diagnosis.says} {share:.0%} of the runs trained; needed were {wanted:.0%}."
        text = _message(diagnosis.name, diagnosis.verdict, says, diagnosis.findings, ())
        cured = f"\nWhat makes it train: {diagnosis.remedies[0].summary}" if diagnosis.remedies else ""
        raise AssertionError(text + cured)


def _message(name: str, verdict: str, says: str, findings: tuple[Finding, ...], suspects: tuple[Finding, ...]) -> str:
    lines = [f"{name}: {verdict}. {says}"]
    for found, word in [(f, "Finding") for f in findings[:1]] or [(f, "Suspected") for f in suspects[:1]]:
        title = ALL[found.cause].title if found.cause in ALL else found.cause
        lines += [f"{word}: {title} ({found.cause}) at {found.where}", found.says]
        for key, value in list(found.evidence.items())[:EVIDENCE]:
            lines.append(f"    {key}: {value if isinstance(value, str) else fmt(value)}")
    rest = [f.cause for f in (findings[1:] if findings else suspects[1:])]
    if rest:
        lines.append(f"Also: {', '.join(rest)}")
    return "\n".join(lines)
