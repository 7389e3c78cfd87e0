"""What a Newton step needs: Hessians by member, products with them, and two solvers that no member shares with another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from trainability.optimizers._rule import Params

Loss = Callable[[Params], Tensor]
Product = Callable[[Tensor], Tensor]


class Graph:
    """The gradient of a loss with its graph, for products with the Hessian of each member.

    Reverse over reverse: forward over reverse has no rule for some losses, and this works inside `vmap` too. The loss of
    one member must not depend on another's parameters; then the gradient of the sum holds each member's own.
    """

    def __init__(self, loss: Loss, params: Params, members: int | None) -> None:
        with torch.enable_grad():
            self.leaves = {name: p.detach().clone().requires_grad_() for name, p in params.items()}
            value = loss(self.leaves)
            needed = () if members is None else (members,)
            if tuple(value.shape) != needed:
                raise ValueError(
                    f"Newton: given a loss of shape {tuple(value.shape)}, needed {needed}: "
                    + ("one number." if members is None else "one number per member.")
                    + " Wrap a loss of one network in torch.func.vmap for an ensemble, or pass stacked=False for a "
                    "single network."
                )
            self.rows = 1 if members is None else members
            tensors = list(self.leaves.values())
            found: tuple[Tensor | None, ...] = (None,) * len(tensors)
            if value.requires_grad:
                found = torch.autograd.grad(value.sum(), tensors, create_graph=True, allow_unused=True)
            filled = [torch.zeros_like(p) if g is None else g for g, p in zip(found, tensors, strict=True)]
            self.gradient = flat(filled, self.rows)

    def product(self, direction: Tensor) -> Tensor:
        """Give H v of each member, `(E, P)`."""
        tensors = list(self.leaves.values())
        if not self.gradient.requires_grad:  # a loss that is linear, or constant
            return torch.zeros_like(direction)
        found = torch.autograd.grad(self.gradient, tensors, direction, retain_graph=True, allow_unused=True)
        filled = [torch.zeros_like(p) if h is None else h for h, p in zip(found, tensors, strict=True)]
        return flat(filled, self.rows).detach()

    def hessian(self) -> Tensor:
        """Give all of each member's Hessian, `(E, P, P)`, made symmetric: one product for each of P weights."""
        columns = []
        for index in range(self.gradient.shape[1]):
            unit = torch.zeros_like(self.gradient)
            unit[:, index] = 1
            columns.append(self.product(unit))
        whole = torch.stack(columns, -1)
        return (whole + whole.mT) / 2


def flat(tensors: list[Tensor], rows: int) -> Tensor:
    """Give `(E, P)`: each member's weights in one row, in the order of the tensors."""
    return torch.cat([tensor.reshape(rows, -1) for tensor in tensors], 1)


def unflat(rows: Tensor, like: Params) -> Params:
    """Give rows `(E, P)` back as tensors in the shapes of parameters."""
    sizes = [param.numel() // len(rows) for param in like.values()]
    pieces = rows.split(sizes, 1)
    return {name: piece.reshape(p.shape) for (name, p), piece in zip(like.items(), pieces, strict=True)}


def solve(
    hessian: Tensor, grad: Tensor, damping: Tensor, floor: Tensor, absolute: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Give (|H| + damping)^-1 g by eigenvalues, and per member how many were raised and how many were negative.

    Args:
        hessian: `(E, P, P)`, symmetric.
        grad: `(E, P)`.
        damping: `(E,)`, at least 0.
        floor: `(E,)`; an eigenvalue below floor times the largest one in size is raised to that.
        absolute: take eigenvalues by their size; otherwise with their sign.

    Returns:
        Directions `(E, P)`, raised `(E,)`, negative `(E,)`.
    """
    good = hessian.isfinite().all(-1).all(-1) & grad.isfinite().all(-1)
    safe = torch.where(
        good[:, None, None], hessian.double(), torch.eye(grad.shape[1], dtype=torch.float64).to(hessian.device)
    )
    values, vectors = torch.linalg.eigh(safe)
    damped = (values.abs() if absolute else values) + damping[:, None]
    size = damped.abs()
    largest = size.amax(1, keepdim=True)
    least = torch.where(largest > 0, floor[:, None] * largest, 1.0)  # no curvature at all: the gradient itself
    # An eigenvalue of rounding is one of 0, whatever the floor.
    zero = size <= torch.maximum(least, largest * grad.shape[1] * torch.finfo(hessian.dtype).eps) * (largest > 0)
    zero |= largest == 0
    sign = torch.where(damped < 0, -1.0, 1.0)
    used = torch.where(size < least, sign * least, damped)
    inside = vectors.mT @ grad.double()[..., None]
    step = (vectors @ (inside / used[..., None]))[..., 0].to(grad.dtype)
    negative = values < -largest * grad.shape[1] * torch.finfo(hessian.dtype).eps
    step = torch.where(good[:, None], step, torch.nan)
    return step, torch.where(good, zero.sum(1), 0), torch.where(good, negative.sum(1), 0)


def conjugate_gradients(
    product: Product, grad: Tensor, damping: Tensor, floor: Tensor, steps: int, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Give about (H + damping)^-1 g by conjugate gradients in each member, stopped where the curvature ends.

    A member stops when its residual is below tolerance · |g|, or when it meets a direction whose curvature is negative or
    below floor times the largest it has met. What it has by then is a descent direction; if that is nothing yet, it is the
    gradient over that curvature's size, or the gradient where there is none at all.

    Args:
        product: v -> H v, `(E, P)` both.
        grad: `(E, P)`.
        damping: `(E,)`.
        floor: `(E,)`.
        steps: most products.
        tolerance: relative residual.

    Returns:
        Directions `(E, P)`, and per member 1 or 0: stopped at no curvature, stopped at negative curvature.
    """
    answer, residual = torch.zeros_like(grad), grad.clone()
    direction, square = residual.clone(), (residual * residual).sum(1)
    goal, largest = tolerance * square.sqrt(), torch.zeros_like(square)
    singular, negative = torch.zeros_like(square, dtype=torch.long), torch.zeros_like(square, dtype=torch.long)
    finite = square.isfinite()
    active = finite & (square > 0)
    noise = torch.finfo(grad.dtype).eps
    for index in range(steps):
        if not active.any():
            break
        image = product(direction) + damping.to(grad.dtype)[:, None] * direction
        length = (direction * direction).sum(1)
        curvature = (direction * image).sum(1) / length
        finite = finite & (curvature.isfinite() | ~active)
        largest = torch.where(active, torch.maximum(largest, curvature.abs()), largest)
        below = active & (curvature <= torch.maximum(floor.to(grad.dtype), torch.full_like(largest, noise)) * largest)
        negative += below & (curvature < -noise * largest)
        singular += below & (curvature >= -noise * largest)
        if index == 0:
            size = torch.where(curvature == 0, 1.0, curvature.abs())
            answer = torch.where(below[:, None], grad / size[:, None], answer)
        active = active & ~below & curvature.isfinite()
        rate = torch.where(active, square / (length * curvature), 0.0)
        # A step of nothing, and not 0 · inf, for members that are done.
        answer = torch.where(active[:, None], answer + rate[:, None] * direction, answer)
        residual = torch.where(active[:, None], residual - rate[:, None] * image, residual)
        fresh = (residual * residual).sum(1)
        direction = torch.where(active[:, None], residual + (fresh / square)[:, None] * direction, direction)
        square = torch.where(active, fresh, square)
        active = active & (square.sqrt() > goal)
    return torch.where(finite[:, None], answer, torch.nan), singular, negative
