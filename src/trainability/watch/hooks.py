"""What an optimizer calls around its step: a watch that it does not keep alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainability.watch.live import Watch


def after_step(watch: weakref.ref[Watch]) -> Callable[..., None]:
    """`step_ended` as a hook; it runs in every step, so it is as short as can be."""

    def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
        here = watch()
        if here is not None:  # as `step_ended`, without another call
            here.step = step = here.step + 1
            if step >= here._due:
                here._due_now()

    return hook


def before_step(watch: weakref.ref[Watch]) -> Callable[..., None]:
    """`step_begins` likewise."""

    def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
        here = watch()
        if here is not None:
            here.step_begins()

    return hook
