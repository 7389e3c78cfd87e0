"""`trainability reproduce saturated-softmax`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console


def reproduce(name: str, /, *, out: Path = Path("trainability-report"), seeds: int = 4) -> None:
    """Run an experiment of the gallery: its table, its figure, and whether its claims hold.

    Parameters
    ----------
    name
        Of the experiment.
    out
        Folder for the figure.
    seeds
        Seeds for each combination.
    """
    from trainability import gallery
    from trainability.cli.folder import made
    from trainability.cli.progress import Bars
    from trainability.errors import TrainabilityError

    module = gallery.get(name)
    if seeds < 1:
        raise TrainabilityError(f"seeds is {seeds}; needed is a whole number from 1.")
    folder = made(out)
    with Bars(Console(stderr=True)) as bars:
        cells = module.experiment(seeds=seeds, progress=bars)
    console = Console()
    console.print(module.TITLE, style="bold")
    for claim, holds in module.check(cells).items():
        console.print("  holds " if holds else "  FAILS ", style="green" if holds else "red", end="")
        console.print(claim, markup=False)
    path = folder / f"{name}.png"
    module.figure(cells).savefig(path)
    console.print(f"Written: {path}", markup=False, soft_wrap=True)
