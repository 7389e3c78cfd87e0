"""What a watch has written and found so far, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from trainability.doctor.finding import Finding
from trainability.watch import records
from trainability.watch.sinks import Sink, sinks_for


class Ledger:
    """Keeps every record, and the strongest form of every finding.

    Args:
        on_finding: called with each new finding and its step.
        sinks: takers of records, and options of `watch.sinks.sinks_for` for more.
    """

    def __init__(
        self, on_finding: Callable[[Finding, int], None] | None, sinks: Iterable[Sink], **options: Any
    ) -> None:
        self.records: list[dict[str, Any]] = []
        self.found: dict[str, tuple[int, Finding]] = {}
        self._on_finding = on_finding
        self._options = {"sinks": sinks, **options}
        self._sinks: Sequence[Sink] = ()

    def open(self) -> None:
        """Open the sinks."""
        self._sinks = sinks_for(**self._options)

    def close(self) -> None:
        """Close them."""
        for sink in self._sinks:
            sink.close()
        self._sinks = ()

    def write(self, record: dict[str, Any]) -> None:
        """Keep a record and hand it on."""
        self.records.append(record)
        for sink in self._sinks:
            sink.write(record)

    def take(self, finding: Finding, step: int) -> None:
        """A finding; one that is known and no worse than it was is not told again."""
        known = self.found.get(finding.cause)
        if known is not None and (known[1].severity == finding.severity or finding.severity == "warning"):
            return
        self.found[finding.cause] = (step, finding)
        self.write(records.finding(finding, step))
        if self._on_finding is not None:
            self._on_finding(finding, step)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The strongest first."""
        return tuple(sorted((f for _, f in self.found.values()), key=lambda f: -f.weight))

    def restore(self, kept: Iterable[dict[str, Any]]) -> None:
        """Take over the records of a run that is taken up again."""
        self.records = [*kept]
        self.found = {}
        for record in self.records:
            if record["kind"] == "finding":
                self.found[record["cause"]] = (record["step"], records.as_finding(record))
