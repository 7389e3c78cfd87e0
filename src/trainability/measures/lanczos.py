"""The largest algebraic eigenvalue of a symmetric map that is only known by its products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainability.measures._krylov import Krylov

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


@dataclass(frozen=True, eq=False)
class Eigens:
    """The same for each of E maps.

    Args:
        values: (E,) float64, nan where a product was not finite.
        residuals: (E,).
        steps: (E,) products that the member needed; the ensemble takes the most of them.
        converged: (E,) bool.
        vectors: (E, n) unit Ritz vectors.

    >>> largest_eigenvalues(lambda v: torch.tensor([[3.0], [4.0]]) * v, 2, 5).values.round(decimals=9)
    tensor([3., 4.], dtype=torch.float64)
    """

    values: Tensor
    residuals: Tensor
    steps: Tensor
    converged: Tensor
    vectors: Tensor

    def __len__(self) -> int:
        """Number of members."""
        return len(self.values)

    def __getitem__(self, member: int) -> Eigen:
        """One member's."""
        return Eigen(
            float(self.values[member]),
            float(self.residuals[member]),
            int(self.steps[member]),
            bool(self.converged[member]),
            self.vectors[member],
        )


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
    return largest_eigenvalues(
        lambda v: matvec(v[0])[None],
        1,
        n,
        generator=generator,
        max_steps=max_steps,
        tol=tol,
        dtype=dtype,
        device=device,
    )[0]


def largest_eigenvalues(
    matvec: Callable[[Tensor], Tensor],
    members: int,
    n: int,
    *,
    generator: torch.Generator | None = None,
    max_steps: int = 40,
    tol: float = 1e-3,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> Eigens:
    """The largest algebraic eigenvalue of each of E symmetric maps, which are multiplied all at once.

    Every member starts from the same vector and stops where it would stop alone, so that its numbers are
    those of `largest_eigenvalue`; one that is not finite leaves the others alone.

    Args:
        matvec: (E, n) -> (E, n), row e by map e.
        members: E, 1 or more.
        n: size of each map, 1 or more.
        generator, max_steps, tol, dtype, device: as in `largest_eigenvalue`; memory is (E, steps, n) numbers.

    Returns:
        Eigens.

    Raises:
        ValueError: for members, n or max_steps below 1.

    >>> d = torch.tensor([[-5.0, 1.0, 4.0], [-5.0, -1.0, -4.0]], dtype=torch.float64)
    >>> largest_eigenvalues(lambda v: d * v, 2, 3).values.round(decimals=9)
    tensor([ 4., -1.], dtype=torch.float64)
    """
    if n < 1 or max_steps < 1 or members < 1:
        counted = "" if members >= 1 else f" for members={members}"
        raise ValueError(f"Got n={n} and max_steps={max_steps}{counted}; need both at least 1. Give A's size.")
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    device = generator.device if device is None else torch.device(device)
    start = torch.randn(n, generator=generator, dtype=dtype, device=generator.device).to(device)
    most = min(max_steps, n)
    krylov = Krylov(matvec, start.expand(members, n), most)

    values, residuals = (torch.full((members,), torch.nan, dtype=torch.float64) for _ in range(2))
    steps = torch.zeros(members, dtype=torch.int64)
    converged, finished = (torch.zeros(members, dtype=torch.bool) for _ in range(2))
    coefficients = torch.zeros(members, most, 1, dtype=torch.float64)
    for step in range(1, most + 1):
        krylov.grow()
        ritz, vectors = krylov.ritz()
        top = _top(ritz, vectors, krylov.used)
        value = ritz.gather(1, top)[:, 0]
        shape = vectors.gather(2, top[:, None].expand(-1, step, -1))
        residual = krylov.betas[:, step - 1] * shape[:, -1, 0].abs()
        small = residual <= torch.maximum(tol * value.abs(), krylov.rounding)
        lost = ~krylov.finite & ~finished
        stops = ~finished & ~lost & (~krylov.alive | (small & (step >= _FEWEST_STEPS)) | (step == most))
        values[stops], residuals[stops], converged[stops] = value[stops], residual[stops], small[stops]
        coefficients[stops, :step] = shape[stops]
        steps[stops | lost] = step
        finished |= stops | lost
        if bool(finished.all()):
            break
    lifted = krylov.lift(coefficients[:, : krylov.steps])[:, 0]
    return Eigens(values, residuals, steps, converged, lifted)


def ritz_pairs(matvec: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """All Ritz pairs of a symmetric A in the Krylov space of a vector.

        span(q, A q, ..., A^(m-1) q)

    Args:
        matvec: (n,) -> (n,).
        start: (n,) q, any length but 0.
        steps: m, 1 or more; fewer are taken where the space is used up before.

    Returns:
        Values (m,) rising and their vectors (m, n), unit rows; none where a product was not finite.

    Raises:
        ValueError: for steps below 1 or a start of length 0.

    >>> d = torch.tensor([-5.0, 1.0, 4.0], dtype=torch.float64)
    >>> ritz_pairs(lambda v: d * v, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64), 3)[0].round(decimals=9)
    tensor([-5.,  4.], dtype=torch.float64)
    """
    if steps < 1 or not bool(start.norm() > 0):
        raise ValueError(f"Got steps={steps} and a start of length {float(start.norm()):g}; need both above 0.")
    krylov = Krylov(lambda v: matvec(v[0])[None], start[None], min(steps, len(start)))
    while krylov.steps < min(steps, len(start)) and bool(krylov.alive.any()):
        krylov.grow()
    used = int(krylov.used[0]) if bool(krylov.finite[0]) else 0
    values, vectors = torch.linalg.eigh(krylov.tridiagonal()[0, :used, :used])
    return values, krylov.lift(torch.nn.functional.pad(vectors, (0, 0, 0, krylov.steps - used))[None])[0]


def _top(ritz: Tensor, vectors: Tensor, used: Tensor) -> Tensor:
    """(E, 1), index of the largest Ritz value of the part of T that counts; the rest of T is zeros."""
    step = ritz.shape[1]
    beyond = torch.arange(step) >= used[:, None]
    outside = torch.where(beyond[:, :, None], vectors.square(), 0.0).sum(1) > 0.5
    return torch.where(outside, -torch.inf, ritz).argmax(1, keepdim=True)
