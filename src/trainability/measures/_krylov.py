"""Lanczos bases of several symmetric maps grown side by side, with full reorthogonalisation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Matvec = Callable[[Tensor], Tensor]


class Krylov:
    """Bases of span(q, A q, A² q, ...) for E maps at once, one product with all of them a step.

        Q' A Q = T, tridiagonal with diagonal alpha and off-diagonal beta;   A Q = Q T + beta_m q_{m+1} e_m'

    A member whose space is used up, or whose product was not finite, goes on with zero vectors, which move
    nothing: its alphas and betas are 0 from there and `used` says how many rows count.

    Args:
        matvec: (E, n) -> (E, n), each row by its own map.
        start: (E, n), any length; a row of zeros asks nothing of that member.
        most: largest number of steps.
        locked: (E, L, n), orthonormal rows (or zeros) to stay orthogonal to; the maps are then P A P.
    """

    def __init__(self, matvec: Matvec, start: Tensor, most: int, locked: Tensor | None = None) -> None:
        members, n = start.shape
        self.matvec = matvec
        self.locked = locked
        self.basis = torch.empty(members, most, n, dtype=start.dtype, device=start.device)
        self.steps = 0
        self.alphas = torch.zeros(members, most, dtype=torch.float64)
        self.betas = torch.zeros(members, most, dtype=torch.float64)
        self.used = torch.zeros(members, dtype=torch.int64)
        self.finite = torch.ones(members, dtype=torch.bool)
        self.scale = torch.zeros(members, dtype=torch.float64)
        least = torch.zeros_like(start[:, :1])
        if locked is not None:
            least = 1e-8 * start.norm(dim=1, keepdim=True)  # less is rounding: the locked rows span everything
            start = _outside(locked, _outside(locked, start))
        length = start.norm(dim=1, keepdim=True)
        length = torch.where(length > least, length, 0.0)
        self.alive = (length[:, 0] > 0).cpu()
        self._next = torch.where(length > 0, start / length, 0.0)

    @property
    def rounding(self) -> Tensor:
        """(E,), what no residual can be told from 0 below."""
        return 100 * torch.finfo(self.basis.dtype).eps * self.scale

    def grow(self) -> None:
        """Take one product with every map."""
        step, q = self.steps, self._next
        self.basis[:, step] = q
        w = self.matvec(q.clone()).detach().to(device=q.device, dtype=q.dtype)
        alpha = (q * w).sum(1)
        done = self.basis[:, : step + 1]
        for _ in range(2):
            w = _outside(done, w)
            if self.locked is not None:
                w = _outside(self.locked, w)
        beta = w.norm(dim=1)
        a, b = alpha.double().cpu(), beta.double().cpu()
        good = a.isfinite() & b.isfinite()
        self.finite &= good | ~self.alive
        counted = self.alive & good
        zero = torch.zeros_like(a)
        a, b = torch.where(counted, a, zero), torch.where(counted, b, zero)
        before = self.betas[:, step - 1] if step else zero
        self.scale = torch.maximum(self.scale, a.abs() + b + before)
        self.alphas[:, step], self.betas[:, step] = a, b
        self.used += counted
        self.alive = counted & (b > self.rounding)
        ends = ~self.alive & counted
        self.betas[ends, step] = 0.0
        going = self.alive.to(w.device)[:, None]
        self._next = torch.where(going, w / beta[:, None], 0.0)
        self.steps += 1

    def ritz(self) -> tuple[Tensor, Tensor]:
        """Values (E, s) in rising order and vectors (E, s, s) of T, for s steps; rows of T past `used` are 0."""
        values, vectors = torch.linalg.eigh(self.tridiagonal())
        return values, vectors

    def tridiagonal(self) -> Tensor:
        """T (E, s, s)."""
        s = self.steps
        t = torch.diag_embed(self.alphas[:, :s])
        if s > 1:
            off = torch.diag_embed(self.betas[:, : s - 1], offset=1)
            t = t + off + off.mT
        return t

    def lift(self, coefficients: Tensor) -> Tensor:
        """(E, s, k) in the basis -> (E, k, n) unit vectors."""
        c = coefficients.to(self.basis)
        vectors = c.mT @ self.basis[:, : c.shape[1]]
        return vectors / vectors.norm(dim=2, keepdim=True).clamp_min(torch.finfo(vectors.dtype).tiny)


def _outside(rows: Tensor, w: Tensor) -> Tensor:
    """W without its part in the rows' span: (E, s, n), (E, n) -> (E, n)."""
    if len(rows) == 1:  # a plain product is many times faster than a batch of one
        return w - (rows[0].mT @ (rows[0] @ w[0]))[None]
    return w - (rows.mT @ (rows @ w[:, :, None]))[:, :, 0]
