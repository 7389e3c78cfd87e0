"""Progress of a diagnosis on the terminal: one bar a stage, plain lines where there is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bars:
    """Shows stages as they go; call it with (stage, done, total).

    Args:
        console: where to; standard error, so that reports can be piped.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.tasks: dict[str, tuple[TaskID, int, int]] = {}

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` runs of a stage are finished; a stage that comes again goes on."""
        task, before, whole = self.tasks.get(stage, (None, 0, 0))
        if task is None:
            task = self.progress.add_task(stage, total=total)
        if done == 0 and whole:
            before = whole
        self.tasks[stage] = (task, before, before + total)
        self.progress.update(task, completed=before + done, total=before + total)
        if not self.console.is_terminal and done == total:
            self.console.print(f"{stage}: {total} runs done")
