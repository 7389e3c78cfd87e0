"""What happens between a model's pass and the backward: which tensors meet in which loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode, _push_mode

from trainability.setup.loss_family import Family

CANDIDATES = 12  # tensors that are tried as the target of a loss of the user's own

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class LossCall:
    """A call of a known loss function: what it compared, its value, the same again, and its family."""

    output: Tensor
    target: Tensor
    value: float
    again: Loss
    family: Family


class Between(TorchFunctionMode):
    """Sees the calls between a model's pass and the backward."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[LossCall] = []
        self.candidates: list[Tensor] = []
        self.over = False

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.over:
            return result
        if func in LOSSES:
            self._note(func, list(args), dict(kwargs or {}), result)
        for one in (*args, *(kwargs or {}).values()):
            fresh = isinstance(one, Tensor) and one.ndim and not one.requires_grad and len(self.candidates) < CANDIDATES
            if fresh and not any(one is seen for seen in self.candidates):
                self.candidates.append(one)
        return result

    def _note(self, func: Any, args: list[Any], kwargs: dict[str, Any], result: Any) -> None:
        names = ("input", "target")
        pair = [*args[:2], *(kwargs.pop(n) for n in names[len(args[:2]) :] if n in kwargs)]
        if len(pair) < 2 or not all(isinstance(p, Tensor) for p in pair) or not isinstance(result, Tensor):
            return
        rest, whole = tuple(args[2:]), result.numel() == 1

        def again(output: Tensor, target: Tensor) -> Tensor:
            loss: Tensor = func(output, target, *rest, **kwargs)
            return loss if whole else loss.mean()

        value = float(result.detach()) if whole else float(result.detach().mean())
        self.losses.append(LossCall(pair[0], pair[1], value, again, LOSSES[func]))


LOSSES: dict[Any, Family] = {
    F.cross_entropy: "cross-entropy",
    F.nll_loss: "nll",
    F.mse_loss: "mse",
    F.l1_loss: "l1",
    F.smooth_l1_loss: "huber",
    F.huber_loss: "huber",
    F.binary_cross_entropy: "bce",
    F.binary_cross_entropy_with_logits: "bce-with-logits",
}


def remove(mode: TorchFunctionMode) -> bool:
    """Off the stack, from under modes that were entered since; whether it was there."""
    if not any(one is mode for one in _get_current_function_mode_stack()):
        return False
    above: list[Any] = []
    while (top := _pop_mode()) is not mode:
        above.append(top)
    for one in reversed(above):
        _push_mode(one)
    return True
