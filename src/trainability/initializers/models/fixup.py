"""Fixup: residual networks without normalisation, scaled so that their depth does not matter."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

import trainability.initializers as family
from trainability.errors import SetupError
from trainability.initializers._layers import CONVOLUTIONS, layers
from trainability.initializers.models._run import parameters_kept_after_an_exception

_LAYERS = (nn.Linear, *CONVOLUTIONS)
_SUMS = (operator.add, operator.iadd, torch.add)


def fixup(
    model: nn.Module,
    branches: Sequence[str] | None = None,
    *,
    head: str | None = None,
    start: str = "he_normal",
    generator: torch.Generator | None = None,
    **options: Any,
) -> nn.Module:
    """Draw a residual network so that one step of training changes its output as much as in a shallow one, in place.

    With L residual branches of m weight layers each: the last layer of every branch and the head are 0, the other
    layers of a branch are drawn by `start` and times L^(-1/(2m - 2)), everything else is drawn by `start`; all biases are 0.

    The published method also adds a scalar bias before each layer and one scalar multiplier to each branch; these are
    parameters that a model has or has not, and nothing is added here. It is made for networks without normalisation;
    normalisation layers stay as they are.

    Args:
        model: its weights and biases are drawn anew.
        branches: dotted names of the modules that are the residual branches, each holding its weight layers in the
            order of execution. None finds them by tracing the model: for each sum x + f(x), the layers that only
            one side went through; where both did (a projection on the shortcut), the side with more of them.
        head: dotted name of the last, classifying layer; None is the last weight layer outside branches if the model
            was traced, otherwise the last that is registered.
        start: how weights are drawn; a name in `ALL`.
        generator: for the draws; None is torch's global generator.
        options: for that scheme.

    Returns:
        `model` itself.

    Raises:
        SetupError: no branch was found or the model cannot be traced (name them then), a name is not that of a module
            or holds no weight layer, or a layer has no tensor to draw into.

    Source: Zhang, Dauphin & Ma 2019, "Fixup initialization: residual learning without normalization", arXiv
    1901.09321, the three steps of sec. 3.

    >>> class Block(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)
    ...     def forward(self, x):
    ...         return x + self.two(self.one(x).relu())
    >>> model = fixup(nn.Sequential(Block(), Block(), nn.Linear(8, 3)))
    >>> bool((model[0].two.weight == 0).all()), bool((model[2].weight == 0).all())
    (True, True)
    """
    layers(model)
    order = [name for name, module in model.named_modules() if isinstance(module, _LAYERS)]
    if branches is None:
        order, found = _traced(model)
    else:
        found = [_layers_below(model, name) for name in branches]
    if not found:
        raise SetupError("fixup: given a model with no residual branch, needed at least one. Pass branches=[...].")
    inside = {name for branch in found for name in branch}
    outside = [name for name in order if name not in inside]
    if head is None and outside:
        head = outside[-1]
    if head is not None and not isinstance(dict(model.named_modules()).get(head), _LAYERS):
        raise SetupError(f"fixup: given head={head!r}, needed the dotted name of a linear or convolution layer.")
    with parameters_kept_after_an_exception(model), torch.no_grad():
        family.initialize(model, start, bias="zeros", generator=generator, **options)
        last = [branch[-1] for branch in found] + ([] if head is None else [head])
        for branch in found:
            for name in branch[:-1]:
                _weight(model, name).mul_(len(found) ** (-1 / (2 * len(branch) - 2)))
        for name in last:
            _weight(model, name).zero_()
    return model


def _weight(model: nn.Module, name: str) -> torch.Tensor:
    weight = model.get_submodule(name).weight
    assert isinstance(weight, torch.Tensor)
    return weight


def _layers_below(model: nn.Module, name: str) -> list[str]:
    modules = dict(model.named_modules())
    if name not in modules:
        raise SetupError(f"fixup: given the branch {name!r}, needed the dotted name of a module of the model.")
    below = modules[name].named_modules(prefix=name)
    found = [inner for inner, module in below if isinstance(module, _LAYERS)]
    if not found:
        raise SetupError(f"fixup: given the branch {name!r} without linear or convolution layers, needed some.")
    return found


def _traced(model: nn.Module) -> tuple[list[str], list[list[str]]]:
    """Give all weight layers in the order of execution, and those of each residual branch."""
    try:
        graph = fx.Tracer().trace(model)
    except Exception as refusal:
        raise SetupError(
            f"fixup: given a model that cannot be traced ({refusal}), needed the names of its residual branches. "
            "Pass branches=[...]."
        ) from refusal
    modules = dict(model.named_modules())
    behind: dict[fx.Node, frozenset[fx.Node]] = {}
    order: list[str] = []
    branches: list[list[str]] = []

    def weight_layers(nodes: frozenset[fx.Node]) -> list[str]:
        names = [str(n.target) for n in graph.nodes if n in nodes and n.op == "call_module"]
        return list(dict.fromkeys(name for name in names if isinstance(modules[name], _LAYERS)))

    for node in graph.nodes:
        behind[node] = frozenset((node,)).union(*(behind[one] for one in node.all_input_nodes))
        if node.op == "call_module" and isinstance(modules[str(node.target)], _LAYERS):
            order.append(str(node.target))
        is_sum = node.target in _SUMS or (node.op == "call_method" and node.target in ("add", "add_"))
        if is_sum and len(node.all_input_nodes) == 2:
            one, other = (behind[side] for side in node.all_input_nodes)
            sides = sorted((weight_layers(one - other), weight_layers(other - one)), key=len)
            if len(sides[0]) == len(sides[1]) and sides[0]:
                raise SetupError(
                    f"fixup: given a sum of two sides with the same number of layers ({', '.join(sides[0])} and "
                    f"{', '.join(sides[1])}), needed to know which is the branch. Pass branches=[...]."
                )
            if sides[1] and one & other:
                branches.append(sides[1])
    return list(dict.fromkeys(order)), branches
