"""Draw all weights of a model anew."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import torch
from torch import nn

import trainability.initializers as family
from trainability.errors import UnknownNameError
from trainability.initializers import biases, models
from trainability.initializers._draw import draw_normal_, draw_uniform_
from trainability.initializers._layers import EMBEDDINGS, Block, attention_outputs, blocks, layers
from trainability.initializers._members import member_values
from trainability.initializers.models._elbows import place_elbows
from trainability.initializers.orthogonal import orthogonal_
from trainability.initializers.torch_default import torch_default_

Scheme: TypeAlias = str | Callable[..., Any]
"""A name in `ALL`, `ALIASES` or (for the main scheme only) `models.ALL`, or a function that fills in place."""

Bias: TypeAlias = Literal[
    "zeros", "constant", "small_normal", "torch_default", "fan_in_plus_one", "elbow_placing", "keep"
]


def initialize(
    model: nn.Module,
    scheme: Scheme,
    *,
    bias: Bias | str | float | Callable[..., Any] | None = None,
    recurrent: Scheme | None = None,
    embeddings: float | None = None,
    only: tuple[type[nn.Module], ...] | None = None,
    sample: Any = None,
    generator: torch.Generator | None = None,
    **options: Any,
) -> nn.Module:
    """Draw the weights of a model anew by one scheme, each with the fans of its kind of layer, in place.

    Fans are read by the kind of layer, not by the shape of its weight:

    - Linear layers and convolutions. A grouped convolution is drawn group by group, with the fans of one group. A
      transposed convolution, whose weight is (in, out, *kernel), is drawn with in and out exchanged; strides are not
      taken into account.
    - `MultiheadAttention`: q, k and v are three weights, also where they are packed in one tensor.
    - Recurrent layers and cells: gate by gate. What they apply to their own state is drawn by `recurrent`.
    - "torch_default" is what torch's own layers draw, packed or not, and callables from outside this package get
      each of these weights as torch lays it out.

    Left as they are: normalisation layers, embeddings unless asked for (a table is looked up and not summed over, so
    no fan says how large it should be), tensors that an embedding shares, `nn.Bilinear`, and parameters that
    modules of your own hold directly.

    Args:
        model: its parameters are changed; `requires_grad` is left as it is.
        scheme: a name in `ALL` or `ALIASES`, a function of this package, any callable that fills a tensor in place,
            such as `torch.nn.init.kaiming_normal_`, or a name in `models.ALL`, such as "lsuv", which draws the whole
            model and takes `sample`.
        bias: a name in `biases.ALL`; "keep"; a number for all of them; a function called as those of `biases`. None
            is "zeros", or what the scheme itself draws ("randomized_asymmetric", model schemes).
        recurrent: the scheme, without options, for what recurrent layers apply to their own state. None is
            "orthogonal" with gain 1, because a gain above 1 there grows with every time step; with "torch_default"
            torch's own.
        embeddings: standard deviation of normal embedding tables; rows of `padding_idx` are 0. None leaves them.
        only: kinds of layers to draw, such as `(nn.Linear, nn.Conv2d)`; all others stay. None draws all of the above.
        sample: a batch, or a tuple of the model's arguments, for what looks at data: "elbow_placing", model schemes.
        generator: used for all layers in the order of `model.modules()`, weight before bias; None is torch's
            global generator.
        options: passed on to the scheme: `gain=`, `mode=`, `nonlinearity=`, ...

    Returns:
        `model` itself. A tensor shared by several layers has been drawn once.

    Raises:
        UnknownNameError: no initializer, or no way to fill a bias, has that name.
        SetupError: a layer has no tensor to draw into: it is lazy, on the meta device, or its weight is
            computed (weight norm, spectral norm, pruning). Nothing has been changed then.
        ValueError: what the scheme raises, or no sample where one is needed.

    Source: layers and their default bias from `torch.nn.Linear.reset_parameters`.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> initialize(model, "he_normal", generator=torch.Generator().manual_seed(0)) is model
    True
    >>> model[2].bias
    Parameter containing:
    tensor([0.], requires_grad=True)
    """
    if isinstance(scheme, str) and scheme in models.ALL:
        given = {"sample": sample, "bias": bias, "recurrent": recurrent, "embeddings": embeddings, "only": only}
        return _by_model_scheme(model, scheme, generator, given, options)
    how = _plan(scheme, bias, recurrent, options)
    if how.bias is biases.elbow_placing_ and sample is None:
        raise ValueError(
            "bias='elbow_placing': given no sample, needed one. Pass sample=x, a batch of the model's inputs."
        )
    if embeddings is not None and not (math.isfinite(embeddings) and embeddings >= 0):
        raise ValueError(f"embeddings: given {embeddings:g}, needed a standard deviation, at least 0, or None.")
    outputs = attention_outputs(model)
    chosen = [(name, layer) for name, layer in layers(model) if only is None or isinstance(layer, only)]
    each_layer = [list(blocks(name, layer, outputs)) for name, layer in chosen]
    tables = [module for module in model.modules() if isinstance(module, EMBEDDINGS)]
    done: set[int] = set()
    with torch.no_grad():
        for table in tables:
            if embeddings is not None and id(table.weight) not in done:
                _fill_table(table, embeddings, generator)
            done.add(id(table.weight))
        for parts in each_layer:
            for part in parts:
                fresh = part.weight.numel() > 0 and id(part.parameter) not in done
                _fill(part, how, fresh, part.bias is not None and id(part.bias_parameter) not in done, generator)
            done |= {id(part.parameter) for part in parts} | {id(part.bias_parameter) for part in parts}
    if how.bias is biases.elbow_placing_:
        place_elbows(model, sample, generator=generator)
    return model


@dataclass(frozen=True)
class _Plan:
    """What to do with a weight, with what recurrent layers apply to their state, and with a bias.

    Args:
        weight: fills a weight.
        options: its options.
        state: fills what recurrent layers apply to their own state.
        state_options: its options.
        bias: fills a bias, called as those in `biases`; None keeps it.
        together: the weight's scheme draws the bias too.
    """

    weight: Callable[..., Any]
    options: dict[str, Any]
    state: Callable[..., Any]
    state_options: dict[str, Any]
    bias: Callable[..., Any] | None
    together: bool


def _plan(scheme: Scheme, bias: Any, recurrent: Scheme | None, options: dict[str, Any]) -> _Plan:
    weight = _scheme(scheme)
    as_torch = recurrent is None and weight is torch_default_
    state = torch_default_ if as_torch else orthogonal_ if recurrent is None else _scheme(recurrent)
    fill_bias: Callable[..., Any] | None = biases.zeros_
    if isinstance(bias, str):
        fill_bias = None if bias == "keep" else biases.get(bias)
    elif callable(bias):
        fill_bias = bias
    elif bias is not None:
        fill_bias = partial(biases.constant_, val=float(bias))
    if fill_bias is biases.fan_in_plus_one_ and not {weight, state} <= set(family.ALL.values()):
        raise ValueError(
            f"bias='fan_in_plus_one': given the scheme {scheme!r}, needed one of this package, which can draw a matrix "
            f"with one more column: {', '.join(family.ALL)}."
        )
    together = bias is None and weight in family.ALL.values() and "bias" in inspect.signature(weight).parameters
    return _Plan(weight, options, state, options if as_torch else {}, fill_bias, together)


def _scheme(given: Scheme) -> Callable[..., Any]:
    if not isinstance(given, str):
        return given
    try:
        return family.get(given)
    except UnknownNameError:
        raise UnknownNameError("initializer", given, [*family.ALL, *family.ALIASES, *models.ALL]) from None


def _by_model_scheme(
    model: nn.Module,
    scheme: str,
    generator: torch.Generator | None,
    given: dict[str, Any],
    options: dict[str, Any],
) -> nn.Module:
    function = models.get(scheme)
    options = {**{name: value for name, value in given.items() if value is not None}, **options}
    known = inspect.signature(function).parameters
    for name in options:
        if name not in known:
            raise ValueError(f"{scheme}: given {name}=, needed one of {', '.join(k for k in known if k != 'model')}.")
    if "sample" in known and "sample" not in options and known["sample"].default is inspect.Parameter.empty:
        raise ValueError(f"{scheme}: given no sample, needed one. Pass sample=x, a batch of the model's inputs.")
    return function(model, generator=generator, **options)


def _fill_table(table: nn.Embedding | nn.EmbeddingBag, std: float, generator: torch.Generator | None) -> None:
    draw_normal_(table.weight, 0.0, std, batch_dims=0, generator=generator)
    if table.padding_idx is not None:
        table.weight[table.padding_idx].zero_()


def _fill(part: Block, how: _Plan, fresh: bool, wanted: bool, generator: torch.Generator | None) -> None:
    state = part.role == "state"
    fill, options = (how.state, how.state_options) if state else (how.weight, how.options)
    shared = {"batch_dims": part.batch_dims, "generator": generator}
    if wanted and how.bias is biases.fan_in_plus_one_ and part.weight.numel():
        weight = part.weight if fresh else part.weight.clone()
        biases.fan_in_plus_one_(part.bias, weight, fill, **shared, **options)
        return
    together = how.together and fill is how.weight and wanted
    if fresh:
        if together:
            fill(part.weight, part.bias, **shared, **options)
        elif fill not in family.ALL.values():
            # Not every callable of torch.nn.init takes a generator (zeros_, eye_, ...).
            fill(part.raw, **({} if generator is None else {"generator": generator}), **options)
        elif fill is torch_default_ and part.role == "weight":
            fill(part.raw, generator=generator, **options)
        elif fill is torch_default_:
            bound = part.bound * member_values("gain", options.get("gain", 1.0), (), 0, least=0.0)
            draw_uniform_(part.raw, -bound, bound, batch_dims=0, generator=generator)
        else:
            fill(part.weight, **shared, **options)
    if not wanted or part.bias is None or how.bias is None or (together and fresh):
        return
    if how.bias is biases.torch_default_:
        draw_uniform_(part.bias, -part.bias_bound, part.bias_bound, batch_dims=0, generator=generator)
    elif how.bias is biases.elbow_placing_:
        part.bias.zero_()
    else:
        how.bias(part.bias, part.weight, **shared)
