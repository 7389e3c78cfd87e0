"""Read a Setup: is its model a plain multilayer network behind a fixed map of the inputs, and what may it be grouped with?"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from trainability.optimizers import Rule, of
from trainability.setup import Setup
from trainability.setup.batches import TensorBatches
from trainability.setup.untouched import random_state_kept

ACTIVATIONS: dict[type[nn.Module], tuple[str, dict[str, Any]]] = {
    nn.ReLU: ("relu", {}),
    nn.LeakyReLU: ("leaky_relu", {}),
    nn.Tanh: ("tanh", {}),
    nn.Sigmoid: ("sigmoid", {}),
    nn.ELU: ("elu", {"alpha": 1.0}),
    nn.SELU: ("selu", {}),
    nn.GELU: ("gelu", {"approximate": "none"}),
    nn.SiLU: ("silu", {}),
    nn.Softplus: ("softplus", {"beta": 1, "threshold": 20}),
}
"""Type -> (name in the engine, options that it has there)."""

ENDINGS = (*ACTIVATIONS, nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Hardtanh, nn.Softsign, nn.ReLU6, nn.Flatten)
"""What may follow the last layer; each maps a member's outputs alone, without numbers of its own."""

WORK, WEIGHTS = 8e6, 24e3
"""Multiplications and additions of a mean layer in one step, and its weights, from which five networks together took about as
long as one after the other: a product of matrices then costs more than calling it, and the numbers of all leave the cache."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@dataclass(frozen=True, eq=False)
class Member:
    """A Setup whose model is a plain multilayer network.

    Args:
        setup: as given.
        linears: its layers in order.
        ending: what follows the last of them.
        activation: between them, by the engine's name.
        slope: of a leaky ReLU.
        loss: the engine's name of the loss; "" for one that is called as it is.
        rule: the update rule of its optimizer.
        trained: the engine's names of the parameters that the optimizer moves.
        key: equal for Setups that can be advanced in one step.
        load: work and weights of a mean layer over what is too much, 0 to 1.
    """

    setup: Setup
    linears: tuple[nn.Linear, ...]
    ending: tuple[nn.Module, ...]
    activation: str
    slope: float
    loss: str
    rule: Rule
    trained: tuple[str, ...]
    key: tuple[Any, ...]
    load: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, outputs."""
        return (self.linears[0].in_features, *(layer.out_features for layer in self.linears))

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The engine's name -> parameter."""
        return _named(self.linears)


def read(setup: Setup) -> Member | None:
    """The Setup as a member of an ensemble; None where it is to be trained alone.

    Args:
        setup: stays as it is, its random state too.

    Returns:
        Member, or None: an own step, another device than the CPU, data that are no tensors, another network, an optimizer
        without a rule or with several settings, hooks, a loss that depends on weights, layers too large to gain from it.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> one = Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), (torch.ones(9, 3), torch.ones(9, 1)))
        >>> found = read(one)
        >>> found.sizes, found.activation, found.loss
        ((3, 8, 1), 'relu', 'mse')
    """
    data, model = setup.batches, setup.model
    if setup.step is not None or setup.output is not None or setup.device.type != "cpu":
        return None
    if not isinstance(data, TensorBatches) or not data.shuffle or data.drop_last or data.inputs.device.type != "cpu":
        return None
    if not isinstance(setup.validation_batches, (TensorBatches, type(None))) or _watched(model, setup.loss_fn):
        return None
    if (
        data.batch_size == 1
        or not _only_linears(model, min(data.batch_size, data.n))
        or not all(bool(torch.isfinite(t).all()) for t in (data.inputs, data.targets))
    ):
        return None
    x, y = data.inputs[: data.batch_size].clone(), data.targets[: data.batch_size]
    with traced(model) as (calls, run):
        output = run(x)
    chain = None if output is None else _chain(calls, output)
    if chain is None or output is None:
        return None
    layers = _layers(chain)
    if layers is None:
        return None
    linears, activation, slope, ending = layers
    named = _named(linears)
    trained = _trained(setup.optimizer, named)
    rule = _rule(setup.optimizer)
    dtype = linears[0].weight.dtype
    if {id(p) for p in model.parameters()} != {id(p) for p in named.values()} or not trained or rule is None:
        return None
    if any(p.dtype != dtype for p in named.values()) or len({layer.bias is None for layer in linears}) > 1:
        return None
    loss = "" if ending else _known_loss(setup.loss_fn, output, y, data)
    if not loss and not _of_outputs_alone(setup.loss_fn, output, y):
        return None
    sizes = tuple(layer.out_features for layer in linears)
    shapes = (linears[0].in_features, sizes, linears[0].bias is None, dtype, activation)
    fed = (data.n, data.batch_size, tuple(data.targets.shape), data.targets.dtype)
    kind = (type(rule), *(v for v in vars(rule).values() if isinstance(v, (bool, str, type(None)))))
    key = (shapes, fed, loss, kind, trained)
    return Member(setup, linears, ending, activation, slope, loss, rule, trained, key, _load(linears, len(x)))


def prepared(member: Member) -> Tensor | None:
    """What reaches the first layer for every input, (N, d); None where that is no fixed map of each input alone."""
    data, first = member.setup.batches, member.linears[0]
    assert isinstance(data, TensorBatches)
    found = []
    for rows in (slice(None), slice(1, None, 2)):
        x = data.inputs[rows].clone()
        with traced(member.setup.model) as (calls, run):
            if run(x) is None:
                return None
        into = next(call.given for call in calls if call.module is first)
        found.append(data.inputs if into is x else into)
        if into is x:
            break
    whole, some = found[0], found[-1]
    if whole.ndim != 2 or whole.dtype != first.weight.dtype or not bool(torch.isfinite(whole).all()):
        return None
    if whole is some or torch.allclose(whole[1::2], some, rtol=1e-5, atol=1e-7):
        return whole
    return None


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module without children: what went in and what came out, with the count of their changes in place."""

    module: nn.Module
    given: Tensor
    given_version: int
    returned: Tensor
    returned_version: int


@contextmanager
def traced(model: nn.Module) -> Iterator[tuple[list[Call], Callable[[Tensor], Tensor | None]]]:
    """The calls of modules without children, and a function that runs the model in training mode.

    The function gives None where the model raises, returns no tensor, draws random numbers or changes a buffer.
    """
    calls: list[Call] = []
    given: dict[int, tuple[Tensor, int]] = {}
    modes = [(m, m.training) for m in model.modules()]
    buffers = [(b, b.clone()) for b in model.buffers()]

    def before(module: nn.Module, args: tuple[Any, ...]) -> None:
        if len(args) == 1 and isinstance(args[0], Tensor):
            given[id(module)] = (args[0], args[0]._version)

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if id(module) in given and isinstance(output, Tensor):
            calls.append(Call(module, *given.pop(id(module)), output, output._version))

    def run(x: Tensor) -> Tensor | None:
        with random_state_kept(), torch.no_grad():
            state, was = torch.get_rng_state(), x._version
            try:
                model.train()
                output = model(x)
            except Exception:  # what it raises is said when it is trained
                return None
            moved = any(not torch.equal(b, kept) for b, kept in buffers)
            same = torch.equal(state, torch.get_rng_state()) and not moved and x._version == was
        return output if same and isinstance(output, Tensor) else None

    leaves = [m for m in model.modules() if next(m.children(), None) is None]
    handles = [m.register_forward_pre_hook(before) for m in leaves]
    handles += [m.register_forward_hook(after) for m in leaves]
    try:
        yield calls, run
    finally:
        for handle in handles:
            handle.remove()
        for buffer, kept in buffers:
            buffer.copy_(kept)
        for module, mode in modes:
            module.training = mode


def _only_linears(model: nn.Module, batch: int) -> bool:
    """Whether all parameters belong to layers of this kind, small enough to gain."""
    linears = [m for m in model.modules() if type(m) is nn.Linear]
    own = {id(p) for layer in linears for p in layer.parameters()}
    return bool(linears) and own == {id(p) for p in model.parameters()} and _load(linears, batch) <= 1


def _load(linears: Sequence[nn.Linear], batch: int) -> float:
    weights = sum(layer.weight.numel() for layer in linears) / len(linears)
    return max(6 * batch * weights / WORK, weights / WEIGHTS)


def _watched(model: nn.Module, loss_fn: Any) -> bool:
    """Whether somebody looks on or has put something in the place of a method."""
    modules = [*model.modules(), *(loss_fn.modules() if isinstance(loss_fn, nn.Module) else ())]
    if any(getattr(m, name) for m in modules for name in _HOOKS) or any("forward" in vars(m) for m in modules):
        return True
    return any(p._backward_hooks or getattr(p, "_post_accumulate_grad_hooks", None) for p in model.parameters())


def _chain(calls: list[Call], output: Tensor) -> list[nn.Module] | None:
    """The modules from the first Linear to the output, each fed with what the one before gave and with nothing else."""
    first = next((i for i, call in enumerate(calls) if type(call.module) is nn.Linear), None)
    if first is None:
        return None
    chain = calls[first:]
    for call, after in pairwise(chain):
        if after.given is not call.returned or after.given_version != call.returned_version:
            return None
    if output is not chain[-1].returned or output._version != chain[-1].returned_version:
        return None
    return [call.module for call in chain]


def _layers(chain: list[nn.Module]) -> tuple[tuple[nn.Linear, ...], str, float, tuple[nn.Module, ...]] | None:
    """(layers, activation, slope, ending): one activation between all layers; None for another order."""
    between: list[list[nn.Module]] = []
    linears: list[nn.Linear] = []
    for module in chain:
        if type(module) is nn.Linear:
            linears.append(module)
            between.append([])
        elif type(module) is not nn.Identity:
            between[-1].append(module)
    ending = tuple(between.pop())
    if any(type(m) not in ENDINGS for m in ending) or len(set(map(id, linears))) < len(linears):
        return None
    kinds = set()
    for gap in between:
        if len(gap) > 1:
            return None
        kinds.add(_activation(gap[0]) if gap else ("linear", 0.0))
    if len(kinds) > 1 or None in kinds:
        return None
    name, slope = (kinds.pop() if kinds else None) or ("linear", 0.0)
    return tuple(linears), name, slope, ending


def _activation(module: nn.Module) -> tuple[str, float] | None:
    name, options = ACTIVATIONS.get(type(module), ("", {}))
    if not name or any(getattr(module, key) != value for key, value in options.items()):
        return None
    return name, float(getattr(module, "negative_slope", 0.0))


def _named(linears: tuple[nn.Linear, ...]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for i, layer in enumerate(linears):
        found[f"{2 * i}.weight"] = layer.weight
        if layer.bias is not None:
            found[f"{2 * i}.bias"] = layer.bias
    return found


def _trained(optimizer: Optimizer, named: dict[str, Tensor]) -> tuple[str, ...]:
    """Names of what the optimizer moves; () where it holds anything else."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not held <= {id(p) for p in named.values()}:
        return ()
    return tuple(name for name, p in named.items() if id(p) in held and p.requires_grad)


def _rule(optimizer: Optimizer) -> Rule | None:
    """The rule of an optimizer whose groups are alike and which nobody has changed or looks on."""
    own = vars(optimizer)
    if (
        own.get("_optimizer_step_pre_hooks")
        or own.get("_optimizer_step_post_hooks")
        or {"step", "zero_grad"} & own.keys()
    ):
        return None
    if inspect.unwrap(type(optimizer).zero_grad) is not inspect.unwrap(Optimizer.zero_grad):
        return None
    options = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    try:
        if any(option != options[0] for option in options):
            return None
        return of(optimizer)
    except (ValueError, RuntimeError):
        return None


def _known_loss(loss_fn: Any, output: Tensor, y: Tensor, data: TensorBatches) -> str:
    """The engine's name for a loss that it has; "" for every other."""
    if loss_fn is F.cross_entropy or (
        type(loss_fn) is nn.CrossEntropyLoss
        and loss_fn.weight is None
        and loss_fn.reduction == "mean"
        and loss_fn.ignore_index == -100
        and loss_fn.label_smoothing == 0.0
    ):
        labels = data.targets
        fits = output.ndim == 2 and labels.ndim == 1 and labels.dtype == torch.int64
        return "cross_entropy" if fits and 0 <= int(labels.min()) <= int(labels.max()) < output.shape[1] else ""
    if y.shape != output.shape or y.dtype != output.dtype or not bool(torch.isfinite(data.targets).all()):
        return ""
    if loss_fn is F.mse_loss or (type(loss_fn) is nn.MSELoss and loss_fn.reduction == "mean"):
        return "mse"
    if loss_fn is F.binary_cross_entropy_with_logits or (
        type(loss_fn) is nn.BCEWithLogitsLoss
        and loss_fn.weight is None
        and loss_fn.pos_weight is None
        and loss_fn.reduction == "mean"
    ):
        return "bce_with_logits"
    return ""


def _of_outputs_alone(loss_fn: Any, output: Tensor, y: Tensor) -> bool:
    """Whether the loss has a gradient in the outputs, none in anything else, and draws no random numbers."""
    with random_state_kept(), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = torch.get_rng_state()
        free = output.detach().clone().requires_grad_()
        try:
            fixed, loss = loss_fn(output.detach().clone(), y), loss_fn(free, y)
        except Exception:  # said when it is trained
            return False
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not isinstance(fixed, Tensor):
            return False
        return loss.requires_grad and not fixed.requires_grad and torch.equal(state, torch.get_rng_state())
