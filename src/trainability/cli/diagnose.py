"""`trainability diagnose train.py:setup`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

if TYPE_CHECKING:
    from trainability.doctor import Diagnosis
    from trainability.setup import Setup


def diagnose(
    target: str,
    /,
    *,
    out: Path = Path("trainability-report"),
    seeds: Annotated[int, Parameter(help="Fresh seeds for each verification.")] = 5,
    steps: int | None = None,
    max_seconds: float = 90.0,
    workers: int | None = None,
    map: Annotated[bool, Parameter(help="Train around this setup too, and say where it stands.")] = True,
    sarif: Path | None = None,
) -> None:
    """Say whether a setup trains, why not, and which change makes it train, proved by training with it.

    Parameters
    ----------
    target
        FILE.py:FUNCTION, where the function builds and returns a trainability.Setup.
    out
        Folder for report.html, report.json and report.png.
    steps
        Optimizer steps of each run; the setup's whole budget without.
    max_seconds
        About how long all may take; every run is cut to fewer steps where the whole budget does not fit.
    workers
        Processes; one per core without.
    sarif
        Also write the findings to this file as SARIF 2.1.0, for code scanning and editors.
    """
    from trainability.cli.load import load
    from trainability.setup import as_setup

    given = load(target)
    setup = as_setup(given)
    if not setup.name:
        setup = setup.replaced(name=target.rpartition("/")[2], keep_facts=True)
    diagnosis = examine(setup, out=out, seeds=seeds, steps=steps, max_seconds=max_seconds, workers=workers, map=map)
    if sarif is not None:
        write_sarif(diagnosis, sarif, given)


def examine(
    setup: Setup | Callable[[], Setup],
    *,
    out: Path,
    seeds: int = 5,
    steps: int | None = None,
    max_seconds: float | None = 90.0,
    workers: int | None = None,
    map: bool = False,
) -> Diagnosis:
    """Diagnose with progress, print the report and write it in all its forms.

    Args:
        setup: a Setup or a function that builds one.
        out: folder for the reports; made where it does not exist, before any training.
        seeds, steps, max_seconds, workers, map: as in `trainability.diagnose`.

    Returns:
        The Diagnosis.

    Raises:
        TrainabilityError: what was given cannot be worked with, or the folder cannot be written.
    """
    from trainability import doctor
    from trainability.cli.folder import made
    from trainability.cli.progress import Bars
    from trainability.doctor.report import terminal

    folder = made(out)
    with Bars(Console(stderr=True)) as bars:
        diagnosis = doctor.diagnose(
            setup, seeds=seeds, steps=steps, max_seconds=max_seconds, workers=workers, map=map, progress=bars
        )
    console = Console()
    terminal.render(diagnosis, console)
    written = [diagnosis.save(folder / f"report{suffix}") for suffix in (".html", ".json", ".png")]
    console.print("Written: " + ", ".join(str(path) for path in written), markup=False, soft_wrap=True)
    return diagnosis


def write_sarif(diagnosis: Diagnosis, path: Path, given: object) -> None:
    """Write the findings as SARIF, pointing into the user's source where they came from a function.

    Args:
        diagnosis: any.
        path: of the file, which is replaced.
        given: what the command line's target stood for.
    """
    from trainability.cli.folder import made
    from trainability.doctor.report import sarif

    made(path.resolve().parent)
    sarif.save(diagnosis, path, source=given if callable(given) else None)
