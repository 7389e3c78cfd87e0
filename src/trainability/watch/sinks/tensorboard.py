"""Scalars and findings for TensorBoard, where the user has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainability.errors import TrainabilityError


class TensorBoard:
    """Writes below `trainability/`, by optimizer step.

    Args:
        target: a `torch.utils.tensorboard.SummaryWriter`, which stays open, or a folder for a new one.

    Raises:
        TrainabilityError: TensorBoard is not installed.
    """

    def __init__(self, target: Any) -> None:
        self._mine = isinstance(target, str | Path)
        if self._mine:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise TrainabilityError(
                    "tensorboard= needs the package tensorboard, which is not installed: pip install tensorboard."
                ) from error
            target = SummaryWriter(str(target))
        self._writer = target

    def write(self, record: dict[str, Any]) -> None:
        """Add the scalars of a look or a sharpness, or the text of a finding."""
        step = record.get("step")
        for name, value in scalars(record).items():
            self._writer.add_scalar(f"trainability/{name}", value, step)
        if record["kind"] == "finding":
            self._writer.add_text(f"trainability/{record['cause']}", record["says"], step)

    def close(self) -> None:
        """Flush; close what was opened here."""
        self._writer.flush()
        if self._mine:
            self._writer.close()


def scalars(record: dict[str, Any]) -> dict[str, float]:
    """The numbers of a record that make curves.

    Example:
        >>> scalars({"kind": "look", "step": 3, "loss": 0.5, "lr": None, "gradient_norm": 2.0, "update": 0.1, "dead": []})
        {'loss': 0.5, 'gradient_norm': 2.0, 'update': 0.1}
    """
    if record["kind"] == "look":
        found = {k: record[k] for k in ("loss", "lr", "gradient_norm", "update")}
        found |= {f"dead/{name}": part for name, _, part, _, _ in record["dead"]}
    elif record["kind"] == "sharpness":
        found = {k: record[k] for k in ("sharpness", "stable_lr")}
    else:
        found = {}
    return {k: v for k, v in found.items() if v is not None}
