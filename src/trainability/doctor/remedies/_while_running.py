"""A model, or a loss, that runs with some functions replaced; for changes of lines inside `forward`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Instead = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


class WhileRunning(nn.Module):
    """A model in whose forward pass functions are replaced.

    Args:
        model: runs as it is.
        begin: gives, for each pass, `instead(func, args, kwargs)`: the result of a call, or NotImplemented for its own.

    Example:
        >>> import torch
        >>> def begin():
        ...     return lambda func, args, kwargs: args[0] if func is torch.relu else NotImplemented
        >>> class Net(nn.Module):
        ...     def forward(self, x):
        ...         return torch.relu(x)
        >>> WhileRunning(Net(), begin)(torch.tensor([-1.0]))
        tensor([-1.])
    """

    def __init__(self, model: nn.Module, begin: Callable[[], Instead]) -> None:
        super().__init__()
        self.model, self.begin = model, begin

    def forward(self, x: Tensor) -> Any:
        """The model's output with the functions replaced."""
        with _Replaced(self.begin()):
            return self.model(x)


class LossWhileRunning:
    """A loss in which functions are replaced; see `WhileRunning`."""

    def __init__(self, loss_fn: Callable[..., Any], begin: Callable[[], Instead]) -> None:
        self.loss_fn, self.begin = loss_fn, begin

    def __call__(self, output: Tensor, target: Tensor) -> Any:
        """The loss with the functions replaced."""
        with _Replaced(self.begin()):
            return self.loss_fn(output, target)


class _Replaced(TorchFunctionMode):
    def __init__(self, instead: Instead) -> None:
        super().__init__()
        self.instead = instead

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = self.instead(func, tuple(args), kwargs or {})
        return func(*args, **(kwargs or {})) if result is NotImplemented else result
