"""Lightning (`lightning` or `pytorch_lightning`)."""

from __future__ import annotations

from typing import Any

from trainability.errors import TrainabilityError
from trainability.integrations._held import Held, framework


def lightning_callback(**options: Any) -> Any:
    """A Lightning callback that watches `fit`; with several optimizers the first one.

    Its state goes into Lightning's checkpoints, so that a resumed run is told as one.

    Args:
        options: of `trainability.watch`.

    Returns:
        A Callback with `findings` and `report()`.

    Raises:
        TrainabilityError: Lightning is not installed.
    """
    try:
        base: Any = framework("lightning.pytorch.callbacks", "lightning_callback", "lightning").Callback
    except TrainabilityError:
        base = framework("pytorch_lightning.callbacks", "lightning_callback", "lightning").Callback

    class LightningWatch(Held, base):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            optimizers = list(trainer.optimizers)
            self.begin(pl_module, optimizers[0] if optimizers else None)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            self.close()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            self.close(exception)

        def state_dict(self) -> dict[str, Any]:
            return self.watch.state_dict() if self.watch is not None else {}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self._kept = state_dict or None

    return LightningWatch(**options)
