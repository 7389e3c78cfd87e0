"""One cause seen in a Setup, with the numbers it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Finding:
    """A cause, where it sits, and what shows it.

    Args:
        cause: stable id, such as "dying-relu".
        where: the layer, parameter or part of the Setup.
        evidence: what was measured, in words -> the number.
        says: what is seen, what it means, what it does not mean and what to try, in sentences.
        severity: "critical" where it keeps the Setup from training, "warning" where it may.
        weight: how strongly it speaks; findings are listed by it, largest first.
        curable: whether a change of model, loss, optimizer or budget can help; where one that cannot leads, none is
            tried.
    """

    cause: str
    where: str
    evidence: Mapping[str, float | str] = field(hash=False)
    says: str
    severity: Severity = "critical"
    weight: float = 50.0
    curable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))

    def __reduce__(self) -> tuple[object, ...]:
        parts = (self.cause, self.where, dict(self.evidence), self.says, self.severity, self.weight, self.curable)
        return (Finding, parts)
