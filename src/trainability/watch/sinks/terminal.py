"""Findings on standard error as they come, and a line now and then about how it goes."""

from __future__ import annotations

import time
from typing import Any

from trainability.doctor.report.words import clean
from trainability.doctor.rules import fmt, share

EVERY = 10.0  # seconds


class Terminal:
    """Prints with rich; nothing that came from the user is read as markup.

    Args:
        console: rich's; by default one on standard error.
    """

    def __init__(self, console: Any = None) -> None:
        if console is None:
            from rich.console import Console

            console = Console(stderr=True, highlight=False)
        self._console = console
        self._last = 0.0

    def write(self, record: dict[str, Any]) -> None:
        """Print a finding, the end, or a look if some time has passed."""
        from rich.text import Text

        kind = record["kind"]
        if kind == "finding":
            line = Text()
            style = "bold red" if record["severity"] == "critical" else "bold yellow"
            line.append(
                f"trainability, step {record['step']}: {record['cause']} at {clean(record['where'])}\n", style=style
            )
            line.append(clean(record["says"]))
            self._console.print(line)
        elif kind == "end":
            error = f", {clean(record['error'])}" if record["error"] else ""
            said = record["outcome"] or "the loss was not seen"
            self._console.print(Text(f"trainability: {record['step']} steps, {said}{error}"))
        elif kind == "look" and time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            self._console.print(Text(status(record), style="dim"))

    def close(self) -> None:
        """Nothing is open."""


def status(record: dict[str, Any]) -> str:
    """A look in one line.

    Example:
        >>> status({"step": 40, "loss": 1.25, "outcome": "learning", "update": 0.001, "dead": [["1", 64, 0.125, 0.1, 512]]})
        'step 40: loss 1.25 (learning so far), one step moves weights by 0.001 of their size, at most 12% of a layer dead'
    """
    parts = [f"loss {fmt(record['loss'])}" if record.get("loss") is not None else "loss not known"]
    if record.get("outcome"):
        parts[0] += f" ({record['outcome']} so far)"
    if record.get("update") is not None:
        parts.append(f"one step moves weights by {fmt(record['update'])} of their size")
    dead = max((d[2] for d in record.get("dead", [])), default=None)
    if dead is not None:
        parts.append(f"at most {share(dead)} of a layer dead")
    return f"step {record['step']}: " + ", ".join(parts)
