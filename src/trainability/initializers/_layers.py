"""The weights of a model, one by one, each in the layout (out, in, *kernel) that its fans are read from.

Fans are read by the kind of layer and never by the shape alone: a packed projection holds several weights, a grouped
convolution several small ones, a transposed convolution has in and out exchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from trainability.errors import SetupError

CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
RECURRENT = (nn.RNNBase, nn.RNNCellBase)

Role = Literal["weight", "attention", "input", "state"]

_GATES = {"LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "n"), "RNN": ("",)}


@dataclass(frozen=True)
class Block:
    """One weight with fans of its own, and the bias that is added behind it.

    Args:
        name: dotted name of the parameter, with the part in brackets where it holds several weights.
        role: "weight" of a linear layer or convolution; "attention", a projection of q, k or v; "input" or "state",
            what a recurrent layer applies to its input or to its own state.
        parameter: the whole parameter.
        weight: a view, `(out, in, *kernel)`, or `(groups, out, in, *kernel)` with `batch_dims` 1.
        raw: a view of the same numbers as torch lays them out.
        batch_dims: leading dimensions of `weight` that count groups.
        bias_name: dotted name of the bias, as `name`; empty without one.
        bias_parameter: the whole bias; None without one.
        bias: a view, `(out,)` or `(groups, out)`; None without one.
        bound: torch's own law for this weight is U(±bound).
        bias_bound: torch's own law for this bias is U(±bias_bound), 0 where torch sets it to 0.
    """

    name: str
    role: Role
    parameter: Tensor
    weight: Tensor
    raw: Tensor
    batch_dims: int
    bias_name: str
    bias_parameter: Tensor | None
    bias: Tensor | None
    bound: float
    bias_bound: float


def layers(model: nn.Module, readable_only: bool = False) -> list[tuple[str, Any]]:
    """List the layers that hold weights with fans, and refuse those without a tensor to draw into.

    Args:
        model: any module.
        readable_only: leave such layers out instead.

    Returns:
        (dotted name, layer) in the order of `model.named_modules()`.

    Raises:
        SetupError: a weight is computed from other tensors, lazy, or on the meta device.
    """
    found = []
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, *CONVOLUTIONS, *RECURRENT, nn.MultiheadAttention)):
            try:
                for key in _weights_of(module):
                    _check(f"Layer {name or '(the model itself)'} ({type(module).__name__})", module, key)
            except SetupError:
                if readable_only:
                    continue
                raise
            found.append((name, module))
    return found


def _weights_of(module: nn.Module) -> list[str]:
    if isinstance(module, nn.MultiheadAttention):
        return ["in_proj_weight"] if module._qkv_same_embed_dim else [f"{x}_proj_weight" for x in "qkv"]
    if isinstance(module, nn.RNNBase):
        kinds = ("ih", "hh", "hr") if module.proj_size > 0 else ("ih", "hh")
        return [f"weight_{kind}{end}" for end in _ends(module) for kind in kinds]
    if isinstance(module, nn.RNNCellBase):
        return ["weight_ih", "weight_hh"]
    return ["weight"]


def _ends(module: nn.RNNBase) -> list[str]:
    directions = ("", "_reverse")[: 1 + module.bidirectional]
    return [f"_l{depth}{direction}" for depth in range(module.num_layers) for direction in directions]


def _check(where: str, module: nn.Module, key: str) -> None:
    given = module._parameters.get(key)
    if given is None:
        raise SetupError(
            f"{where}: given a {key} that is computed from other tensors (weight norm, spectral norm or pruning), "
            "needed a weight that is a parameter. Initialize before adding the parametrization."
        )
    if is_lazy(given):
        raise SetupError(
            f"{where}: given a lazy {key} without a shape, needed a shape. Run one batch through the model first."
        )
    if given.is_meta:
        raise SetupError(
            f"{where}: given a {key} on the meta device, needed storage. Call model.to_empty(device=...) first."
        )


def blocks(name: str, module: Any, attention_outputs: set[int]) -> Iterator[Block]:
    """Take a layer of `layers` apart into weights with fans of their own.

    Args:
        name: its dotted name.
        module: the layer.
        attention_outputs: ids of the layers that are the output projection of an attention layer.

    Yields:
        One Block for each weight, in the order of the parameters.
    """
    before = f"{name}." if name else ""
    if isinstance(module, nn.MultiheadAttention):
        yield from _attention(before, module)
    elif isinstance(module, nn.RNNBase):
        yield from _recurrent(before, module)
    elif isinstance(module, nn.RNNCellBase):
        kind = type(module).__name__.removesuffix("Cell")
        yield from _gates(before, module, kind, module.hidden_size, ("weight_ih", "weight_hh"), ("bias_ih", "bias_hh"))
    else:
        yield _plain(before, module, id(module) in attention_outputs)


def attention_outputs(model: nn.Module) -> set[int]:
    """Give the ids of the output projections of attention layers, which torch's code uses without calling them."""
    return {id(module.out_proj) for module in model.modules() if isinstance(module, nn.MultiheadAttention)}


def _plain(before: str, module: Any, is_output: bool) -> Block:
    weight, bias, batch_dims = module.weight, module.bias, 0
    shaped_bias = bias
    if isinstance(module, CONVOLUTIONS):
        if module.groups > 1:
            weight, batch_dims = weight.unflatten(0, (module.groups, -1)), 1
            shaped_bias = None if bias is None else bias.unflatten(0, (module.groups, -1))
        if module.transposed:
            weight = weight.transpose(batch_dims, batch_dims + 1)
    bound = _root(math.prod(module.weight.shape[1:]))
    return Block(
        name=f"{before}weight",
        role="weight",
        parameter=module.weight,
        weight=weight,
        raw=module.weight,
        batch_dims=batch_dims,
        bias_name="" if bias is None else f"{before}bias",
        bias_parameter=bias,
        bias=shaped_bias,
        bound=bound,
        bias_bound=0.0 if is_output else bound,
    )


def _root(fan_in: float) -> float:
    return 1 / math.sqrt(fan_in) if fan_in else 0.0


def _attention(before: str, module: nn.MultiheadAttention) -> Iterator[Block]:
    bias = module.in_proj_bias
    size = module.embed_dim
    for i, part in enumerate("qkv"):
        if module._qkv_same_embed_dim:
            whole, key = module.in_proj_weight, f"in_proj_weight[{part}]"
            weight = whole[i * size : (i + 1) * size]
        else:
            key = f"{part}_proj_weight"
            weight = whole = getattr(module, key)
        yield Block(
            name=before + key,
            role="attention",
            parameter=whole,
            weight=weight,
            raw=weight,
            batch_dims=0,
            bias_name="" if bias is None else f"{before}in_proj_bias[{part}]",
            bias_parameter=bias,
            bias=None if bias is None else bias[i * size : (i + 1) * size],
            bound=math.sqrt(6 / sum(whole.shape)),
            bias_bound=0.0,
        )


def _recurrent(before: str, module: nn.RNNBase) -> Iterator[Block]:
    kind = module.mode.split("_")[0]
    for end in _ends(module):
        weights, biases = (f"weight_ih{end}", f"weight_hh{end}"), (f"bias_ih{end}", f"bias_hh{end}")
        yield from _gates(before, module, kind, module.hidden_size, weights, biases)
        if module.proj_size > 0:
            key = f"weight_hr{end}"
            whole, bound = getattr(module, key), _root(module.hidden_size)
            yield Block(before + key, "state", whole, whole, whole, 0, "", None, None, bound, bound)


def _gates(
    before: str, module: nn.Module, kind: str, hidden: int, weights: tuple[str, str], biases: tuple[str, str]
) -> Iterator[Block]:
    roles: tuple[Role, Role] = ("input", "state")
    for role, key, bias_key in zip(roles, weights, biases, strict=True):
        whole, bias = getattr(module, key), getattr(module, bias_key, None)
        for i, gate in enumerate(_GATES[kind]):
            place = slice(i * hidden, (i + 1) * hidden)
            part = f"[{gate}]" if gate else ""
            yield Block(
                name=before + key + part,
                role=role,
                parameter=whole,
                weight=whole[place],
                raw=whole[place],
                batch_dims=0,
                bias_name="" if bias is None else before + bias_key + part,
                bias_parameter=bias,
                bias=None if bias is None else bias[place],
                bound=_root(hidden),
                bias_bound=_root(hidden),
            )
