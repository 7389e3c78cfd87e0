"""The report for a terminal: readable at 80 columns and without colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from trainability.doctor.finding import Finding
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.report import words
from trainability.doctor.report.words import clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from trainability.doctor.diagnosis import Diagnosis

STYLES = {"trains": "green", "will-not-train": "red", "uncertain": "yellow"}
EVIDENCE = 8


def text(diagnosis: Diagnosis, *, width: int = 80) -> str:
    """The report as plain text, without colour.

    Args:
        diagnosis: any.
        width: columns.

    Returns:
        str.
    """
    from rich.console import Console

    out = io.StringIO()
    render(diagnosis, Console(file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False))
    return out.getvalue()


def render(diagnosis: Diagnosis, console: Console) -> None:
    """Print the report.

    Args:
        diagnosis: any; its texts are printed as they are, never read as markup.
        console: rich's.
    """
    console.print(_verdict(diagnosis))
    for i, finding in enumerate(diagnosis.findings, 1):
        _print_finding(console, i, finding, words.where(finding, diagnosis))
    if diagnosis.remedies:
        _heading(console, "What makes it train")
        for i, remedy in enumerate(diagnosis.remedies, 1):
            _print_remedy(console, i, remedy)
    elif diagnosis.verdict != "trains" or diagnosis.attempts:
        _heading(console, "What makes it train")
        console.print(_text(words.nothing_found(diagnosis)))
    if diagnosis.attempts:
        _heading(console, "Also tried")
        console.print(_attempts(diagnosis.attempts))
    if diagnosis.here is not None:
        _heading(console, "You are here")
        console.print(_text(words.here(diagnosis)))
    cut = f" of {diagnosis.budget}" if diagnosis.steps < diagnosis.budget else ""
    console.print()
    console.print(
        _text(
            f"{diagnosis.steps}{cut} steps per run, {len(diagnosis.seeds)} fresh seeds, {diagnosis.seconds:.0f} s.",
            "dim",
        )
    )


def _text(content: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(clean(content), style=style)


def _heading(console: Console, content: str) -> None:
    console.print()
    console.rule(_text(content, "bold"), align="left", characters="─")  # type: ignore[arg-type]


def _verdict(diagnosis: Diagnosis) -> RenderableType:
    from rich.panel import Panel
    from rich.text import Text

    style = STYLES.get(diagnosis.verdict, "")
    body = Text()
    body.append(words.headline(diagnosis), style=f"bold {style}")
    body.append(f"\n{clean(diagnosis.says)}")
    if not diagnosis.findings:
        body.append(f"\n{_no_finding(diagnosis)}")
    if diagnosis.remedies:
        body.append("\nWhat makes it train: ", style="bold")
        body.append(words.advice(diagnosis))
    body.append(f"\n{clean(diagnosis.task)}: {clean(diagnosis.task_reason)}", style="dim")
    return Panel(body, title=_text(clean(diagnosis.name), "bold"), title_align="left", border_style=style)  # type: ignore[arg-type]


def _no_finding(diagnosis: Diagnosis) -> str:
    return (
        "No cause for alarm was found."
        if diagnosis.verdict == "trains"
        else "No cause that is known here was recognised."
    )


def _print_finding(console: Console, number: int, finding: Finding, where: str) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    _heading(console, f"Finding {number}: {words.title(finding)}")
    line = Text()
    line.append(finding.severity, style="bold red" if finding.severity == "critical" else "bold yellow")
    line.append(f"  {finding.cause}  at {clean(where)}")
    console.print(line)
    console.print(_text(finding.says))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    for name, value in list(finding.evidence.items())[:EVIDENCE]:
        table.add_row(_text(name), _text(words.evidence(name, value)))
    console.print(Padding(table, (1, 0, 0, 2)))


def _print_remedy(console: Console, number: int, remedy: Remedy) -> None:
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.table import Table

    proof = remedy.verification
    head = Table.grid(padding=(0, 1, 0, 0))
    head.add_row(_text(f"{number}.", "bold"), _text(remedy.summary, "bold"))
    console.print(head)
    console.print(Padding(_text(f"{proof.criterion} on {proof.changed}", "green"), (0, 0, 0, 3)))
    console.print(Padding(_text(f"unchanged on {proof.unchanged}", "dim"), (0, 0, 0, 3)))
    if words.cost(remedy):
        console.print(Padding(_text(words.cost(remedy), "dim"), (0, 0, 0, 3)))
    code = Syntax(clean(remedy.code), "python", theme="ansi_dark", background_color="default", word_wrap=True)
    console.print(Padding(code, (1, 0, 1, 3)))


def _attempts(attempts: tuple[Attempt, ...]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(ratio=1)
    for attempt in attempts:
        table.add_row(_text("·", "dim"), _text(f"{attempt.summary}: {attempt.result}", "dim"))
    return table
