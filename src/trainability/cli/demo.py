"""`trainability demo`: the main job on a failing setup that ships with the package."""

from __future__ import annotations

from pathlib import Path


def demo(problem: str = "digits-saturated", *, out: Path = Path("trainability-report")) -> None:
    """Diagnose a built-in problem: a digits classifier whose loss does not move.

    Parameters
    ----------
    problem
        Its name.
    out
        Folder for report.html, report.json and report.png.
    """
    from trainability import problems
    from trainability.cli.diagnose import examine

    examine(problems.get(problem), out=out)
