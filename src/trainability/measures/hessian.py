"""Products with the Hessian of a loss, for one model, over the batches of a loader, or for a whole ensemble."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel


@dataclass(frozen=True, eq=False)
class Products:
    """v -> (H + C) v, or D^(-1/2) (H + C) D^(-1/2) v, with what the passes for it showed.

    Args:
        matvec: (n,) -> (n,) float64; for an ensemble (E, n) -> (E, n), row e by member e's Hessian.
        n: weights that are not frozen, of one member.
        members: E; None for a single model.
        device: of the vectors.
        loss: the loss, a float64 scalar or (E,), without the weight decay.
        gradient: (n,) or (E, n), of the same; not preconditioned.
        flat: the Hessian is 0 by construction: the gradient does not depend on the weights.

    >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> of_loss(lambda: 2 * w[0] ** 2 + w[0] * w[1], [w]).matvec(torch.tensor([1.0, 0.0]))
    tensor([4., 1.], dtype=torch.float64)
    """

    matvec: Callable[[Tensor], Tensor]
    n: int
    members: int | None
    device: torch.device
    loss: Tensor
    gradient: Tensor
    flat: bool


def of_loss(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    *,
    preconditioner: Sequence[Tensor] | None = None,
    weight_decay: float | Sequence[float] = 0.0,
) -> Products:
    """Products with the Hessian of a loss that is computed in one piece; its graph is built once and kept.

        H v = d/dw (dL/dw · v),   C = diag(weight_decay)

    Reverse over reverse: a forward derivative of the gradient (`torch.func.jvp`) raises with
    `F.mse_loss`. Attention runs on torch's plain kernel: the fused ones have no second derivative. Leaves no
    trace of its own: `.grad` is neither read nor written, no global random number is drawn. What `loss` moves
    (BatchNorm's buffers) is for the caller to put back.

    Args:
        loss: computes the scalar training loss; called once, with gradients on. It must not depend on chance
            (dropout) for the products to mean anything.
        parameters: tensors to differentiate by; those with requires_grad False are skipped.
        preconditioner: D's diagonal, one positive tensor per entry of `parameters` in the same shapes; for
            Adam sqrt(v_hat) + eps, for RMSProp sqrt(v) + eps.
        weight_decay: C's diagonal, one number or one per entry of `parameters`: a decay that an optimizer adds
            to the gradient.

    Returns:
        Products.

    Raises:
        ValueError: for no parameter to differentiate by, a loss that is not one number, or a preconditioner
            of the wrong shape or not positive.
        RuntimeError: for an operation that cannot be differentiated twice; torch's own where it has one.

    Source:
        Pearlmutter 1994, Neural Computation 6, 147-160.

    >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> found = of_loss(lambda: w[0] ** 2, [w], weight_decay=0.5, preconditioner=[torch.tensor([4.0, 1.0])])
    >>> found.matvec(torch.tensor([1.0, 1.0])).tolist()
    [0.625, 0.5]
    """
    layout = _Layout(parameters, preconditioner, weight_decay)
    return layout.products(lambda: iter([(loss, 1.0)]), keep=True)


def of_batches(
    loss: Callable[..., Tensor],
    batches: Iterable[Sequence[Tensor]],
    parameters: Sequence[Tensor],
    *,
    reduction: str = "mean",
    preconditioner: Sequence[Tensor] | None = None,
    weight_decay: float | Sequence[float] = 0.0,
    keep_graphs: bool = False,
) -> Products:
    """Products with the Hessian of a loss over all batches of a loader, as if all samples were one batch.

        L = sum_b n_b L_b / sum_b n_b   (reduction "mean"),   L = sum_b L_b   ("sum")

    Exact for losses that are a mean (or a sum) over samples, whatever the size of the last batch. Not for what
    couples the samples of a batch: BatchNorm in training mode, class weights or ignored labels with a mean.

    Args:
        loss: (*batch) -> scalar, that batch's loss.
        batches: iterated once here and once per product unless graphs are kept, so a list or a DataLoader
            and no iterator; batches are tuples whose first tensor has samples first. Order does not matter.
        parameters, preconditioner, weight_decay: as in `of_loss`.
        reduction: "mean" or "sum": what `loss` does over samples.
        keep_graphs: build each batch's graph once and keep it: several times faster, with the memory of a
            backward pass over all samples.

    Returns:
        Products.

    Raises:
        ValueError: as `of_loss`; no batch; or another number of samples at a later pass.
        RuntimeError: as `of_loss`.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> data = [(torch.tensor([1.0, 2.0]),), (torch.tensor([4.0]),)]
    >>> of_batches(lambda x: (w * x).square().mean(), data, [w]).matvec(torch.ones(1)).item()
    14.0
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f'Got reduction={reduction!r}; need "mean" or "sum": what the loss does over its samples.')
    layout = _Layout(parameters, preconditioner, weight_decay)
    sizes = [len(batch[0]) for batch in batches]
    total = sum(sizes)
    if not total:
        raise ValueError("Got no samples in the batches; need at least one. Give a list or a DataLoader that has some.")

    def pieces() -> Iterator[tuple[Callable[[], Tensor], float]]:
        seen = 0
        for batch in batches:
            seen += len(batch[0])
            yield functools.partial(loss, *batch), len(batch[0]) / total if reduction == "mean" else 1.0
        if seen != total:
            raise ValueError(
                f"Got {seen} samples in a later pass over the batches and {total} in the first; need the same ones at "
                "every pass. Give a list or a DataLoader, not an iterator."
            )

    return layout.products(pieces, keep=keep_graphs)


def of_members(
    losses: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    *,
    preconditioner: Sequence[Tensor] | None = None,
    weight_decay: float | Sequence[float] = 0.0,
) -> Products:
    """Products with the Hessians of all members of an ensemble at once, for the price of one pass.

        H = diag(H_1, ..., H_E), because member e's loss depends on slice e of every parameter alone

    Args:
        losses: gives (E,), each member's loss; called once.
        parameters: stacked tensors (E, ...).
        preconditioner: stacked tensors in the same shapes.
        weight_decay: one number for all members or one per entry of `parameters`.

    Returns:
        Products with `members` E; vectors are (E, n).

    Raises:
        ValueError: as `of_loss`; losses that are not (E,), parameters with another first dimension, or a loss
            that depends on another member's parameters.
        RuntimeError: as `of_loss`.

    >>> w = torch.tensor([[1.0], [2.0]], requires_grad=True)
    >>> of_members(lambda: (w ** 3).sum(1), [w]).matvec(torch.ones(2, 1)).tolist()
    [[6.0], [12.0]]
    """
    layout = _Layout(parameters, preconditioner, weight_decay, members=True)
    return layout.products(lambda: iter([(losses, 1.0)]), keep=True)


class _Layout:
    """How parameters lie in a flat vector, and what is done to it besides the Hessian."""

    def __init__(
        self,
        parameters: Sequence[Tensor],
        preconditioner: Sequence[Tensor] | None,
        weight_decay: float | Sequence[float],
        members: bool = False,
    ) -> None:
        active = [i for i, p in enumerate(parameters) if p.requires_grad]
        if not active:
            raise ValueError(
                f"Got {len(parameters)} parameters, none with requires_grad; need at least one. "
                "Give list(model.parameters())."
            )
        self.weights = [parameters[i] for i in active]
        shapes = [tuple(p.shape) for p in self.weights]
        self.members = None
        if members:
            if any(not s or s[0] != shapes[0][0] for s in shapes):
                raise ValueError(
                    f"Got stacked parameters of shapes {shapes}; need the same number of members first in each. "
                    "Stack the members along the first dimension."
                )
            self.members = shapes[0][0]
        self.sizes = [p.numel() // (self.members or 1) for p in self.weights]
        self.device = torch.device("cpu") if self.weights[0].device.type == "mps" else self.weights[0].device
        self.scale = None
        if preconditioner is not None:
            _check_preconditioner(preconditioner, parameters)
            self.scale = self.flat([preconditioner[i] for i in active]).rsqrt()
        self.decay: Tensor | float = 0.0
        if isinstance(weight_decay, Sequence):
            if len(weight_decay) != len(parameters):
                raise ValueError(
                    f"Got {len(weight_decay)} values of weight_decay for {len(parameters)} parameters; need one for "
                    "each, or one number for all."
                )
            self.decay = self.flat(
                [torch.full_like(p, weight_decay[i]) for i, p in zip(active, self.weights, strict=True)]
            )
        else:
            self.decay = float(weight_decay)

    def flat(self, tensors: Sequence[Tensor]) -> Tensor:
        rows = (self.members, -1) if self.members is not None else (-1,)
        return torch.cat([t.detach().reshape(rows).to(self.device).double() for t in tensors], dim=-1)

    def split(self, v: Tensor) -> list[Tensor]:
        pieces = v.split(self.sizes, dim=-1)
        return [piece.reshape(p.shape).to(p) for piece, p in zip(pieces, self.weights, strict=True)]

    def products(self, pieces: Callable[[], Iterable[tuple[Callable[[], Tensor], float]]], keep: bool) -> Products:
        kept: list[tuple[_Graph, float]] = []
        shape = () if self.members is None else (self.members,)
        n = sum(self.sizes)
        loss = torch.zeros(shape, dtype=torch.float64, device=self.device)
        gradient = torch.zeros(*shape, n, dtype=torch.float64, device=self.device)
        finite, flat = torch.ones(shape, dtype=torch.bool, device=self.device), True
        for compute, weight in pieces():
            graph = _Graph(compute, self.weights, self.members)
            value = graph.value.detach().reshape(shape).to(self.device).double()
            finite &= value.isfinite()
            loss += weight * value
            gradient += weight * self.flat(graph.filled(graph.first))
            flat &= not graph.seen
            if keep:
                kept.append((graph, weight))
        poison = torch.where(finite, 0.0, torch.nan)[..., None]

        def graphs() -> Iterator[tuple[_Graph, float]]:
            if keep or flat:
                yield from kept
                return
            for compute, weight in pieces():
                yield _Graph(compute, self.weights, self.members), weight

        def matvec(v: Tensor) -> Tensor:
            v = v.to(self.device).double()
            if self.scale is not None:
                v = v * self.scale
            parts = self.split(v)
            product = v * self.decay + poison
            for graph, weight in graphs():
                if graph.seen:
                    product = product + weight * self.flat(graph.product(parts))
            return product if self.scale is None else product * self.scale

        no_decay = isinstance(self.decay, float) and self.decay == 0
        return Products(matvec, n, self.members, self.device, loss, gradient, flat and no_decay)


class _Graph:
    """One loss and its gradient, with the graph for products."""

    def __init__(self, compute: Callable[[], Tensor], weights: Sequence[Tensor], members: int | None) -> None:
        self.weights = weights
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            value = compute()
            if members is None and value.numel() != 1:
                raise ValueError(
                    f"The loss has shape {tuple(value.shape)}; need one number. Return its mean over the batch."
                )
            if members is not None and tuple(value.shape) != (members,):
                raise ValueError(
                    f"The losses have shape {tuple(value.shape)}; need ({members},), one number for each member of the "
                    "stacked parameters."
                )
            self.value = value
            first: tuple[Tensor | None, ...] = (None,) * len(weights)
            if value.requires_grad:
                if members is not None and members > 1:
                    _check_apart(value, weights)
                # A seed that asks for a gradient brings out every function that has no second one, even the last.
                seed = torch.ones_like(value, requires_grad=True)
                first = torch.autograd.grad(value, weights, seed, create_graph=True, allow_unused=True)
        self.first = first
        self.seen = [i for i, g in enumerate(first) if g is not None and g.requires_grad]
        self.gradient = [g for g in first if g is not None and g.requires_grad]
        _check_twice_differentiable(self.gradient)

    def filled(self, tensors: Iterable[Tensor | None]) -> list[Tensor]:
        return [torch.zeros_like(p) if t is None else t for t, p in zip(tensors, self.weights, strict=True)]

    def product(self, parts: Sequence[Tensor]) -> list[Tensor]:
        along = [parts[i] for i in self.seen]
        return self.filled(
            torch.autograd.grad(self.gradient, self.weights, along, retain_graph=True, allow_unused=True)
        )


def _check_apart(losses: Tensor, weights: Sequence[Tensor]) -> None:
    # Random weights on the losses, in one pass: a slice's gradient must scale with its own loss and no other.
    half = torch.arange(len(losses), device=losses.device) % 2 == 0
    grads = torch.autograd.grad(losses, weights, half.to(losses), retain_graph=True, allow_unused=True)
    for g in grads:
        if g is not None and bool((g[~half] != 0).any() & g[~half].isfinite().all()):
            raise ValueError(
                "The losses of some members depend on the parameters of others; need each to depend on its own slice "
                "alone. Do not reduce over the first dimension, and leave out BatchNorm over stacked members."
            )


def _check_preconditioner(preconditioner: Sequence[Tensor], parameters: Sequence[Tensor]) -> None:
    given = [tuple(d.shape) for d in preconditioner]
    needed = [tuple(p.shape) for p in parameters]
    if given != needed:
        raise ValueError(
            f"Got a preconditioner of shapes {given}; need the parameters' shapes {needed}. Give one tensor for each."
        )
    if not all(bool((d.isfinite() & (d > 0)).all()) for d in preconditioner):
        raise ValueError(
            "Got a preconditioner with values that are 0, negative or not finite; need all above 0. "
            "Give sqrt(v_hat) + eps."
        )


def _check_twice_differentiable(gradient: Sequence[Tensor]) -> None:
    # A backward marked once_differentiable leaves a node that raises when it is walked, but hangs it where
    # autograd.grad never walks: its part of the Hessian would be missing without a word.
    waiting = [g.grad_fn for g in gradient]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == "torch::autograd::Error":
            raise RuntimeError(
                "The loss uses a function whose backward is marked @once_differentiable; need one that can "
                "be differentiated twice. Measure without it, or write its backward in differentiable "
                "operations."
            )
        waiting.extend(following for following, _ in node.next_functions)
