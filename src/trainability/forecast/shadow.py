"""One forward and one backward pass of a model, with theory's prediction beside every operation.

Every function that the model calls passes through a torch function mode. Where a rule of `forecast.ops` knows it, the law
of its output is computed from those of its inputs; elsewhere the law is lost, and the next known operation starts again
from its input as measured. Nothing is asked of the model: any control flow, any nesting.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainability.forecast.law import Law, by_point, correlation, guessed_dims, measured
from trainability.forecast.ops import FUNCTIONS
from trainability.forecast.ops._op import Back, Step
from trainability.forecast.ops.activation import followed
from trainability.forecast.ops.normalisation import of_rms_norm

SILENT = ("view", "scale")
"""Kinds of steps that get no row of their own."""

LARGEST = 2**24
"""Tensors with more entries are measured on fewer features."""


@dataclass(eq=False)
class Node:
    """One operation of the pass: what was predicted, what was measured."""

    name: str
    kind: str
    law: Law | None
    backs: tuple[tuple[int, Back], ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    restarted: bool = False
    features: int = 0
    mean_square: float = float("nan")
    correlation: float | None = None
    dead: float | None = None
    always_on: float | None = None
    gradient: float | None = None
    points: Tensor | None = None
    """(P, B) mean square of the gradient at every point."""
    lost: bool = False
    """Whether a function outside theory used the output, so that its gradient cannot be predicted."""


class Shadow(TorchFunctionMode):
    """Follows one pass.

    Args:
        model: its modules name the rows.
        inputs: B, the number of inputs in the pass.
    """

    def __init__(self, model: nn.Module, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.nodes: list[Node] = []
        self._at: dict[int, tuple[Tensor, int]] = {}  # tensor -> node; the tensor is kept, so that its id stays its own
        self._sources: set[int] = set()
        self._born: dict[int, tuple[Any, frozenset[int]]] = {}  # tensor outside theory -> weights drawn before it
        self._path: list[tuple[str, nn.Module]] = []
        self._inside = 0
        self._entered = False
        self._names = {id(m): name for name, m in model.named_modules()}

    # what rules may ask (ops._op.Known)

    def law(self, x: Tensor) -> Law | None:
        """The law of a tensor that theory has followed."""
        node = self._node(x)
        return node.law if node is not None and x.shape is not None else None

    def entry(self, x: Tensor, feature: int) -> Law | None:
        """The law of x; where there is none, as measured."""
        law = self.law(x)
        if law is not None and law.dims[feature] == "f":
            return law
        dims = guessed_dims(x, feature, self.inputs)
        if dims is None or not x.is_floating_point() or x.numel() > LARGEST:
            return None
        inputs = self.inputs if x.shape[0] != 1 else 1
        kernel, mean, positions = measured(x, dims, inputs)
        born = self._born.get(id(x))
        made_here = born is not None and born[0]() is x
        self._entered = self._entered or made_here
        ancestors = born[1] if born is not None and made_here else frozenset()
        return Law(kernel, mean, x.shape[feature], dims, positions, ancestors=ancestors)

    # the pass

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call it, and follow it."""
        kwargs = kwargs or {}
        if self._inside:
            return function(*args, **kwargs)
        rule = FUNCTIONS.get(function)
        before = self._units(rule, args)
        out = function(*args, **kwargs)
        if not isinstance(out, Tensor) or not out.is_floating_point():
            self._lose(function, args, kwargs)
            self._bear(out)
            return out
        if not out.requires_grad:  # depends on no weight: theory has nothing to say
            return out
        self._entered = False
        step = None
        if rule is not None and args:
            with torch.no_grad(), torch._C.DisableTorchFunction():
                step = rule(self, args, kwargs, out)
        if step is None:
            self._lose(function, args, kwargs)
            self._bear(out)
            if rule is not None and not any(isinstance(a, nn.Parameter) for a in args[:1]):
                kind = _KINDS.get(rule.__module__.rpartition(".")[2])
                if kind:
                    self._add(out, Node(self._name(kind), kind, None), before)
                else:
                    self._at.pop(id(out), None)
            else:
                self._at.pop(id(out), None)
        else:
            self._follow(out, step, before)
        return out

    def _follow(self, out: Tensor, step: Step, before: tuple[float, float] | None) -> None:
        backs = tuple((self._at[id(x)][1], back) for x, back in step.backs if id(x) in self._at)
        if step.law.source is not None:
            self._sources.add(step.law.source)
        node = Node(self._name(step.kind), step.kind, step.law, backs, step.facts, self._entered)
        self._add(out, node, before if step.kind == "activation" else None)

    def _add(self, out: Tensor, node: Node, before: tuple[float, float] | None) -> None:
        with torch.no_grad(), torch._C.DisableTorchFunction():
            self._measure(out, node)
        if before is not None:
            node.dead, node.always_on = before
        self.nodes.append(node)
        self._at[id(out)] = (out, len(self.nodes) - 1)
        if out.requires_grad:
            out.register_hook(lambda g: self._hand_back(node, g))

    def _measure(self, out: Tensor, node: Node) -> None:
        x = out.detach()
        node.mean_square = float(x.double().square().mean()) if x.numel() else float("nan")
        dims = node.law.dims if node.law else None
        if dims is not None and "f" in dims and x.ndim == len(dims) and x.numel() <= LARGEST:
            node.features = x.shape[dims.index("f")]
            inputs = self.inputs if x.shape[0] != 1 else 1
            if node.kind not in SILENT and inputs > 1:
                node.correlation = correlation(measured(x, dims, inputs)[0])

    def _hand_back(self, node: Node, g: Tensor) -> None:
        g = g.detach()
        node.gradient = float(g.double().square().mean())
        law = node.law
        if law is not None and g.ndim == len(law.dims) and g.numel() <= LARGEST:
            points = by_point(g, law.dims, self.inputs if law.inputs != 1 else 1)[0].square().mean(-1)
            node.points = points if points.shape == law.mean.shape else None

    def _units(self, rule: Any, args: Any) -> tuple[float, float] | None:
        """Shares of units whose input is never, and always, above 0: read before an in-place function clips it."""
        if rule is None or not args or not isinstance(args[0], Tensor) or _module(rule) != "activation":
            return None
        return self._shares(args[0])

    def _shares(self, x: Tensor) -> tuple[float, float] | None:
        law = self.law(x)
        if not x.is_floating_point() or x.ndim < 2 or x.numel() > LARGEST:
            return None
        dims = law.dims if law is not None else guessed_dims(x, 1 if x.ndim == 4 else -1, self.inputs)
        if dims is None:
            return None
        with torch.no_grad(), torch._C.DisableTorchFunction():
            points, _ = by_point(x, dims, self.inputs if x.shape[0] != 1 else 1)
            on = points > 0
        return float((~on).all(0).all(0).double().mean()), float(on.all(0).all(0).double().mean())

    def _bear(self, out: Any) -> None:
        """Remember which weights were drawn before a tensor from outside theory."""
        for x in _tensors(out):
            if x.requires_grad:
                self._born[id(x)] = (weakref.ref(x), frozenset(self._sources))

    def _lose(self, function: Any, args: Any, kwargs: Any) -> None:
        if _asks(function):
            return
        for x in _tensors(args, kwargs):
            node = self._node(x)
            if node is not None:
                node.lost = True

    def _node(self, x: Tensor) -> Node | None:
        found = self._at.get(id(x))
        return self.nodes[found[1]] if found is not None and found[0] is x else None

    def index(self, x: Tensor) -> int | None:
        """Which node made a tensor."""
        found = self._at.get(id(x))
        return found[1] if found is not None and found[0] is x else None

    # modules

    def _name(self, kind: str) -> str:
        if not self._path:
            return kind
        name, module = self._path[-1]
        leaf = next(module.children(), None) is None
        shown = name or type(module).__name__
        return shown if leaf else f"{shown} ({kind})"

    @contextmanager
    def following(self, model: nn.Module) -> Iterator[Shadow]:
        """Name what happens by the module it happens in, and follow activations written as modules of their own."""
        with ExitStack() as stack:
            for module in model.modules():
                name = self._names.get(id(module), "")
                stack.callback(module.register_forward_pre_hook(self._entering(name), with_kwargs=False).remove)
                stack.callback(module.register_forward_hook(self._leaving, always_call=False).remove)
            with self:
                yield self

    def _entering(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any) -> None:
            self._path.append((name, module))
            with torch._C.DisableTorchFunction():
                if self._inside or _custom_activation(module, args) or _rms_norm(module, args):
                    self._inside += 1

        return hook

    def _leaving(self, module: nn.Module, args: Any, out: Any) -> None:
        name, _ = self._path.pop()
        if not self._inside:
            return
        self._inside -= 1
        if self._inside or not isinstance(out, Tensor):
            return
        self._path.append((name, module))
        x, self._entered = args[0], False
        with torch.no_grad(), torch._C.DisableTorchFunction():
            if _rms_norm(module, args):
                kind, before = "normalisation", None
                step = of_rms_norm(self, (x, (x.shape[-1],), module.weight, _eps(module)), {}, out)
            else:
                kind, before = "activation", self._shares(x)
                step = followed(self, lambda z: _in_double(module, z), x)
            if step is None:
                self._lose(module, (x,), {})
                self._add(out, Node(self._name(kind), kind, None), before)
            else:
                self._follow(out, step, before)
        self._path.pop()


def _module(rule: Any) -> str:
    return rule.__module__.rpartition(".")[2]


_KINDS = {
    "linear": "linear",
    "convolution": "convolution",
    "activation": "activation",
    "normalisation": "normalisation",
}
_QUESTIONS = {
    "shape", "size", "dim", "ndim", "dtype", "device", "numel", "is_floating_point", "requires_grad", "__len__", "layout",
    "is_contiguous", "stride", "detach", "is_cuda", "is_sparse", "data", "grad_fn", "is_leaf", "is_quantized", "is_nested",
}  # fmt: skip


def _asks(function: Any) -> bool:
    """Whether a function only asks a tensor what it is, so that no gradient comes back from it."""
    name = getattr(function, "__name__", "")
    return (getattr(function.__self__, "__name__", "") if name == "__get__" else name) in _QUESTIONS


def _tensors(*things: Any) -> Iterator[Tensor]:
    for thing in things:
        if isinstance(thing, Tensor):
            yield thing
        elif isinstance(thing, list | tuple):
            yield from _tensors(*thing)
        elif isinstance(thing, dict):
            yield from _tensors(*thing.values())


def _in_double(module: nn.Module, z: Tensor) -> Tensor:
    return module.forward(z.float()).double()


def _rms_norm(module: nn.Module, args: Any) -> bool:
    """Whether a module divides by the root mean square in steps of its own, as transformers' models write it."""
    weight = getattr(module, "weight", None)
    named = type(module).__name__.endswith("RMSNorm") and not isinstance(module, nn.RMSNorm)
    return named and len(args) == 1 and isinstance(weight, Tensor) and weight.shape == args[0].shape[-1:]


def _eps(module: nn.Module) -> float:
    return float(getattr(module, "variance_epsilon", getattr(module, "eps", 1e-6)))


def _custom_activation(module: nn.Module, args: Any) -> bool:
    """Whether a module without parameters or children acts on each number alone, found by trying it."""
    if len(args) != 1 or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
        return False
    if type(module).__module__.startswith("torch.nn") or next(module.children(), None) is not None:
        return False
    if next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
        return False
    probe = torch.linspace(-3.0, 3.0, 24).reshape(2, 12)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad(), torch._C.DisableTorchFunction():
            one = module.forward(probe.clone())
            two = module.forward(probe.flatten()[order].reshape(4, 6).clone())
    except Exception:
        return False
    if not isinstance(one, Tensor) or one.shape != probe.shape or two.shape != (4, 6):
        return False
    return bool(torch.allclose(one.flatten()[order], two.flatten(), atol=1e-6)) and not torch.equal(one, probe)
