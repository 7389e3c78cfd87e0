"""Sums of two tensors, products with a number, and dropout.

A residual sum adds kernels. The cross term is the product of the means where one side ends in weights that the other
has not seen; where both depend on the same last weights theory does not reach.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainability.forecast.law import Law, guessed_dims, measured
from trainability.forecast.ops._op import Known, Step, argument, two_moments


def of_add(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """a + b, also with numbers and parameters, and in place."""
    a, b = args[0], argument(args, kwargs, 1, "other")
    factor = kwargs.get("alpha", 1)
    if not isinstance(a, Tensor):
        a, b = b, a
    if not isinstance(b, Tensor) or b.ndim == 0:
        law = known.law(a)
        if law is None or factor != 1:
            return None
        shift = float(b)
        kernel = law.kernel + shift * (law.mean[:, :, None] + law.mean[:, None, :]) + shift * shift
        return Step("scale", law.with_(kernel=kernel, mean=law.mean + shift), ((a, lambda g: g),))
    if factor != 1:
        return None
    laws = [known.law(a), known.law(b)]
    if laws[0] is None and laws[1] is None:
        return None
    for n, (x, other) in enumerate(((a, laws[1]), (b, laws[0]))):
        if laws[n] is None and other is not None:
            laws[n] = _beside(known, x, other)
    one, two = laws
    if one is None or two is None:
        return None
    both = _together(one, two)
    if both is None:
        return None
    return Step("sum", both, tuple((x, lambda g: g) for x in (a, b) if not isinstance(x, torch.nn.Parameter)))


def _beside(known: Known, x: Tensor, other: Law) -> Law | None:
    """The law of a tensor from outside theory that is added to one inside: as measured."""
    if isinstance(x, torch.nn.Parameter):
        if x.ndim == 1 and other.dims[-1] == "f" and len(x) == other.features:
            first, square = two_moments(x)
            one = torch.ones_like(other.kernel[:1, :1, :1])
            return Law(square * one, first * one[0], len(x), other.dims, (), True, id(x), frozenset({id(x)}))
        if "bp" in other.dims:
            return None
        shape = (1,) * (len(other.dims) - x.ndim) + tuple(x.shape)
        if len(shape) != len(other.dims) or shape[other.dims.index("b")] != 1:
            return None
        kernel, mean, positions = measured(x.reshape(shape), other.dims, 1)
        return Law(kernel, mean, other.features, other.dims, positions, True, id(x), frozenset({id(x)}))
    if "bp" in other.dims or x.ndim != len(other.dims):
        return None
    return known.entry(x, other.dims.index("f")) if guessed_dims(x, other.dims.index("f"), known.inputs) else None


def _together(one: Law, two: Law) -> Law | None:
    if one.dims != two.dims or one.features != two.features:
        return None
    if one.inputs != two.inputs:
        inputs = max(one.inputs, two.inputs)
        if min(one.inputs, two.inputs) != 1:
            return None
        one, two = (x if x.inputs == inputs else x.spread_over(inputs) for x in (one, two))
    if one.positions != two.positions and len(one.kernel) != 1 and len(two.kernel) != 1:
        return None
    fresh = (one.source is not None and one.source not in two.ancestors) or (
        two.source is not None and two.source not in one.ancestors
    )
    if not fresh:
        return None
    cross = one.mean[:, :, None] * two.mean[:, None, :]
    kernel = one.kernel + two.kernel + cross + cross.transpose(1, 2)
    q1, q2 = one.mean_square, two.mean_square
    total = max(q1 + q2, 1e-300)
    newer = one if one.source is not None and one.source not in two.ancestors else two
    return newer.with_(
        kernel=kernel,
        mean=one.mean + two.mean,
        positions=one.positions or two.positions,
        gaussian=one.gaussian and two.gaussian,
        pairs=one.pairs and two.pairs,
        ancestors=one.ancestors | two.ancestors,
        carried=(q1**2 * one.carried + q2**2 * two.carried) / total**2,
        own=(q1**2 * one.own + q2**2 * two.own + 4 * q1 * q2 / one.features) / total**2,
    )


def of_multiply(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """c x for a number c, or a parameter with one value per feature."""
    x, factor = args[0], argument(args, kwargs, 1, "other")
    if not isinstance(x, Tensor) or (isinstance(x, torch.nn.Parameter) and isinstance(factor, Tensor)):
        x, factor = factor, x
    law = known.law(x)
    if law is None:
        return None
    if isinstance(factor, Tensor) and factor.numel() > 1:
        if not isinstance(factor, torch.nn.Parameter) or factor.numel() != law.features:
            return None
        if factor.shape[-1] != law.features and law.dims[-1] == "f":
            return None
        first, square = two_moments(factor)
    else:
        first = float(factor)
        square = first * first
    return _times(x, law, first, square)


def of_divide(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """x / c for a number c."""
    x, by = args[0], argument(args, kwargs, 1, "other")
    law = known.law(x) if isinstance(x, Tensor) else None
    if law is None or (isinstance(by, Tensor) and by.numel() > 1) or float(by) == 0:
        return None
    return _times(x, law, 1 / float(by), 1 / float(by) ** 2)


def _times(x: Tensor, law: Law, first: float, square: float) -> Step:
    return Step("scale", law.with_(kernel=square * law.kernel, mean=first * law.mean), ((x, lambda g: g * square),))


def of_dropout(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """F.dropout: in training E (h/(1-p))² (1-p) = E h²/(1-p) on the diagonal, and nothing between inputs."""
    x = args[0]
    p, training = argument(args, kwargs, 1, "p", 0.5), argument(args, kwargs, 2, "training", True)
    law = known.law(x)
    if law is None:
        return None
    if not training or p == 0:
        return Step("view", law, ((x, lambda g: g),))
    if p == 1:
        return None
    kernel = law.kernel.clone()
    kernel.diagonal(dim1=1, dim2=2).div_(1 - p)
    return Step("dropout", law.with_(kernel=kernel, gaussian=False), ((x, lambda g: g / (1 - p)),))


def of_identity(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """What leaves values as they are: contiguous, clone, to another type, a slice of everything."""
    x = args[0]
    law = known.law(x)
    if law is None or not out.is_floating_point() or out.shape != x.shape or not _whole(args):
        return None
    return Step("view", law, ((x, lambda g: g),))


def _whole(args: tuple[Any, ...]) -> bool:
    """Whether an index, where there is one, holds nothing but slices."""
    index = args[1] if len(args) > 1 else ()
    return all(isinstance(i, slice) or i is Ellipsis for i in index) if isinstance(index, tuple) else True


_ADDS = (torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__, operator.add)
_PRODUCTS = (torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__, torch.multiply)
_QUOTIENTS = (torch.div, Tensor.div, Tensor.div_, Tensor.__truediv__, Tensor.__itruediv__, torch.true_divide)
_SAME = (
    Tensor.contiguous,
    Tensor.clone,
    torch.clone,
    Tensor.to,
    Tensor.float,
    Tensor.double,
    Tensor.type_as,
    Tensor.__getitem__,
)
FUNCTIONS = {
    **dict.fromkeys(_ADDS, of_add),
    **dict.fromkeys(_PRODUCTS, of_multiply),
    **dict.fromkeys(_QUOTIENTS, of_divide),
    **dict.fromkeys(_SAME, of_identity),
    F.dropout: of_dropout,
}
