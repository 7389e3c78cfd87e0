"""Scalars and findings for a Weights & Biases run that the user has opened."""

from __future__ import annotations

from typing import Any

from trainability.watch.sinks.tensorboard import scalars


class WandB:
    """Logs below `trainability/` with its own step axis, and goes along with the user's next commit.

    Args:
        run: what `wandb.init` gave; it stays open.
    """

    def __init__(self, run: Any) -> None:
        self._run = run
        if hasattr(run, "define_metric"):
            run.define_metric("trainability/step")
            run.define_metric("trainability/*", step_metric="trainability/step")

    def write(self, record: dict[str, Any]) -> None:
        """Log a look or a sharpness; a finding goes into the run's summary."""
        found = scalars(record)
        if found:
            values = {f"trainability/{name}": value for name, value in found.items()}
            self._run.log(values | {"trainability/step": record["step"]}, commit=False)
        if record["kind"] == "finding":
            self._run.summary[f"trainability/{record['cause']}"] = f"step {record['step']}: {record['says']}"

    def close(self) -> None:
        """Commit what waits."""
        self._run.log({})
