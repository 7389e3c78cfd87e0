"""What an initialization does to signal and gradient in a user's own model, before any training."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from trainability.errors import SetupError
from trainability.forecast.advice import advise
from trainability.forecast.forecast import FROM_MEASURED, MEASURED, THEORY, Forecast, LayerForecast
from trainability.forecast.reading import read
from trainability.forecast.redraw import redraw
from trainability.forecast.shadow import SILENT, Node, Shadow
from trainability.forecast.trainable_depth import trainable_depth
from trainability.forecast.units import predicted_units
from trainability.initializers import identify
from trainability.setup.untouched import seed_everything, untouched

MAX_INPUTS = 32
Sample = tuple[tuple[Any, ...], dict[str, Any]]
_QUADRATURE = 0.02
_SIGMAS = 3.0


def predict(model: nn.Module, sample: Any, *, draws: int = 5, seed: int = 0, advice: bool = True) -> Forecast:
    """Predict and measure signal, correlation, gradient and dead units of a model before its first step.

    For every operation, theory's mean square and kernel of a wide network with independent weights of the present
    mean and variance,

        K' = n var(W) phi(K) + var(b)

    stand beside one forward and one backward pass, averaged over draws. Followed are linear and convolution layers,
    embeddings, elementwise activations of Gaussian features, layer, batch, group and RMS normalisation, residual sums,
    dropout and views. Attention, pooling, gating and recurrence are outside theory: there the measured column stands
    alone, and what follows is predicted from what was measured. The model comes back as it was.

    Args:
        model: any module, in the mode it is in; initialised, not trained.
        sample: its inputs: a tensor, a tuple of positional or a dict of keyword arguments; the first dimension of each
            tensor counts inputs. At most 32 inputs are used. At least two are needed for correlations and batch
            normalisation.
        draws: passes, 1 or more: the first with the present weights, the others with their values permuted.
        seed: of the permutations, of dropout, and of the gradient at the output.
        advice: also look for a better initialization where something is wrong, which takes a few passes more.

    Returns:
        Forecast.

    Raises:
        SetupError: no parameters, lazy or meta parameters, a sample without inputs or with NaN, a model that raises on it
            or gives no floating-point tensor.

    Source:
        Poole et al. 2016, arXiv 1606.05340, and Schoenholz et al. 2017, arXiv 1611.01232, for the recursions; Hanin and
        Rolnick 2018, arXiv 1803.01719, for the error of finite width.

    >>> net = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1))
    >>> found = predict(net, torch.randn(16, 20, generator=torch.Generator().manual_seed(0)))
    >>> [row.name for row in found.layers], found.layers[2].agrees
    (['0', '1', '2', '3', '4'], True)
    """
    model = getattr(model, "_orig_mod", model)  # hooks are silent on what torch.compile gives
    if draws < 1:
        raise ValueError(f"draws: given {draws}, needed 1 or more.")
    _check(model)
    given, inputs = _few(sample)

    schemes = _schemes(model)

    def found(network: nn.Module, draws: int) -> Forecast:
        passes = _passes(network, given, inputs, draws, seed)
        layers = tuple(_rows(passes, schemes))
        depth = sum(row.kind in ("linear", "convolution") for row in layers)
        return Forecast(layers, inputs, draws, depth, trainable_depth(passes[0]), (), ())

    forecast = found(model, draws)
    if advice:
        forecast = replace(forecast, advice=advise(model, forecast, lambda changed: found(changed, 2), copy.deepcopy))
    return replace(forecast, reading=read(forecast))


def _passes(model: nn.Module, given: Sample, inputs: int, draws: int, seed: int) -> list[list[Node]]:
    passes = []
    with untouched(model):
        for parameter in model.parameters():
            parameter.requires_grad_(parameter.is_floating_point())
        generator = torch.Generator().manual_seed(seed)
        for draw in range(draws):
            if draw:
                redraw(model, generator)
            seed_everything(seed + draw)
            passes.append(one_pass(model, given, inputs))
    return passes


def one_pass(model: nn.Module, sample: Sample, inputs: int) -> list[Node]:
    """The nodes of one forward and one backward pass, with predicted gradients in `facts["gradient"]`.

    Args:
        model: changed in nothing but gradients and buffers.
        sample: positional and keyword arguments.
        inputs: B.

    Returns:
        Nodes in the order of execution.
    """
    args, kwargs = sample
    shadow = Shadow(model, inputs)
    with torch.enable_grad(), shadow.following(model):
        try:
            out = model(*args, **kwargs)
        except Exception as error:
            raise SetupError(
                f"the model raised {type(error).__name__} on the sample: {error}. Needed is a sample that it takes: a "
                "tensor, a tuple of arguments or a dict of keyword arguments."
            ) from error
    result = _output(out)
    if result.requires_grad:
        result.backward(torch.randn_like(result))
        start = shadow.index(result)
        _gradients(shadow.nodes, start)
    return shadow.nodes


def _gradients(nodes: list[Node], start: int | None) -> None:
    """Predict each node's gradient from those of the nodes that use it."""
    incoming: dict[int, Tensor] = {}
    if start is not None and nodes[start].law is not None:
        incoming[start] = torch.ones_like(nodes[start].law.mean)  # type: ignore[union-attr]
    for n in reversed(range(len(nodes))):
        node = nodes[n]
        if node.law is None:
            continue
        square = incoming.get(n)
        if node.lost or square is None:
            # what stands behind may have chosen by these very values, as max pooling does: no mean of phi'² holds then
            if node.gradient is None or node.kind == "activation":
                continue
            square = node.points if node.points is not None else torch.full_like(node.law.mean, node.gradient)
        else:
            node.facts = {**node.facts, "gradient": float(square.mean())}
        for before, back in node.backs:
            law = nodes[before].law
            if law is None:
                continue
            given = back(square)
            if given.shape != law.mean.shape:  # a tensor that is the same for all inputs or positions gathers theirs
                if law.mean.numel() == 0 or given.numel() % law.mean.numel():
                    continue
                given = (
                    given.sum_to_size(law.mean.shape)
                    if _broadcasts(law.mean, given)
                    else given.mean().expand_as(law.mean)
                )
            incoming[before] = incoming[before] + given if before in incoming else given


def _broadcasts(small: Tensor, large: Tensor) -> bool:
    return all(a in (1, b) for a, b in zip(small.shape, large.shape, strict=True))


def _rows(passes: list[list[Node]], schemes: dict[int, str]) -> Iterator[LayerForecast]:
    for same in zip(*passes, strict=False):
        first = same[0]
        if first.kind in SILENT or any(n.kind != first.kind for n in same):
            continue
        laws = [n.law for n in same if n.law is not None]
        known = len(laws) == len(same)
        reach = MEASURED if not known else FROM_MEASURED if first.restarted else THEORY
        spread = sum(law.carried + law.own for law in laws) / len(laws) if known else 0.0
        dead, always = predicted_units(first) if known else (None, None)
        yield LayerForecast(
            name=first.name,
            kind=first.kind,
            reach=reach,
            measured_mean_square=_mean([n.mean_square for n in same]),
            predicted_mean_square=_mean([law.mean_square for law in laws]) if known else None,
            error=math.expm1(min(_SIGMAS * math.sqrt(spread / len(same)), 700.0)) + _QUADRATURE if known else None,
            predicted_correlation=_some([law.correlation for law in laws]) if known else None,
            measured_correlation=_some([n.correlation for n in same]),
            predicted_gradient=_some([n.facts.get("gradient") for n in same]),
            measured_gradient=_some([n.gradient for n in same]),
            predicted_dead=dead,
            measured_dead=_some([n.dead for n in same]),
            predicted_always_on=always,
            measured_always_on=_some([n.always_on for n in same]),
            scheme=schemes.get(id(first.facts.get("weight"))),
        )


def _schemes(model: nn.Module) -> dict[int, str]:
    """Parameter -> the scheme that it looks like, or else its law."""
    known = {tensor.name: tensor.scheme if tensor.schemes else tensor.says for tensor in identify(model)}
    return {id(p): known[name] for name, p in model.named_parameters() if name in known}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _some(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _check(model: nn.Module) -> None:
    parameters = dict(model.named_parameters())
    if not parameters:
        raise SetupError(
            f"{type(model).__name__} has no parameters: there is no initialization to predict. Give a model with weights."
        )
    for name, p in parameters.items():
        if is_lazy(p):
            raise SetupError(
                f"parameter {name!r} is lazy and has no values yet; needed are initialised weights. Run the model once on "
                "a batch first."
            )
        if p.is_meta:
            raise SetupError(
                f"parameter {name!r} is on the meta device and has no values; needed are initialised weights. Use "
                "model.to_empty(device='cpu') and initialise them."
            )
        if p.is_floating_point() and not bool(torch.isfinite(p).all()):
            raise SetupError(
                f"parameter {name!r} holds NaN or infinity; needed are finite weights. Initialise it again."
            )


def _few(sample: Any) -> tuple[Sample, int]:
    """At most `MAX_INPUTS` inputs as positional and keyword arguments, and how many they are."""
    named = hasattr(sample, "keys") and not isinstance(sample, Tensor)
    kwargs: dict[str, Any] = {k: sample[k] for k in sample} if named else {}
    args: tuple[Any, ...] = () if named else tuple(sample) if isinstance(sample, tuple | list) else (sample,)
    args = tuple(map(_as_tensor, args))
    kwargs = {k: _as_tensor(v) for k, v in kwargs.items()}
    tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor) and x.ndim]
    if not tensors or not len(tensors[0]):
        raise SetupError(
            f"sample: given {_said(sample)}, needed at least one input: a tensor whose first dimension counts inputs, a "
            "tuple of arguments, or a dict of keyword arguments."
        )
    size = len(tensors[0])
    for x in tensors:
        if x.is_floating_point() and not bool(torch.isfinite(x).all()):
            raise SetupError("sample: it holds NaN or infinity; needed are finite inputs. Clean the data first.")

    def cut(x: Any) -> Any:
        return x[:MAX_INPUTS].detach() if isinstance(x, Tensor) and x.ndim and len(x) == size else x

    return (tuple(map(cut, args)), {k: cut(v) for k, v in kwargs.items()}), min(size, MAX_INPUTS)


def _as_tensor(x: Any) -> Any:
    return torch.from_numpy(x) if isinstance(x, np.ndarray) and x.dtype != object else x


def _said(sample: Any) -> str:
    return f"a tensor of shape {tuple(sample.shape)}" if isinstance(sample, Tensor) else f"a {type(sample).__name__}"


def _output(out: Any) -> Tensor:
    """The first floating-point tensor of a model's output that has features; `logits` where that is a name."""
    if isinstance(getattr(out, "logits", None), Tensor):
        return out.logits
    found = [x for x in _flat(out) if x.is_floating_point()]
    wide = [x for x in found if x.ndim > 0]
    if not found:
        raise SetupError(
            f"the model gave a {type(out).__name__} without a floating-point tensor; needed is one to send a gradient back."
        )
    return (wide or found)[0]


def _flat(thing: Any) -> Iterator[Tensor]:
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from _flat(value)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from _flat(value)
