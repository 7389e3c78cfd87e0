"""The loss at many weights at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from trainability.lab.landscape._weights import Floats, split
from trainability.setup.untouched import untouched

LossFn = Callable[[Tensor, Tensor], Tensor]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """In evaluation mode, and everything put back on the way out.

    Example:
        >>> net = nn.Dropout(0.5)
        >>> with evaluating(net):
        ...     net.training
        False
        >>> net.training
        True
    """
    with untouched(model), torch.no_grad():
        model.eval()
        yield


def losses(
    model: nn.Module, loss_fn: LossFn, x: Tensor, y: Tensor, weights: Callable[[slice], Floats], count: int, chunk: int
) -> Floats:
    """The loss at `count` weight vectors, `chunk` of them in one call.

    Args:
        model: in evaluation mode; its parameters and buffers are read and never written.
        loss_fn: (output, target) -> scalar.
        x, y: one batch.
        weights: rows -> (rows, P), made when they are needed.
        count: of rows.
        chunk: at most so many in one `vmap`.

    Returns:
        (count,), nan or inf where the loss is. Models that `torch.func` cannot follow are evaluated one by one.
    """

    def one(params: dict[str, Tensor]) -> Tensor:
        return loss_fn(functional_call(model, params, (x,)), y)

    found, fused = np.empty(count), True
    for first in range(0, count, chunk):
        rows = slice(first, min(first + chunk, count))
        params = split(torch.from_numpy(weights(rows)), model)
        if fused:
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message="There is a performance drop")
                    found[rows] = vmap(one, randomness="error")(params).double().cpu().numpy()
                continue
            except Exception:  # whatever torch.func cannot follow; a fault of the model's own is raised below
                fused = False
        for i in range(rows.stop - rows.start):
            torch.manual_seed(0)  # a layer that is random in evaluation too: the same draws everywhere
            found[first + i] = float(one({name: value[i] for name, value in params.items()}))
    return found
