"""The largest algebraic eigenvalue of a symmetric map that is only known by its products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_FEWEST_STEPS = 8
"""Fewer can stop at the bulk: on c I plus one outlier a random start is nearly an eigenvector for c."""


@dataclass(frozen=True, eq=False)
class Eigen:
    """An eigenvalue with what is needed to believe it.

    Args:
        value: the largest algebraic Ritz value; nan when a product was not finite.
        residual: |A v - value v| for the unit vector v, by the recurrence; an eigenvalue lies this close.
        steps: products with A that were used.
        converged: the residual is at most tol times |value|, or at the rounding level of A.
        vector: (n,) unit Ritz vector v; zeros when the value is nan.

    >>> largest_eigenvalue(lambda v: 3 * v, 4).value
    3.0
    """

    value: float
    residual: float
    steps: int
    converged: bool
    vector: Tensor


def largest_eigenvalue(
    matvec: Callable[[Tensor], Tensor],
    n: int,
    *,
    generator: torch.Generator | None = None,
    max_steps: int = 40,
    tol: float = 1e-3,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> Eigen:
    """The largest algebraic eigenvalue of a symmetric A, by Lanczos with full reorthogonalisation.

    With Q the orthonormal basis of span(q, A q, A² q, ...), T = Q' A Q is tridiagonal with off-diagonals
    beta; for its top pair (theta, s):

        v = Q s,   |A v - theta v| = beta_m |s_m|

    It is the largest with its sign, not the largest magnitude: power iteration finds the latter, and hardly
    that where the spectrum is nearly symmetric in sign. theta never exceeds the true value. A small residual
    says that *an* eigenvalue is near, and that it is the largest grows likely with the steps; so at least 8
    are taken unless the space is used up before.

    Args:
        matvec: v -> A v for (n,) tensors of `dtype` on `device`; A symmetric, real.
        n: size of A, 1 or more.
        generator: draws the start vector on its own device; by default a fresh one with seed 0, so the answer
            is the same every time and the global random state is not touched.
        max_steps: most products with A; memory is (steps, n) numbers.
        tol: relative residual to stop at.
        dtype: of the basis; float64 unless the device has none.
        device: of the basis; by default the generator's.

    Returns:
        The value, its residual and whether it converged; not converging is not an error. A product that is
        not finite gives value nan, converged False.

    Raises:
        ValueError: for n or max_steps below 1.

    Source:
        Golub and Van Loan, Matrix Computations, 4th ed., Section 10.1 (10.1.4 for the residual); Parlett, The
        Symmetric Eigenvalue Problem, Section 13.2.

    >>> d = torch.tensor([-5.0, 1.0, 4.0], dtype=torch.float64)
    >>> top = largest_eigenvalue(lambda v: d * v, 3)
    >>> round(top.value, 9), top.converged
    (4.0, True)
    """
    if n < 1 or max_steps < 1:
        raise ValueError(f"Got n={n} and max_steps={max_steps}; need both at least 1. Give A's size.")
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    device = generator.device if device is None else torch.device(device)
    start = torch.randn(n, generator=generator, dtype=dtype, device=generator.device).to(device)
    basis = torch.empty(min(max_steps, n), n, dtype=dtype, device=device)
    basis[0] = start / start.norm()
    alphas: list[float] = []
    betas: list[float] = []
    for step in range(1, len(basis) + 1):
        q = basis[step - 1]
        w = matvec(q.clone()).detach().to(device=device, dtype=dtype)
        alphas.append(torch.dot(q, w).item())
        done = basis[:step]
        for _ in range(2):
            w = w - done.T @ (done @ w)
        beta = w.norm().item()
        if not bool(torch.isfinite(torch.tensor([alphas[-1], beta])).all()):
            return Eigen(float("nan"), float("nan"), step, False, torch.zeros_like(q))
        ritz, vectors = torch.linalg.eigh(_tridiagonal(alphas, betas))
        value, last = ritz[-1].item(), abs(vectors[-1, -1].item())
        residual = beta * last
        scale = max(ritz.abs().max().item(), beta)
        rounding = 100 * torch.finfo(dtype).eps * scale
        converged = residual <= max(tol * abs(value), rounding)
        if beta <= rounding or step == len(basis) or (converged and step >= _FEWEST_STEPS):
            vector = done.T @ vectors[:, -1].to(device=device, dtype=dtype)
            return Eigen(value, residual, step, converged, vector / vector.norm())
        betas.append(beta)
        basis[step] = w / beta
    raise AssertionError("unreachable: the last step returns")


def _tridiagonal(alphas: list[float], betas: list[float]) -> Tensor:
    main = torch.diag(torch.tensor(alphas, dtype=torch.float64))
    if not betas:
        return main
    off = torch.diag(torch.tensor(betas, dtype=torch.float64), 1)
    return main + off + off.T
