"""Keras 3 on its torch backend."""

from __future__ import annotations

from typing import Any

from trainability.errors import TrainabilityError
from trainability.integrations._held import Held, framework


def keras_callback(**options: Any) -> Any:
    """A Keras callback that watches `fit` with `KERAS_BACKEND=torch`.

    Keras steps its own optimizers, so that a step is a batch and the order of calls is Keras's own.

    Args:
        options: of `trainability.watch`.

    Returns:
        A Callback with `findings` and `report()`.

    Raises:
        TrainabilityError: Keras is not installed, or its backend is another one.
    """
    keras: Any = framework("keras", "keras_callback", "keras")
    if keras.config.backend() != "torch":
        raise TrainabilityError(
            f"Keras runs on {keras.config.backend()!r}; needed is torch: set KERAS_BACKEND=torch before importing keras."
        )

    class KerasWatch(Held, keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            optimizer = self.model.optimizer

            def lr() -> float:
                return float(keras.ops.convert_to_numpy(optimizer.learning_rate))

            self.begin(self.model, None, lr=lr, name=self.model.name)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if self.watch is not None:
                self.watch.step_begins()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.watch is not None:
                self.watch.step_ended()

        def on_train_end(self, logs: Any = None) -> None:
            self.close()

    return KerasWatch(**options)
