"""Views: dimensions reordered, merged and split. Where positions become features, kernels are averaged over them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainability.forecast.law import Law
from trainability.forecast.ops._op import Known, Step, argument


def of_reshape(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """view, reshape, flatten, squeeze and unsqueeze: whatever keeps the row-major order."""
    x = args[0]
    law = known.law(x)
    if law is None or out.numel() != x.numel():
        return None
    old = _sizes(law, tuple(x.shape), known.inputs)
    new = _matched(old, tuple(out.shape))
    if new is None:
        return None
    merged = [labels for labels in new if "f" in labels and len(labels) > 1]
    if merged:
        if "b" in merged[0] or sum("p" in labels for labels in new if labels is not merged[0]):
            return None
        P = len(law.kernel)
        dims = tuple("f" if labels is merged[0] else _name(labels) for labels in new)
        after = law.with_(
            kernel=law.kernel.mean(0, keepdim=True), mean=law.mean.mean(0, keepdim=True), features=law.features * P,
            dims=dims, positions=(),
        )  # fmt: skip
        return Step("view", after, ((x, lambda g: g.expand(P, -1)),))
    positions = tuple(
        size // (known.inputs if "b" in labels else 1)
        for labels, size in zip(new, out.shape, strict=True)
        if "p" in labels
    )
    after = law.with_(dims=tuple(_name(labels) for labels in new), positions=positions)
    return Step("view", after, ((x, lambda g: g),))


def _name(labels: tuple[str, ...]) -> str:
    kinds = set(labels) - {"1"}
    return "bp" if kinds == {"b", "p"} else next(iter(kinds)) if len(kinds) == 1 else "p"


def _sizes(law: Law, shape: tuple[int, ...], inputs: int) -> list[tuple[str, int]]:
    """(label, size) of every dimension, inputs and positions apart."""
    found: list[tuple[str, int]] = []
    for label, size in zip(law.dims, shape, strict=True):
        found += [("b", inputs), ("p", size // inputs)] if label == "bp" else [(label, size)]
    return found


def _matched(old: list[tuple[str, int]], shape: tuple[int, ...]) -> list[tuple[str, ...]] | None:
    """For each new dimension the labels of the old ones that it holds; None where one but a position's is cut."""
    left = [item for item in old if item[1] != 1 or item[0] in ("f", "b")]
    result: list[tuple[str, ...]] = []
    for size in shape:
        labels: list[str] = []
        room = size
        while left and room > 1 and room % left[0][1] == 0:
            label, n = left.pop(0)
            labels.append(label)
            room //= n
        if room > 1:
            if not left or left[0][0] != "p" or left[0][1] % room:
                return None
            labels.append("p")
            left[0] = ("p", left[0][1] // room)
        if not labels and left and left[0][1] == 1 and left[0][0] in ("b", "f"):
            labels.append(left.pop(0)[0])
        result.append(tuple(labels) or ("1",))
    if any(n > 1 for _, n in left):
        return None
    flat = [label for labels in result for label in labels]
    return result if "f" in flat and "b" in flat else None


def of_permute(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """x.permute(dims)."""
    dims = args[1] if len(args) == 2 and not isinstance(args[1], int) else args[1:]
    return _permuted(known, args[0], [int(d) for d in dims or kwargs.get("dims", ())])


def of_transpose(known: Known, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Step | None:
    """x.transpose(dim0, dim1)."""
    x = args[0]
    order = list(range(x.ndim))
    a, b = (argument(args, kwargs, n, name) for n, name in ((1, "dim0"), (2, "dim1")))
    order[a], order[b] = order[b], order[a]
    return _permuted(known, x, order)


def _permuted(known: Known, x: Tensor, order: list[int]) -> Step | None:
    law = known.law(x)
    if law is None or len(order) != x.ndim:
        return None
    places = [n % x.ndim for n in order if law.dims[n] == "p"]
    if places != sorted(places):
        return None
    return Step("view", law.with_(dims=tuple(law.dims[n] for n in order)), ((x, lambda g: g),))


_RESHAPES = (
    Tensor.view, Tensor.reshape, torch.reshape, Tensor.flatten, torch.flatten, Tensor.unflatten, Tensor.squeeze,
    Tensor.unsqueeze, torch.squeeze, torch.unsqueeze,
)  # fmt: skip
FUNCTIONS = {
    **dict.fromkeys(_RESHAPES, of_reshape),
    Tensor.permute: of_permute,
    torch.permute: of_permute,
    Tensor.transpose: of_transpose,
    torch.transpose: of_transpose,
    Tensor.swapaxes: of_transpose,
}
