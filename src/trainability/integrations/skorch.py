"""skorch: networks as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

from trainability.integrations._held import Held, framework


def skorch_callback(**options: Any) -> Any:
    """A skorch callback that watches `fit`.

    Args:
        options: of `trainability.watch`.

    Returns:
        A Callback with `findings` and `report()`.

    Raises:
        TrainabilityError: skorch is not installed.
    """
    base: Any = framework("skorch.callbacks", "skorch_callback", "skorch").Callback

    class SkorchWatch(Held, base):
        def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **more: Any) -> None:
            self.begin(net.module_, net.optimizer_)

        def on_train_end(self, net: Any, X: Any = None, y: Any = None, **more: Any) -> None:
            self.close()

    return SkorchWatch(**options)
