"""Take a model's last activation away, whether it is a module or a call in `forward`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainability.doctor.probes.recorder import WATCHED
from trainability.doctor.readings import OutputReading


def without_ending(model: nn.Module, ending: OutputReading, instead: nn.Module | None = None) -> nn.Module:
    """`model` with its last activation replaced, by nothing unless `instead` says otherwise.

    A module of its own is replaced in place; a function called in `forward`, or a module that is called for other
    layers too, is passed over while the model runs.

    Args:
        model: a private copy.
        ending: what the probes read of its output.
        instead: a module to put in its place.

    Returns:
        The model, or a wrapper of it.

    Example:
        >>> from trainability.doctor.readings import OutputReading
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))
        >>> without_ending(net, OutputReading(activation="softmax", path="1"))[1]
        Identity()
    """
    if ending.path and not ending.reused:
        parent, _, leaf = ending.path.rpartition(".")
        owner = model.get_submodule(parent) if parent else model
        if leaf in owner._modules:
            owner._modules[leaf] = instead or nn.Identity()
            return model
    return PassedOver(model, ending.activation, ending.calls, instead or nn.Identity())


class PassedOver(nn.Module):
    """A model that runs without its last activation."""

    def __init__(self, model: nn.Module, kind: str, which: int, instead: nn.Module) -> None:
        super().__init__()
        self.model, self.kind, self.which, self.instead = model, kind, which, instead

    def forward(self, x: Tensor) -> Tensor:
        """The model's output before its last activation."""
        with _Pass(self.kind, self.which):
            y = self.model(x)
        return self.instead(y)


class _Pass(TorchFunctionMode):
    def __init__(self, kind: str, which: int) -> None:
        super().__init__()
        self.kind, self.left = kind, which

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if WATCHED.get(func, ("",))[0] == self.kind:
            self.left -= 1
            if self.left == 0:
                return args[0]
        return func(*args, **(kwargs or {}))


def removal_line(ending: OutputReading, instead: str = "nn.Identity()") -> str:
    """What a user would do in the script to remove the ending, or to put another module in its place.

    Example:
        >>> print(removal_line(OutputReading(activation="softmax", path="2")))
        model.set_submodule("2", nn.Identity())  # instead of the last softmax
    """
    if ending.path and not ending.reused:
        return f'model.set_submodule("{ending.path}", {instead})  # instead of the last {ending.activation}'
    without = "" if instead == "nn.Identity()" else f", and put it through {instead}"
    return f"# return the logits from forward(), without the last {ending.activation}{without}"
