"""A pre-flight for a terminal: readable at 80 columns and without colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trainability.doctor.finding import Finding
from trainability.doctor.report import words
from trainability.doctor.report.words import clean
from trainability.doctor.rules import ALL, fmt
from trainability.prognosis.words import reasons, typical

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from trainability.prognosis.record import Preflight

STYLES = {"trains": "green", "will-not-train": "red", "uncertain": "yellow"}
HEADLINES = {
    "trains": "This setup will very probably train.",
    "will-not-train": "This setup will very probably not train.",
    "uncertain": "Whether this setup will train is uncertain.",
}
PROBABLY = "This setup will probably not train."
IMPOSSIBLE = "This setup will not train."
SUSPECTED = {
    "trains": "It may train and still fail on validation data",
    "will-not-train": "Suspected",
    "uncertain": "If it fails, suspect",
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
        _finding(console, f"Finding {i}: {words.title(finding)}", finding, found)
    if found.suspects and not found.findings:
        for finding in found.suspects[:SUSPECTS]:
            _finding(console, f"{SUSPECTED[found.verdict]}: {words.title(finding)}", finding, found)
    console.print()
    console.print(_text(_footer(found), "dim"))


def _verdict(found: Preflight) -> RenderableType:
    from rich.panel import Panel
    from rich.text import Text

    style = STYLES.get(found.verdict, "")
    body = Text()
    surely = found.verdict == "will-not-train" and found.probability.high == 0
    doubtful = found.verdict == "will-not-train" and found.probability.value > 0.2
    headline = IMPOSSIBLE if surely else PROBABLY if doubtful else HEADLINES[found.verdict]
    body.append(headline, style=f"bold {style}")
    body.append(f"\n{clean(found.says)}")
    told = reasons(found.probability, typical("before" if found.window is None else "after"))
    if told:
        body.append("\nWhat weighs most in it (typical: the median of the setups it was fitted on):", style="dim")
    for line in told:
        body.append(f"\n  · {clean(line)}", style="dim")
    if not found.findings:
        body.append("\nNo cause was found that holds however the run goes.")
    body.append(f"\n{_aim(found)}", style="dim")
    body.append(f"\n{clean(found.task)}: {clean(found.task_reason)}", style="dim")
    return Panel(body, title=_text(clean(found.name), "bold"), title_align="left", border_style=style)  # type: ignore[arg-type]


def _aim(found: Preflight) -> str:
    """What counts as trained, in losses."""
    step = found.step
    if not math.isfinite(step.target):
        return "The loss has no known lowest value, so that no loss counts as trained."
    compared = f"it starts at {fmt(step.start_loss)}, and the best constant answer has {fmt(step.constant_loss)}"
    return f"Trained is a training loss of at most {fmt(step.target)}; {compared}."


def _finding(console: Console, title: str, finding: Finding, found: Preflight) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console.print()
    console.rule(_text(title, "bold"), align="left", characters="─")  # type: ignore[arg-type]
    line = Text()
    line.append(finding.severity, style="bold red" if finding.severity == "critical" else "bold yellow")
    line.append(f"  {finding.cause}  at {clean(_where(finding, found))}")
    console.print(line)
    if ALL[finding.cause].title not in finding.says[: len(ALL[finding.cause].title)]:
        console.print(_text(finding.says))
    else:
        console.print(_text(finding.says.split(". ", 1)[-1]))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    known = [(k, v) for k, v in finding.evidence.items() if v == v]
    for name, value in known[:EVIDENCE]:
        table.add_row(_text(name), _text(words.evidence(name, value)))
    if known:
        console.print(Padding(table, (1, 0, 0, 2)))


def _where(finding: Finding, found: Preflight) -> str:
    """Where it sits; a layer's bare path gets its kind beside it, as in a diagnosis."""
    return words.where(finding, found)  # type: ignore[arg-type]


def _footer(found: Preflight) -> str:
    limit, lr = found.readings.stable_lr, found.readings.optimizer.lr
    said = f"Learning rate {fmt(lr)}"
    if math.isfinite(limit):
        said += f" (on one mini-batch steps stay stable up to {fmt(limit)})"
    took = f"{found.steps} steps taken on a copy" if found.steps else "nothing was trained"
    said += f"; budget {found.budget} steps; {took}; {found.seconds:.1f} s."
    if found.verdict == "trains" and not found.suspects:
        return said
    return f"{said} `trainability diagnose` trains it, and proves a cause and a remedy."


def _text(content: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(clean(content), style=style)
