"""What of a watch goes into a checkpoint, and how it goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainability.watch.live import Watch


def save(watch: Watch) -> dict[str, Any]:
    """Plain values for `load`."""
    watch.take_losses()
    return {
        "step": watch.step,
        "losses": watch.losses.state(),
        "records": list(watch.ledger.records),
        "seconds": watch.seconds,
    }


def load(watch: Watch, state: dict[str, Any]) -> None:
    """Take over what `save` gave; the steps are counted on by `Watch.resume_at`."""
    watch.losses.restore(state["losses"])
    watch.ledger.restore(state["records"])
