"""The largest algebraic eigenvalue of the Hessian of a loss. Built on `hessian` and `lanczos`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from trainability.measures import hessian
from trainability.measures.lanczos import Eigen, Eigens, largest_eigenvalue, largest_eigenvalues


def sharpness(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    *,
    preconditioner: Sequence[Tensor] | None = None,
    weight_decay: float | Sequence[float] = 0.0,
    max_steps: int = 40,
    tol: float = 1e-2,
    generator: torch.Generator | None = None,
) -> Eigen:
    """The largest algebraic eigenvalue of the Hessian of a loss, or of that Hessian preconditioned.

        H = d²L/dw²   or   D^(-1/2) (H + C) D^(-1/2)

    Plain gradient descent is stable up to lr = 2 / sharpness; `theory.stability` has the other rules.
    Products with H are reverse over reverse: the gradient's graph is built once and walked once per step.
    Attention runs on torch's plain kernel meanwhile: the fused ones have no second derivative. Where two
    eigenvalues lie near each other at the top, a loose `tol` may settle on the lower one;
    `spectrum.extremes` searches once more for anything above what it found, for about twice the products.
    Leaves no trace of its own: `.grad` is neither read nor written, no global random number is drawn. What
    `loss` moves (BatchNorm's buffers) is for the caller to put back.

    Args:
        loss: computes the scalar training loss; called once, with gradients on. It must not depend on chance
            (dropout) for the answer to mean anything.
        parameters: tensors to differentiate by; those with requires_grad False are skipped.
        preconditioner: D's diagonal, one positive tensor per entry of `parameters` in the same shapes; for
            Adam sqrt(v_hat) + eps, for RMSProp sqrt(v) + eps.
        weight_decay: C's diagonal, one number or one per entry of `parameters`.
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
    products = hessian.of_loss(loss, parameters, preconditioner=preconditioner, weight_decay=weight_decay)
    return of_products(products, max_steps=max_steps, tol=tol, generator=generator)


def sharpness_over(
    loss: Callable[..., Tensor],
    batches: Iterable[Sequence[Tensor]],
    parameters: Sequence[Tensor],
    *,
    reduction: str = "mean",
    preconditioner: Sequence[Tensor] | None = None,
    weight_decay: float | Sequence[float] = 0.0,
    keep_graphs: bool = False,
    max_steps: int = 40,
    tol: float = 1e-2,
    generator: torch.Generator | None = None,
) -> Eigen:
    """The sharpness of the loss over all batches of a loader, exactly as if they were one batch.

        L = sum_b n_b L_b / sum_b n_b

    Args:
        loss: (*batch) -> scalar.
        batches: a list or a DataLoader of tuples of tensors, samples first; passed over once per product.
        parameters, preconditioner, weight_decay, max_steps, tol, generator: as in `sharpness`.
        reduction: "mean" or "sum": what `loss` does over samples.
        keep_graphs: trade memory for time; see `hessian.of_batches`.

    Returns:
        As `sharpness`.

    Raises:
        ValueError: as `sharpness`; no batch; or batches that change in number of samples from pass to pass.
        RuntimeError: as `sharpness`.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> data = [(torch.tensor([1.0, 2.0]),), (torch.tensor([4.0]),)]
    >>> round(sharpness_over(lambda x: (w * x).square().mean(), data, [w]).value, 5)
    14.0
    """
    products = hessian.of_batches(
        loss,
        batches,
        parameters,
        reduction=reduction,
        preconditioner=preconditioner,
        weight_decay=weight_decay,
        keep_graphs=keep_graphs,
    )
    return of_products(products, max_steps=max_steps, tol=tol, generator=generator)


def sharpness_of_members(
    losses: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    *,
    preconditioner: Sequence[Tensor] | None = None,
    weight_decay: float | Sequence[float] = 0.0,
    max_steps: int = 40,
    tol: float = 1e-2,
    generator: torch.Generator | None = None,
) -> Eigens:
    """The sharpness of every member of an ensemble, one product for all of them at a time.

    Args:
        losses: gives (E,), where member e's loss depends on slice e of every parameter alone.
        parameters: stacked tensors (E, ...).
        preconditioner: stacked tensors in the same shapes.
        weight_decay, max_steps, tol, generator: as in `sharpness`.

    Returns:
        Eigens, whose numbers are those of `sharpness` for each member alone.

    Raises:
        ValueError: as `sharpness`; losses that are not (E,) or that couple members.
        RuntimeError: as `sharpness`.

    >>> w = torch.tensor([[1.0], [2.0]], requires_grad=True)
    >>> sharpness_of_members(lambda: (w ** 3).sum(1), [w]).values.tolist()
    [6.0, 12.0]
    """
    products = hessian.of_members(losses, parameters, preconditioner=preconditioner, weight_decay=weight_decay)
    assert products.members is not None
    return largest_eigenvalues(
        products.matvec,
        products.members,
        products.n,
        generator=generator,
        max_steps=max_steps,
        tol=tol,
        device=products.device,
    )


def of_products(
    products: hessian.Products,
    *,
    max_steps: int = 40,
    tol: float = 1e-2,
    generator: torch.Generator | None = None,
) -> Eigen:
    """The same from products that are at hand, for one model.

    Args:
        products: from `hessian.of_loss` or `hessian.of_batches`.
        max_steps, tol, generator: as in `sharpness`.

    Returns:
        Eigen.

    >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> round(of_products(hessian.of_loss(lambda: (w ** 2).sum(), [w])).value, 5)
    2.0
    """
    return largest_eigenvalue(
        products.matvec, products.n, generator=generator, max_steps=max_steps, tol=tol, device=products.device
    )
