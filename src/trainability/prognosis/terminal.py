"""A pre-flight for a terminal: readable at 80 columns and without colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trainability.doctor.finding import Finding
from trainability.doctor.report import words
from trainability.doctor.report.words import clean
from trainability.doctor.rules import ALL, fmt
from trainability.prognosis.words import reasons

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from trainability.prognosis.record import Preflight

STYLES = {"trains": "green", "will-not-train": "red", "uncertain": "yellow"}
HEADLINES = {
    "trains": "This setup will very probably train.",
    "will-not-train": "This setup will not train.",
    "uncertain": "Whether this setup will train is uncertain.",
}
EVIDENCE, SUSPECTS = 8, 3


def render(found: Preflight, console: Console) -> None:
    """Print a pre-flight.

    Args:
        found: any; its texts are printed as they are, never read as markup.
        console: rich's.
    """
    console.print(_verdict(found))
    for i, finding in enumerate(found.findings, 1):
        _finding(console, f"Finding {i}: {words.title(finding)}", finding)
    if found.suspects and not found.findings:
        for finding in found.suspects[:SUSPECTS]:
            word = "Suspected" if found.verdict == "will-not-train" else "If it fails, suspect"
            _finding(console, f"{word}: {words.title(finding)}", finding)
    console.print()
    console.print(_text(_footer(found), "dim"))


def _verdict(found: Preflight) -> RenderableType:
    from rich.panel import Panel
    from rich.text import Text

    style = STYLES.get(found.verdict, "")
    body = Text()
    body.append(HEADLINES[found.verdict], style=f"bold {style}")
    body.append(f"\n{clean(found.says)}")
    for line in reasons(found.probability):
        body.append(f"\n  · {clean(line)}", style="dim")
    if not found.findings:
        body.append("\nNo cause for alarm that holds whatever a run does.")
    body.append(f"\n{clean(found.task)}: {clean(found.task_reason)}", style="dim")
    return Panel(body, title=_text(clean(found.name), "bold"), title_align="left", border_style=style)  # type: ignore[arg-type]


def _finding(console: Console, title: str, finding: Finding) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console.print()
    console.rule(_text(title, "bold"), align="left", characters="─")  # type: ignore[arg-type]
    line = Text()
    line.append(finding.severity, style="bold red" if finding.severity == "critical" else "bold yellow")
    line.append(f"  {finding.cause}  at {clean(finding.where)}")
    console.print(line)
    if ALL[finding.cause].title not in finding.says[: len(ALL[finding.cause].title)]:
        console.print(_text(finding.says))
    else:
        console.print(_text(finding.says.split(". ", 1)[-1]))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    for name, value in list(finding.evidence.items())[:EVIDENCE]:
        table.add_row(_text(name), _text(words.evidence(name, value)))
    if finding.evidence:
        console.print(Padding(table, (1, 0, 0, 2)))


def _footer(found: Preflight) -> str:
    limit, lr = found.readings.stable_lr, found.readings.optimizer.lr
    said = f"lr {fmt(lr)}"
    if math.isfinite(limit):
        said += f" (stable on one mini-batch up to {fmt(limit)})"
    took = f"{found.steps} first steps" if found.steps else "no training"
    return f"{said}; budget {found.budget} steps; {took}; {found.seconds:.1f} s."


def _text(content: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(clean(content), style=style)
