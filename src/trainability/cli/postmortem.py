"""`trainability postmortem LOG.jsonl`: what became of a watched run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console


def postmortem(log: Path, /, *, out: Path | None = None) -> None:
    """Say how a watched run went, what was found when, and how it ended.

    Parameters
    ----------
    log
        The JSON-lines file that trainability.watch(..., log=PATH) has written; of a run that ended, was killed, or still
        goes on.
    out
        Folder for postmortem.html, postmortem.json and postmortem.sarif; without it nothing is written.
    """
    from trainability.cli.folder import made
    from trainability.watch import read
    from trainability.watch.text import render

    found = read(log)
    console = Console()
    render(found, console)
    if out is not None:
        folder = made(out)
        written = [found.save(folder / f"postmortem{suffix}") for suffix in (".html", ".json", ".sarif")]
        console.print("Written: " + ", ".join(str(path) for path in written), markup=False, soft_wrap=True)
