"""The largest algebraic eigenvalue of the Hessian of a loss. Built on `lanczos`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainability.measures.lanczos import Eigen, largest_eigenvalue


def sharpness(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    *,
    preconditioner: Sequence[Tensor] | None = None,
    max_steps: int = 40,
    tol: float = 1e-2,
    generator: torch.Generator | None = None,
) -> Eigen:
    """The largest algebraic eigenvalue of the Hessian of a loss, or of that Hessian preconditioned.

        H = d²L/dw²   or   D^(-1/2) H D^(-1/2)

    Plain gradient descent is stable up to lr = 2 / sharpness; `theory.stability` has the other rules.
    Products with H are reverse over reverse: the gradient's graph is built once and walked once per step.
    Attention runs on torch's plain kernel meanwhile: the fused ones have no second derivative. Leaves no
    trace of its own: `.grad` is neither read nor written, no global random number is drawn. What `loss` moves
    (BatchNorm's buffers) is for the caller to put back.

    Args:
        loss: computes the scalar training loss; called once, with gradients on. It must not depend on chance
            (dropout) for the answer to mean anything.
        parameters: tensors to differentiate by; those with requires_grad False are skipped.
        preconditioner: D's diagonal, one positive tensor per entry of `parameters` in the same shapes; for
            Adam sqrt(v_hat) + eps, for RMSProp sqrt(v) + eps.
        max_steps: most products with H; memory is (steps, number of weights) in float64.
        tol: relative residual to stop at.
        generator: draws the start vector; by default a fresh one with seed 0.

    Returns:
        The eigenvalue with its residual; value 0 where the gradient does not depend on the weights, nan where
        the loss is not finite. `vector` is flat, over the parameters that were not skipped.

    Raises:
        ValueError: for no parameter to differentiate by, a loss that is not one number, or a preconditioner
            of the wrong shape or not positive.
        RuntimeError: for an operation that cannot be differentiated twice; torch's own where it has one.

    Source:
        Pearlmutter 1994, Neural Computation 6, 147-160 (products with H); Cohen, Kaur, Li, Kolter and
        Talwalkar 2021, arXiv 2103.00065, Section 2 (the name); Cohen and others 2022, arXiv 2207.14484 (the
        preconditioned one).

    >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> round(sharpness(lambda: 2 * w[0] ** 2 - 5 * w[1] ** 2, [w]).value, 5)
    4.0
    """
    active = [i for i, p in enumerate(parameters) if p.requires_grad]
    if not active:
        raise ValueError(
            f"Got {len(parameters)} parameters, none with requires_grad; need at least one. "
            "Give list(model.parameters())."
        )
    weights = [parameters[i] for i in active]
    sizes = [p.numel() for p in weights]
    device = torch.device("cpu") if weights[0].device.type == "mps" else weights[0].device
    scale = None
    if preconditioner is not None:
        _check_preconditioner(preconditioner, parameters)
        scale = _flat([preconditioner[i] for i in active], device).rsqrt()

    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        value = loss()
        if value.numel() != 1:
            raise ValueError(
                f"The loss has shape {tuple(value.shape)}; need one number. Return its mean over the batch."
            )
        first: tuple[Tensor | None, ...] = (None,) * len(weights)
        if value.requires_grad:
            # A seed that asks for a gradient brings out every function that has no second one, even the last.
            seed = torch.ones_like(value, requires_grad=True)
            first = torch.autograd.grad(value, weights, seed, create_graph=True, allow_unused=True)
    gradient = [g for g in first if g is not None and g.requires_grad]
    seen = [i for i, g in enumerate(first) if g is not None and g.requires_grad]

    _check_twice_differentiable(gradient)

    def matvec(v: Tensor) -> Tensor:
        if not gradient:
            return torch.zeros_like(v) if bool(value.isfinite()) else torch.full_like(v, torch.nan)
        if scale is not None:
            v = v * scale
        pieces = [piece.view_as(p).to(p.dtype).to(p.device) for piece, p in zip(v.split(sizes), weights, strict=True)]
        products = torch.autograd.grad(
            gradient, weights, [pieces[i] for i in seen], retain_graph=True, allow_unused=True
        )
        filled = [torch.zeros_like(p) if h is None else h for h, p in zip(products, weights, strict=True)]
        product = _flat(filled, device)
        return product if scale is None else product * scale

    return largest_eigenvalue(matvec, sum(sizes), generator=generator, max_steps=max_steps, tol=tol, device=device)


def _flat(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    return torch.cat([t.detach().reshape(-1).to(device).double() for t in tensors])


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
