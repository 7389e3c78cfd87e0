"""The Trainer of Hugging Face's transformers."""

from __future__ import annotations

from typing import Any

from trainability.integrations._held import Held, framework


def transformers_callback(**options: Any) -> Any:
    """A TrainerCallback that watches `train`.

    The Trainer tells its callbacks nothing when training raises: the hooks then go with the next `train`, with
    `callback.close()`, or with the trainer itself.

    Args:
        options: of `trainability.watch`.

    Returns:
        A TrainerCallback with `findings` and `report()`.

    Raises:
        TrainabilityError: transformers is not installed.
    """
    base: Any = framework("transformers", "transformers_callback", "transformers and accelerate").TrainerCallback

    class TransformersWatch(Held, base):
        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            watch = self.begin(more.get("model"), more.get("optimizer"))
            if state.global_step and not watch.step:
                watch.resume_at(int(state.global_step))

        def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.close()

    return TransformersWatch(**options)
