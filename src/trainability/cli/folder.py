"""A folder for results, made before any work is done for it."""

from __future__ import annotations

from pathlib import Path

from trainability.errors import TrainabilityError


def made(folder: Path) -> Path:
    """`folder`, made where it does not exist.

    Raises:
        TrainabilityError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise TrainabilityError(
            f"the folder {str(folder)!r} cannot be written ({error.strerror}); give --out a place that can be."
        ) from error
    return folder
