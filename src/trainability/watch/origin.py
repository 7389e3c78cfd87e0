"""Where a NaN came from: the data that a loss was made of, found by its graph."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

NODES = 5000


def nonfinite_origin(loss: Tensor, own: Iterable[Tensor]) -> str:
    """Say which tensor that came from outside holds a value that is not finite.

    Walks the operations behind a loss, before backward frees them, and looks at what they kept for the backward
    pass: a tensor without a history that is neither a weight nor a buffer is data.

    Args:
        loss: with its graph.
        own: the model's parameters and buffers.

    Returns:
        A clause such as "3 values of a (32, 64) tensor that went in were not finite"; "" where a weight is not finite
        either, or none was found.

    Example:
        >>> net = torch.nn.Linear(2, 1)
        >>> loss = net(torch.tensor([[1.0, float("nan")]])).sum()
        >>> nonfinite_origin(loss, net.parameters())
        '1 value of a (1, 2) tensor that went in was not finite'
        >>> nonfinite_origin(net(torch.ones(1, 2)).sum(), net.parameters())
        ''
    """
    own = list(own)
    if not all(bool(torch.isfinite(t).all()) for t in own if t.is_floating_point()):
        return ""
    mine = {t.untyped_storage().data_ptr() for t in own if t.layout is torch.strided}
    waiting, met = [loss.grad_fn], set[object]()
    while waiting and len(met) < NODES:
        node = waiting.pop()
        if node is None or node in met:
            continue
        met.add(node)
        waiting += [following for following, _ in node.next_functions]
        for name in dir(node):
            if name.startswith("_saved_"):
                found = _judge(node, name, mine)
                if found:
                    return found
    return ""


def _judge(node: object, name: str, mine: set[int]) -> str:
    try:
        kept = getattr(node, name)
    except Exception:  # freed already, or packed by hooks that do not give it back
        return ""
    if not isinstance(kept, Tensor) or kept.layout is not torch.strided or not kept.is_floating_point():
        return ""
    if kept.requires_grad or kept.grad_fn is not None or kept.untyped_storage().data_ptr() in mine:
        return ""
    bad = int((~torch.isfinite(kept)).sum())
    if not bad or name == "_saved_result":
        return ""
    return f"{bad} value{'s' if bad > 1 else ''} of a {tuple(kept.shape)} tensor that went in {_were(bad)} not finite"


def _were(count: int) -> str:
    return "were" if count > 1 else "was"
