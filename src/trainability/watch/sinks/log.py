"""One JSON object a line, written at once, so that a killed run leaves all but its last line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainability.errors import TrainabilityError


class Log:
    """A JSON-lines file; a second run on the same path adds to it.

    Args:
        path: of the file; its folder is made.

    Raises:
        TrainabilityError: it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            broken = self.path.exists() and self.path.stat().st_size > 0 and self.path.read_bytes()[-1:] != b"\n"
            self._file = self.path.open("a", encoding="utf-8", buffering=1)
            if broken:  # the last run was killed in a line
                self._file.write("\n")
        except OSError as error:
            raise TrainabilityError(
                f"the log {str(path)!r} cannot be written ({error.strerror or error}); give log= a path that can be."
            ) from error

    def write(self, record: dict[str, Any]) -> None:
        """Add a line."""
        self._file.write(json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
