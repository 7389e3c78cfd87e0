"""Watch one forward and one backward pass: every layer and activation, called as a module or as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Seen = Callable[["Call"], None]


class Call:
    """One call of a watched function: its kind, where it happened, what went in and what came out."""

    def __init__(
        self,
        name: str,
        kind: str,
        role: str,
        path: str,
        is_module: bool,
        inputs: Tensor,
        output: Tensor,
        unit_dim: int,
    ) -> None:
        self.name, self.kind, self.role, self.path, self.is_module = name, kind, role, path, is_module
        self.inputs, self.output, self.unit_dim = inputs, output, unit_dim


class Recorder(TorchFunctionMode):
    """Calls `seen` for every weight layer, activation and normalisation while a model runs.

    The function is what is watched and not the module, so `F.relu(x)`, `x.relu()` and `nn.ReLU()` are all seen;
    values are handed over at the moment of the call, before an in-place function can change them.

    Args:
        model: its modules give the calls their names.
        seen: called with each Call, in order of execution.

    Example:
        >>> names = []
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True))
        >>> with recording(net, lambda call: names.append((call.name, call.kind))):
        ...     _ = net(torch.ones(4, 2))
        >>> names
        [('0', 'linear'), ('1', 'relu')]
    """

    def __init__(self, model: nn.Module, seen: Seen) -> None:
        super().__init__()
        self.seen = seen
        self.stack: list[str] = []
        self.times: dict[str, int] = {}
        self.unit_dim = 1
        self.owner = {id(p): name.rpartition(".")[0] for name, p in model.named_parameters()}
        self.leaf = {name for name, m in model.named_modules() if not any(m.children())}

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        watched = WATCHED.get(func)
        if watched is None or not args or not isinstance(args[0], Tensor):
            return func(*args, **kwargs)
        kind, role = watched
        weight = next((a for a in args[1:2] if isinstance(a, Tensor)), None)
        if role == "weight" and (weight is None or id(weight) not in self.owner):
            weight = kwargs.get("weight")
            if not isinstance(weight, Tensor) or id(weight) not in self.owner:
                return func(*args, **kwargs)
        inputs = args[0].detach().clone() if role == "activation" else args[0]
        output = func(*args, **kwargs)
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return output
        if role == "weight":
            self.unit_dim = 1 if kind.startswith("conv") else output.ndim - 1
        path = self.stack[-1] if self.stack else ""
        if role == "weight":
            path = self.owner.get(id(weight), path)
        unit_dim = min(self.unit_dim, output.ndim - 1)
        is_module = bool(path) and path in self.leaf
        name = self._name(path if role == "weight" or is_module else f"{path}.{kind}".lstrip("."))
        self.seen(Call(name, kind, role, path, is_module, inputs, output, unit_dim))
        return output

    def _name(self, name: str) -> str:
        self.times[name] = self.times.get(name, 0) + 1
        return name if self.times[name] == 1 else f"{name}#{self.times[name]}"


@contextmanager
def recording(model: nn.Module, seen: Seen) -> Iterator[Recorder]:
    """A Recorder at work; its hooks are gone afterwards, whatever happened."""
    recorder = Recorder(model, seen)
    handles = []

    def enter(name: str) -> Callable[..., None]:
        return lambda module, args: recorder.stack.append(name)

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        recorder.stack.pop()

    try:
        for name, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(enter(name)))
            handles.append(module.register_forward_hook(leave, always_call=True))
        with recorder:
            yield recorder
    finally:
        for handle in handles:
            handle.remove()


def _table() -> dict[Any, tuple[str, str]]:
    groups: dict[tuple[str, str], list[Any]] = {
        ("linear", "weight"): [F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm],
        ("relu", "activation"): [F.relu, torch.relu, Tensor.relu, torch.relu_, Tensor.relu_, F.relu_, F.relu6],
        ("leaky_relu", "activation"): [F.leaky_relu, F.leaky_relu_, F.rrelu, F.prelu, torch.prelu],
        ("sigmoid", "activation"): [F.sigmoid, torch.sigmoid, Tensor.sigmoid, torch.sigmoid_, Tensor.sigmoid_],
        ("hardsigmoid", "activation"): [F.hardsigmoid],
        ("tanh", "activation"): [F.tanh, torch.tanh, Tensor.tanh, torch.tanh_, Tensor.tanh_],
        ("hardtanh", "activation"): [F.hardtanh],
        ("softmax", "activation"): [F.softmax, torch.softmax, Tensor.softmax],
        ("log_softmax", "activation"): [F.log_softmax, torch.log_softmax, Tensor.log_softmax],
        ("gelu", "activation"): [F.gelu],
        ("silu", "activation"): [F.silu],
        ("mish", "activation"): [F.mish],
        ("elu", "activation"): [F.elu, F.elu_],
        ("selu", "activation"): [F.selu, torch.selu, torch.selu_],
        ("softplus", "activation"): [F.softplus],
        ("softsign", "activation"): [F.softsign],
        ("hardswish", "activation"): [F.hardswish],
        ("batch_norm", "norm"): [F.batch_norm],
        ("layer_norm", "norm"): [F.layer_norm],
        ("group_norm", "norm"): [F.group_norm],
        ("instance_norm", "norm"): [F.instance_norm],
    }
    table = {func: key for key, funcs in groups.items() for func in funcs}
    for dims in ("1d", "2d", "3d"):
        table[getattr(F, f"conv{dims}")] = (f"conv{dims}", "weight")
        table[getattr(F, f"conv_transpose{dims}")] = (f"conv_transpose{dims}", "weight")
    if hasattr(F, "rms_norm"):
        table[F.rms_norm] = ("rms_norm", "norm")
    return table


WATCHED = _table()
