"""When a GPU's memory is not enough: the same work on the CPU, and a word about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import torch

from trainability.doctor.diagnosis import Diagnosis
from trainability.errors import SetupError
from trainability.setup import Setup

SAID = "The GPU's memory was not enough for it; all of this was measured on the CPU."


def on_cpu_when_full(work: Callable[..., Diagnosis]) -> Callable[..., Diagnosis]:
    """`work(setup, ...)`, done again with a copy of the Setup on the CPU where the GPU's memory ran out.

    Args:
        work: gives a Diagnosis, which then says where it was made.

    Returns:
        The same function, which raises a SetupError where memory ran out on the CPU.
    """

    @wraps(work)
    def done(setup: Setup, *args: Any, **kwargs: Any) -> Diagnosis:
        try:
            return work(setup, *args, **kwargs)
        except torch.OutOfMemoryError as error:
            if setup.device.type == "cpu":
                raise SetupError(f"memory ran out ({error}). Give a smaller batch_size or a smaller model.") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        diagnosis = work(setup.on_cpu(), *args, **kwargs)
        return replace(diagnosis, says=f"{diagnosis.says} {SAID}")

    return done
