"""Draw all weights of a model anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

import trainability.initializers as family
from trainability.errors import SetupError, UnknownNameError
from trainability.initializers._draw import draw_uniform_
from trainability.initializers.torch_default import torch_default_

Bias: TypeAlias = Literal["zeros", "keep", "torch_default"] | float

_CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


def initialize(
    model: nn.Module,
    scheme: str | Callable[..., Any],
    *,
    bias: Bias = "zeros",
    generator: torch.Generator | None = None,
    **options: Any,
) -> nn.Module:
    """Draw the weights of all linear and (transposed) convolution layers of a model anew, in place.

    Fans are read by the kind of layer, not by the shape of its weight. A grouped convolution is drawn group
    by group, with the fans of one group. A transposed convolution, whose weight is (in, out, *kernel), is
    drawn with in and out exchanged; strides are not taken into account. Both differ from `torch.nn.init`
    called on the weight, which counts all groups into fan_out and mistakes in for out. `"torch_default"` and
    callables from outside this family get the weight as torch lays it out.

    Everything else stays as it is: normalisation layers, embeddings (also where a linear layer shares their
    tensor), recurrent layers, the packed projection of attention.

    Args:
        model: its parameters are changed; `requires_grad` is left as it is.
        scheme: a name in `ALL`, one of its functions, or any callable that fills a tensor in place, such as
            `torch.nn.init.kaiming_normal_`.
        bias: "zeros"; "keep"; "torch_default", U[-c, c) with c = 1/√fan_in in torch's count; or a number.
        generator: used for all layers in the order of `model.modules()`, weight before bias; None is torch's
            global generator.
        options: passed on to the scheme: `gain=`, `mode=`, `nonlinearity=`, ...

    Returns:
        `model` itself. A tensor shared by several layers has been drawn once.

    Raises:
        UnknownNameError: no initializer, or no way to fill a bias, has that name.
        SetupError: a layer has no tensor to draw into: it is lazy, on the meta device, or its weight is
            computed (weight norm, spectral norm, pruning). Nothing has been changed then.
        ValueError: what the scheme raises.

    Source: layers and their default bias from `torch.nn.Linear.reset_parameters`.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> initialize(model, "he_normal", generator=torch.Generator().manual_seed(0)) is model
    True
    >>> model[2].bias
    Parameter containing:
    tensor([0.], requires_grad=True)
    """
    fill = family.get(scheme) if isinstance(scheme, str) else scheme
    if isinstance(bias, str) and bias not in ("zeros", "keep", "torch_default"):
        raise UnknownNameError("bias", bias, ["zeros", "keep", "torch_default"])
    layers = list(_layers(model))
    done = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)}
    with torch.no_grad():
        for layer in layers:
            weight, own_bias = layer.weight, layer.bias
            if id(weight) not in done and weight.numel():
                done.add(id(weight))
                _fill_weight(layer, fill, generator, options)
            if own_bias is not None and id(own_bias) not in done:
                done.add(id(own_bias))
                _fill_bias(own_bias, bias, weight, generator)
    return model


def _layers(model: nn.Module) -> Iterator[Any]:
    """Yield the layers that hold a weight to draw, and refuse those that only seem to."""
    for name, module in model.named_modules():
        if not isinstance(module, (nn.Linear, *_CONVOLUTIONS)):
            continue
        where = f"Layer {name or '(the model itself)'} ({type(module).__name__})"
        weight = module._parameters.get("weight")
        if weight is None:
            raise SetupError(
                f"{where}: given a weight that is computed from other tensors (weight norm, spectral norm or "
                "pruning), needed a weight that is a parameter. Initialize before adding the parametrization."
            )
        if is_lazy(weight):
            raise SetupError(
                f"{where}: given a lazy weight without a shape, needed a shape. Run one batch through the model first."
            )
        if weight.is_meta:
            raise SetupError(
                f"{where}: given a weight on the meta device, needed storage. Call model.to_empty(device=...) first."
            )
        yield module


def _fill_weight(
    layer: Any, fill: Callable[..., Any], generator: torch.Generator | None, options: dict[str, Any]
) -> None:
    weight: Tensor = layer.weight
    if fill not in family.ALL.values():
        # Not every callable of torch.nn.init takes a generator (zeros_, eye_, ...).
        chosen = {} if generator is None else {"generator": generator}
        fill(weight, **chosen, **options)
        return
    batch_dims = 0
    if isinstance(layer, _CONVOLUTIONS) and fill is not torch_default_:
        if layer.groups > 1:
            weight, batch_dims = weight.unflatten(0, (layer.groups, -1)), 1
        if layer.transposed:
            weight = weight.transpose(batch_dims, batch_dims + 1)
    fill(weight, batch_dims=batch_dims, generator=generator, **options)


def _fill_bias(bias: Tensor, way: Bias, weight: Tensor, generator: torch.Generator | None) -> None:
    if way == "keep":
        return
    if way == "torch_default":
        fan_in = weight[0].numel() if len(weight) else 0
        bound = fan_in**-0.5 if fan_in else 0.0
        draw_uniform_(bias, -bound, bound, batch_dims=0, generator=generator)
    else:
        bias.fill_(0.0 if way == "zeros" else float(way))
