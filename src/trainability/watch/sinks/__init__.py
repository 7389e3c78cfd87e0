"""Where a watch's records go while it runs: a log, a terminal, TensorBoard, Weights & Biases, or the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from trainability.watch.sinks.log import Log
from trainability.watch.sinks.tensorboard import TensorBoard
from trainability.watch.sinks.terminal import Terminal
from trainability.watch.sinks.wandb import WandB

__all__ = ["Log", "Sink", "TensorBoard", "Terminal", "WandB", "sinks_for"]


class Sink(Protocol):
    """What takes records; their fields are in `watch.records`."""

    def write(self, record: dict[str, Any]) -> None:
        """Take one record, at once."""

    def close(self) -> None:
        """Let go of what was opened here."""


def sinks_for(
    *, log: str | Path | None, terminal: bool, tensorboard: Any, wandb: Any, sinks: Iterable[Sink]
) -> tuple[Sink, ...]:
    """Open the sinks that were asked for.

    Args:
        log: path of a JSON-lines file, which is added to.
        terminal: whether to print to standard error.
        tensorboard: a SummaryWriter, or a folder for one.
        wandb: a W&B run.
        sinks: the user's own.

    Returns:
        The sinks.

    Raises:
        TrainabilityError: the log cannot be written, or TensorBoard is not installed.
    """
    found: list[Sink] = []
    if log is not None:
        found.append(Log(log))
    if terminal:
        found.append(Terminal())
    if tensorboard is not None:
        found.append(TensorBoard(tensorboard))
    if wandb is not None:
        found.append(WandB(wandb))
    return (*found, *sinks)
