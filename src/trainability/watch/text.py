"""A post-mortem for a terminal: readable at 80 columns and without colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainability.doctor.report import words as doctor_words
from trainability.doctor.report.words import clean
from trainability.watch import words
from trainability.watch.postmortem import PostMortem

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"trains": "green", "will-not-train": "red"}
EVIDENCE = 8


def render(p: PostMortem, console: Console) -> None:
    """Print the report.

    Args:
        p: any; its texts are printed as they are, never read as markup.
        console: rich's.
    """
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    style = COLOURS.get(words.STYLE.get(p.outcome, ""), "yellow")
    body = Text()
    body.append(words.headline(p), style=f"bold {style}")
    body.append(f"\n{clean(words.grounds(p))}")
    if not p.alarms:
        body.append("\nNo cause for alarm was found.")
    console.print(Panel(body, title=Text(clean(p.name), "bold"), title_align="left", border_style=style))
    when = {f.cause: step for step, f in p.alarms}
    for finding in p.findings:
        console.print()
        console.rule(Text(doctor_words.title(finding), "bold"), align="left", characters="─")
        line = Text()
        line.append(finding.severity, style="bold red" if finding.severity == "critical" else "bold yellow")
        line.append(f"  {finding.cause}  at {clean(finding.where)}  seen at step {when[finding.cause]}")
        console.print(line)
        console.print(Text(clean(finding.says)))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim")
        table.add_column(justify="right", style="bold")
        for name, value in list(finding.evidence.items())[:EVIDENCE]:
            table.add_row(Text(clean(name)), Text(clean(doctor_words.evidence(name, value))))
        console.print(Padding(table, (1, 0, 0, 2)))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column()
    for name, value in words.facts(p):
        table.add_row(Text(name), Text(clean(value)))
    console.print()
    console.print(table)
