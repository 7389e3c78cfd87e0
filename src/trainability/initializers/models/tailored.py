"""Activations tailored to the network's depth, with orthogonal weights: DKS and TAT."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

import trainability.initializers as family
from trainability.errors import SetupError
from trainability.initializers._layers import attention_outputs, blocks, layers
from trainability.initializers.models._run import parameters_kept_after_an_exception

if TYPE_CHECKING:
    from trainability.theory.tailored import Network, Transformed

_NAMES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Mish: "mish",
    nn.Softplus: "softplus",
    nn.ELU: "elu",
    nn.SELU: "selu",
    nn.Softsign: "softsign",
}
_ORTHOGONAL = ("orthogonal", "delta_orthogonal")


class TailoredActivation(nn.Module):
    """output_scale · (base(input_scale · u + input_shift) + output_shift).

    Args:
        base: the activation inside.
        constants: from `trainability.theory.tailored`.
    """

    def __init__(self, base: nn.Module, constants: Transformed) -> None:
        super().__init__()
        self.base = base
        self.input_scale = constants.input_scale
        self.input_shift = constants.input_shift
        self.output_shift = constants.output_shift
        self.output_scale = constants.output_scale

    def forward(self, u: Tensor) -> Tensor:
        """Apply it elementwise."""
        return self.output_scale * (self.base(self.input_scale * u + self.input_shift) + self.output_shift)

    def extra_repr(self) -> str:
        """Show the four constants in print."""
        return (
            f"input_scale={self.input_scale:.4g}, input_shift={self.input_shift:.4g}, "
            f"output_shift={self.output_shift:.4g}, output_scale={self.output_scale:.4g}"
        )


def tailored(
    model: nn.Module,
    *,
    method: Literal["dks", "tat"] = "dks",
    network: Network | None = None,
    target: float | None = None,
    start: str = "delta_orthogonal",
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Replace a model's activation modules by transformed ones and draw its weights to go with them, in place.

    Each activation φ becomes f(u) = output_scale (φ(input_scale u + input_shift) + output_shift), with constants solved
    for so that the network as a whole bends correlations between inputs by `target` and no more, whatever its depth.
    With DKS the leaky ReLU, with TAT the ReLU and the leaky ReLU get another slope below 0 instead. Weights are
    orthogonal, at the middle of a kernel, times max(1, √(out / in)), so that the mean square of a signal stays; biases
    are 0.

    Unlike the other model schemes this one changes modules. Activations that are called as functions are not
    seen. It is meant for networks without normalisation; inputs should have mean square 1 for every sample. A model
    that was tailored before is tailored anew.

    Args:
        model: its activation modules are replaced, its weights and biases drawn anew.
        method: "dks" (any activation here) or "tat" (smooth ones, ReLU and leaky ReLU).
        network: the network as an expression, from `trainability.theory.tailored`: `plain(depth)`, `resnet(...)`, ...
            None counts the activations of an `nn.Sequential`.
        target: of the whole network. "dks": slope of its correlation map at 1, default 1.5. "tat": its curvature,
            default 0.3, or for leaky ReLUs where it sends correlation 0, default 0.9.
        start: how weights start: "delta_orthogonal", "orthogonal", or a scheme that keeps the mean square of a linear
            layer, such as "lecun_normal".
        generator: for the draws; None is torch's global generator.

    Returns:
        `model` itself.

    Raises:
        SetupError: no activation module, one of another kind or with other options than torch's defaults, no `network`
            where it cannot be counted, or a layer has no tensor to draw into. Nothing has been changed then.
        ValueError: an unknown method, or a target out of reach.

    Source: Martens et al. 2021, "Rapid training of deep neural networks without skip connections or normalization
    layers using Deep Kernel Shaping", arXiv 2110.01765; Zhang, Botev & Martens 2022, "Deep learning without shortcuts:
    shaping the kernel with tailored rectifiers", ICLR.

    >>> model = tailored(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)))
    >>> model[1].base
    Tanh()
    """
    # Its own import: nobody else here needs the solvers behind it.
    from trainability.theory.tailored import dks, plain, tat

    if method not in ("dks", "tat"):
        raise ValueError(f"method: given {method!r}, needed 'dks' or 'tat'.")
    places = list(_activations(model))
    if not places:
        raise SetupError("tailored: given a model without activation modules, needed some, such as nn.Tanh().")
    network = network or plain(_count(model))
    solved: dict[str, Transformed] = {}
    new = {}
    for path, base in places:
        name = _name(path, base, method)
        if name not in solved:
            if method == "dks":
                solved[name] = dks(name, network=network, target=1.5 if target is None else target)
            else:
                solved[name] = tat(name, network=network, target=target)
        slope = solved[name].negative_slope
        inner = base if slope is None else nn.LeakyReLU(slope)
        new[path] = TailoredActivation(inner.train(base.training), solved[name])
    outputs = attention_outputs(model)
    found = layers(model)
    with parameters_kept_after_an_exception(model), torch.no_grad():
        family.initialize(model, start, bias="zeros", generator=generator)
        done: set[int] = set()
        for name, layer in found if start in _ORTHOGONAL else []:
            for block in blocks(name, layer, outputs):
                out, fan_in = block.weight.shape[block.batch_dims : block.batch_dims + 2]
                if block.role == "weight" and out > fan_in and id(block.parameter) not in done:
                    block.weight.mul_(math.sqrt(out / fan_in))
                done.add(id(block.parameter))
    for path, module in new.items():
        parent, _, key = path.rpartition(".")
        setattr(model.get_submodule(parent), key, module)
    return model


def _activations(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield (dotted name, activation inside) of every place that holds one; shared modules at each of their places."""
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, TailoredActivation):
            yield path, module.base
        elif path and isinstance(module, nn.Module) and type(module) in _NAMES:
            parent = model.get_submodule(path.rpartition(".")[0])
            if not isinstance(parent, TailoredActivation):
                yield path, module


def _count(model: nn.Module) -> int:
    def count(module: nn.Module) -> int:
        if isinstance(module, nn.Sequential):
            return sum(count(part) for part in module)
        if isinstance(module, (TailoredActivation, *_NAMES)):
            return 1
        if any(isinstance(inner, tuple(_NAMES)) for inner in module.modules()):
            raise SetupError(
                f"tailored: given a {type(module).__name__} with activations inside, needed to know how its layers are "
                "wired. Pass network=, made with trainability.theory.tailored."
            )
        return 0

    return count(model)


def _name(path: str, base: nn.Module, method: str) -> str:
    kind = type(base)
    if kind is nn.GELU and base.approximate == "tanh":
        return "gelu_tanh"
    if kind is nn.ReLU and method == "tat":
        return "leaky_relu"
    plain_options: dict[type[nn.Module], dict[str, Any]] = {
        nn.GELU: {"approximate": "none"},
        nn.ELU: {"alpha": 1.0},
        nn.Softplus: {"beta": 1.0},
    }
    for option, value in plain_options.get(kind, {}).items():
        if getattr(base, option) != value:
            raise SetupError(f"tailored: given {path}, {base}, needed {option}={value}. Transform it by hand.")
    if kind not in _NAMES:
        raise SetupError(f"tailored: given {path}, {base}, needed one of {', '.join(k.__name__ for k in _NAMES)}.")
    return _NAMES[kind]
