"""Scalars and findings for a Weights & Biases run that the user has opened."""

from __future__ import annotations

from typing import Any

from trainability.watch.sinks.tensorboard import scalars

KEPT = 10_000  # looks


class WandB:
    """Logs below `trainability/` with its own step axis, and goes along with the user's next commit.

    A row of the user's own is never split, since W&B drops what is logged for a step that is over. Where nobody else commits
    a row while the block lasts, each look gets a row of its own at its end.

    Args:
        run: what `wandb.init` gave; it stays open.
    """

    def __init__(self, run: Any) -> None:
        self._run = run
        self._first = self._row()
        self._looks: list[dict[str, Any]] = []
        if hasattr(run, "define_metric"):
            run.define_metric("trainability/step")
            run.define_metric("trainability/*", step_metric="trainability/step")

    def _row(self) -> Any:
        """Which of the run's rows is open; None where it does not say."""
        return getattr(self._run, "step", None)

    def write(self, record: dict[str, Any]) -> None:
        """Log a look or a sharpness; a finding goes into the run's summary."""
        found = scalars(record)
        if found:
            values = {f"trainability/{name}": value for name, value in found.items()}
            values["trainability/step"] = record["step"]
            self._log(values)
        if record["kind"] == "finding":
            self._run.summary[f"trainability/{record['cause']}"] = f"step {record['step']}: {record['says']}"

    def _log(self, values: dict[str, Any]) -> None:
        if self._first is None or self._row() != self._first or len(self._looks) >= KEPT:
            held, self._looks = self._looks[-1:], []
            for one in (*held, values):
                self._run.log(one, commit=False)
        else:
            self._looks.append(values)

    def close(self) -> None:
        """Commit what waits."""
        if self._row() == self._first:
            for one in self._looks:
                self._run.log(one)
        elif self._looks:
            self._run.log(self._looks[-1])
        else:
            self._run.log({})
        self._looks = []
