"""Say which scheme each tensor of a model looks like it was drawn by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import kstest
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from trainability.initializers import _laws as laws
from trainability.initializers._layers import EMBEDDINGS, Block, attention_outputs, blocks, layers
from trainability.initializers._structure import structure
from trainability.measures.weight_scheme import sampled_values, weight_scheme

_ACCEPTED = 1e-3
_FEWEST = 16


@dataclass(frozen=True)
class Match:
    """One scheme held against a tensor.

    Args:
        scheme: its name.
        std: the standard deviation that it promises.
        p: p-value of the tensor's values under it, 0 to 1.
        distance: Kolmogorov-Smirnov distance.
    """

    scheme: str
    std: float
    p: float
    distance: float


@dataclass(frozen=True)
class Identified:
    """What one tensor looks like.

    Args:
        name: dotted name of the parameter; q, k, v and the gates of recurrent layers apart, in brackets.
        shape: its shape.
        kind: "zeros", "constant", "uniform", "normal", "truncated-normal", "mixture", "identity", "orthogonal",
            "delta_orthogonal", "sparse", "other".
        says: the law with its parameters in a few signs, such as `N(0, 0.1²)`.
        fan_in: inputs that one unit sums; None where there is no such number.
        fan_out: units that one input reaches.
        matches: the schemes that are not refused (p >= 0.001), likeliest first; several where the values cannot
            tell them apart.
        p: p-value of the first match, otherwise of the law in `says` with fitted parameters; nan for laws without
            chance.
        distance: Kolmogorov-Smirnov distance of the same; for identity and orthogonal the relative departure.
        n: how many values the distance rests on, at most 20 000.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    says: str
    fan_in: int | None
    fan_out: int | None
    matches: tuple[Match, ...]
    p: float
    distance: float
    n: int

    @property
    def schemes(self) -> tuple[str, ...]:
        """Names of the matches, likeliest first."""
        return tuple(match.scheme for match in self.matches)

    @property
    def scheme(self) -> str:
        """The matches in words: "=" between schemes of one law here, "or" between laws that both fit."""
        if not self.matches:
            return "-"
        groups: list[list[Match]] = []
        for match in self.matches:
            home = next((g for g in groups if _same(g[0], match)), None)
            if home is None:
                groups.append([match])
            else:
                home.append(match)
        return " or ".join(" = ".join(match.scheme for match in group) for group in groups)


@dataclass(frozen=True)
class Identification:
    """What all tensors of a model look like; prints as a table.

    Args:
        tensors: one record for each weight or bias, in the order of the parameters.
    """

    tensors: tuple[Identified, ...]

    def __iter__(self) -> Iterator[Identified]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __getitem__(self, name: str) -> Identified:
        for one in self.tensors:
            if one.name == name:
                return one
        raise KeyError(f"Given {name!r}, needed one of {', '.join(one.name for one in self.tensors)}.")

    def __str__(self) -> str:
        head = ("tensor", "shape", "looks like", "scheme", "p", "distance", "values")
        rows = [
            (
                one.name,
                "x".join(map(str, one.shape)) or "scalar",
                one.says,
                one.scheme,
                _short(one.p),
                _short(one.distance),
                str(one.n),
            )
            for one in self.tensors
        ]
        widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
        return "\n".join(line.rstrip() for line in lines)


def identify(model: nn.Module) -> Identification:
    """Say for each tensor of a model which law and which standard scheme its values are consistent with.

    Each scheme promises a law without free parameters, once the fans are known; a tensor is held against all of them:

        p = min(1, 2 min(p of the Kolmogorov-Smirnov test, p of a test of the second moment))

    and those with p >= 0.001 are listed. So a tensor that was drawn by a scheme is refused once in a thousand times.
    Square layers are listed under both Xavier's and LeCun's name, and a small tensor under all schemes that it cannot
    tell apart. Fans are read as by `initialize`. It says what values are consistent with, never how they were made;
    weights that have been trained match nothing.

    Args:
        model: any module; nothing is changed. Packed projections and gates are looked at one by one; tensors shared
            by several layers once, with the fans of the first.

    Returns:
        An Identification; `identify(model)["0.weight"].scheme` is a name, and `print` gives a table.

    Source: schemes as in this package; the laws cut at 2 std are those of Keras and JAX, whose names say normal.

    >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
    <torch...>
    >>> found = identify(nn.Sequential(nn.Linear(100, 80), nn.BatchNorm1d(80)))
    >>> [(one.name, one.scheme) for one in found][:2]
    [('0.weight', 'torch_default'), ('0.bias', 'torch_default')]
    >>> found["1.weight"].says
    'every weight 1'
    """
    outputs = attention_outputs(model)
    tables = {id(m.weight): m for m in model.modules() if isinstance(m, EMBEDDINGS)}
    by_parameter: dict[int, list[tuple[str, Any]]] = {}
    for name, layer in layers(model, readable_only=True):
        for block in blocks(name, layer, outputs):
            for whole in {id(block.parameter), id(block.bias_parameter)}:
                # Several parts of one layer share a parameter; another layer that shares it comes too late.
                if all(owner == name for owner, _ in by_parameter.get(whole, [])):
                    by_parameter.setdefault(whole, []).append((name, block))
    found: list[Identified] = []
    for name, parameter in model.named_parameters():
        parts = [block for _, block in by_parameter.get(id(parameter), [])]
        if id(parameter) in tables:
            found.append(_table(name, tables[id(parameter)]))
        elif not parts:
            found.append(_plain(name, parameter))
        else:
            is_weight = parts[0].parameter is parameter
            found += [_weight(block) if is_weight else _bias(block, found) for block in parts]
    return Identification(tuple(found))


def _weight(block: Block) -> Identified:
    weight = block.weight.detach()
    out, fan_in, *kernel = weight.shape[block.batch_dims :]
    fans = (fan_in * math.prod(kernel), out * math.prod(kernel))
    shape = tuple(block.raw.shape)
    if weight.numel() == 0:
        return _plain(block.name, block.raw)
    groups = [structure(one) for one in (weight if block.batch_dims else [weight])]
    if groups[0] is not None and all(one is not None and one[0] == groups[0][0] for one in groups):
        kind, says, departure = groups[0]
        std = float(weight.double().std(correction=0))
        exact = Match(kind, std, math.nan, departure)
        return Identified(block.name, shape, kind, says, *fans, (exact,), math.nan, departure, weight.numel())
    candidates = list(laws.of_weight(*fans, block.bound, block.bias is not None))
    return _by_law(block.name, shape, weight, candidates, *fans)


def _bias(block: Block, so_far: list[Identified]) -> Identified:
    assert block.bias is not None
    beside = {scheme for one in so_far if one.name == block.name for scheme in one.schemes}
    fan_in = math.prod(block.weight.shape[block.batch_dims + 1 :])
    shape = tuple(block.bias.flatten().shape)
    candidates = list(laws.of_bias(fan_in, block.bias_bound, beside))
    return _by_law(block.bias_name, shape, block.bias.detach(), candidates, None, None)


def _table(name: str, table: nn.Embedding | nn.EmbeddingBag) -> Identified:
    weight = table.weight.detach()
    rows = torch.arange(len(weight), device=weight.device)
    values = weight if table.padding_idx is None else weight[rows != table.padding_idx]
    return _by_law(name, tuple(weight.shape), values, [laws.normal("torch_default", 1.0)], None, None)


def _plain(name: str, parameter: Tensor) -> Identified:
    if is_lazy(parameter) or parameter.is_meta or parameter.numel() == 0:
        why = "lazy, no values yet" if is_lazy(parameter) else "meta device" if parameter.is_meta else "no values"
        shape = () if is_lazy(parameter) else tuple(parameter.shape)
        return Identified(name, shape, "other", why, None, None, (), math.nan, math.nan, 0)
    return _by_law(name, tuple(parameter.shape), parameter.detach(), [], None, None)


def _by_law(
    name: str,
    shape: tuple[int, ...],
    weight: Tensor,
    candidates: Iterable[laws.Law],
    fan_in: int | None,
    fan_out: int | None,
) -> Identified:
    if not weight.is_floating_point() or weight.numel() == 0:
        return Identified(name, shape, "other", "no real values", fan_in, fan_out, (), math.nan, math.nan, 0)
    rough = weight_scheme(weight.reshape(-1))
    values = sampled_values(weight)
    if rough.kind in ("zeros", "constant"):
        scheme = Match(rough.kind, 0.0, math.nan, 0.0)
        return Identified(name, shape, rough.kind, rough.says, fan_in, fan_out, (scheme,), math.nan, 0.0, len(values))
    matches: list[Match] = []
    kind: str = rough.kind
    says = rough.says
    if len(values) >= _FEWEST and np.isfinite(values).all() and math.isfinite(rough.low) and math.isfinite(rough.high):
        flat = weight.reshape(-1).double()
        second, largest = float(flat.square().mean()), float(flat.abs().max())
        held = [(law, *laws.goodness(law, values, weight.numel(), second, largest, _ACCEPTED)) for law in candidates]
        held = sorted((one for one in held if one[1] >= _ACCEPTED), key=lambda one: -one[1])
        # A family that the values rule out is no tie; neither is one that they did not single out.
        fitting = [one for one in held if one[0].family == kind] or held
        matches = [Match(law.scheme, law.std, p, distance) for law, p, distance in fitting]
        if matches and kind == "other":
            kind = fitting[0][0].family
            says = "N(0, σ²/fan_in), one entry of a row Beta(2, 1)" if kind == "mixture" else says
    if matches:
        p, distance = matches[0].p, matches[0].distance
    else:
        p, distance = _fitted(kind, values, rough.low, rough.high, rough.fit)
    return Identified(name, shape, kind, says, fan_in, fan_out, tuple(matches), p, distance, len(values))


def _fitted(kind: str, values: np.ndarray, low: float, high: float, distance: float) -> tuple[float, float]:
    """Give p and distance of a law whose parameters were read off the same values."""
    if kind == "normal":
        return laws.fitted_normal_p(distance, len(values)), distance
    if kind == "uniform":
        inner = values[(values > low) & (values < high)]
        return float(kstest(inner, "uniform", args=(low, high - low)).pvalue), distance
    return math.nan, distance


def _same(one: Match, other: Match) -> bool:
    return math.isclose(one.std, other.std, rel_tol=1e-9) and ("cut" in one.scheme) == ("cut" in other.scheme)


def _short(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}"
