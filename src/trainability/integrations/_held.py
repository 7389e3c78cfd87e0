"""What all callbacks share: a watch that begins and ends with the framework's own run."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from trainability.errors import TrainabilityError
from trainability.watch import PostMortem, Watch, watch


class Held:
    """A watch that a callback starts and stops.

    Args:
        options: of `trainability.watch`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options
        self.watch: Watch | None = None
        self._kept: dict[str, Any] | None = None

    def begin(self, model: Any, optimizer: Any, **more: Any) -> Watch:
        """Start; a watch that a run has left behind by an error is stopped first."""
        self.close()
        self.watch = watch(model, optimizer, **{**more, **self.options})
        if self._kept is not None:
            self.watch.load_state_dict(self._kept)
            self._kept = None
        return self.watch.start()

    def close(self, error: BaseException | None = None) -> None:
        """Stop, and take every hook off; a second call does nothing."""
        if self.watch is not None:
            self.watch.stop(error)

    @property
    def findings(self) -> tuple[Any, ...]:
        """Everything found so far, the strongest first."""
        return self.watch.findings if self.watch is not None else ()

    def report(self) -> PostMortem:
        """The run so far."""
        return self.watch.report() if self.watch is not None else PostMortem()


def framework(name: str, needed_by: str, package: str) -> ModuleType:
    """Import a framework, or say what to install.

    Args:
        name: of the module; needed_by: the function that needs it; package: what to install.

    Raises:
        TrainabilityError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise TrainabilityError(
            f"{needed_by} needs {package}, which cannot be imported ({error}): install it."
        ) from error
