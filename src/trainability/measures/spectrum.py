"""The largest and the smallest few eigenvalues of a Hessian, repeated ones included."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainability.measures._krylov import Krylov
from trainability.measures.hessian import Products

_FEWEST_STEPS = 8


@dataclass(frozen=True, eq=False)
class Extremes:
    """Both ends of a spectrum; for an ensemble every tensor has E first.

    Args:
        largest: (k,) float64, falling; largest[0] is the sharpness. nan where a product was not finite.
        smallest: (j,), rising.
        largest_residuals, smallest_residuals: |A v - value v| of each; an eigenvalue lies this close.
        converged: bool, every residual is at most tol times the largest magnitude seen, and a last search
            orthogonal to all that was found met nothing further out.
        products: products taken, by the whole ensemble.
        largest_vectors, smallest_vectors: (k, n) and (j, n), unit rows.

    >>> from trainability.measures.hessian import of_loss
    >>> w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    >>> round(extremes(of_loss(lambda: w[0] ** 2 - 3 * w[1] ** 2, [w])).smallest.item(), 9)
    -6.0
    """

    largest: Tensor
    smallest: Tensor
    largest_residuals: Tensor
    smallest_residuals: Tensor
    converged: Tensor
    products: int
    largest_vectors: Tensor
    smallest_vectors: Tensor


def extremes(
    products: Products,
    *,
    largest: int = 1,
    smallest: int = 1,
    max_steps: int = 100,
    tol: float = 1e-3,
    generator: torch.Generator | None = None,
) -> Extremes:
    """The `largest` largest and the `smallest` smallest eigenvalues, each as often as it is repeated.

    One Lanczos run sees one copy of a repeated eigenvalue. So what it finds is locked, and another run is
    made orthogonal to it, until a run meets nothing further out: at least two runs. (A linear output layer
    under a squared loss repeats every eigenvalue once per output.)

    Args:
        products: from `hessian`, of one model or an ensemble.
        largest: k, from 0 to n.
        smallest: j, from 0 to n.
        max_steps: most products of one run; memory is (members, steps, n) numbers.
        tol: residual to reach, relative to the largest magnitude of the spectrum, since the smallest
            eigenvalue may well be 0.
        generator: draws the start vectors on the CPU; by default a fresh one with seed 0.

    Returns:
        Extremes.

    Raises:
        ValueError: for numbers of eigenvalues that are negative, both 0 or above n, or max_steps below 1.

    Source:
        Parlett, The Symmetric Eigenvalue Problem, chapter 13 (Lanczos, and why copies of a repeated
        eigenvalue are not seen).

    >>> from trainability.measures.hessian import of_loss
    >>> w = torch.ones(4, dtype=torch.float64, requires_grad=True)
    >>> c = torch.tensor([2.0, 1.0, 1.0, -0.5])
    >>> found = extremes(of_loss(lambda: (c * w * w).sum(), [w]), largest=3)
    >>> found.largest.round(decimals=9).tolist(), bool(found.converged)
    ([4.0, 2.0, 2.0], True)
    """
    n, members = products.n, products.members or 1
    if not (0 <= largest <= n and 0 <= smallest <= n and largest + smallest > 0 and max_steps > 0):
        raise ValueError(
            f"Got largest={largest}, smallest={smallest} and max_steps={max_steps} for {n} weights; need 0 to {n} "
            "eigenvalues of each end, at least one in all, and at least one step."
        )
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    matvec = products.matvec if products.members is not None else lambda v: products.matvec(v[0])[None]
    pools = [_Pool(largest, smallest, tol) for _ in range(members)]
    locked = torch.zeros(members, 0, n, dtype=torch.float64, device=products.device)
    taken = 0
    while not all(pool.done for pool in pools):
        start = torch.randn(n, generator=generator, dtype=torch.float64).to(products.device)
        idle = torch.tensor([pool.done for pool in pools], device=products.device)
        rows = torch.where(idle[:, None], 0.0, start.expand(members, n))
        krylov = Krylov(matvec, rows, min(max_steps, n), locked if locked.shape[1] else None)
        _search(krylov, pools)
        taken += krylov.steps
        locked = torch.cat([locked, _lock(krylov, pools, locked.shape[1]).to(locked)], dim=1)
    top = [pool.result(1.0, largest, locked[e]) for e, pool in enumerate(pools)]
    low = [pool.result(-1.0, smallest, locked[e]) for e, pool in enumerate(pools)]
    highs, lows = (tuple(torch.stack(part) for part in zip(*end, strict=True)) for end in (top, low))
    whole = torch.tensor([pool.whole for pool in pools])
    if products.members is None:
        highs, lows, whole = tuple(part[0] for part in highs), tuple(part[0] for part in lows), whole[0]
    return Extremes(highs[0], lows[0], highs[1], lows[1], whole, taken, highs[2], lows[2])


class _Pool:
    """What has been locked for one member, and what is still wanted."""

    def __init__(self, largest: int, smallest: int, tol: float) -> None:
        self.ends = [(sign, wanted) for sign, wanted in ((1.0, largest), (-1.0, smallest)) if wanted]
        self.tol, self.scale = tol, 0.0
        self.held: list[tuple[float, float, int]] = []  # (value, residual, row of `locked`)
        self.done = self.whole = False

    def bar(self, sign: float, wanted: int) -> float:
        """A signed value above this one still belongs in; -inf until enough are held."""
        signed = sorted((sign * value for value, _, _ in self.held), reverse=True)
        return signed[wanted - 1] if len(signed) >= wanted else -math.inf

    def level(self, values: Tensor) -> float:
        """The largest residual that settles a value."""
        return self.tol * max(self.scale, float(values.abs().max()))

    def settled(self, values: Tensor, residuals: Tensor) -> bool:
        """Whether nothing is gained by another step: all Ritz values that belong in, and the outermost, are exact."""
        level, order = self.level(values), range(len(values))
        for sign, wanted in self.ends:
            bar, missing = self.bar(sign, wanted), max(wanted - len(self.held), 1)
            for k, i in enumerate((order[::-1] if sign > 0 else order)[:wanted]):
                if k >= missing and sign * float(values[i]) <= bar + level:
                    break
                if float(residuals[i]) > level:
                    return False
        return True

    def take(self, values: Tensor, residuals: Tensor, rounding: float, first: int) -> list[int]:
        """Hold what a run settled and belongs in; the Ritz values' indices, in the order of the rows from `first`."""
        taken: list[int] = []
        unsettled = False
        if len(values):
            level = max(self.level(values), rounding)
            self.scale = max(self.scale, float(values.abs().max()))
            order = range(len(values))
            bars = [self.bar(sign, wanted) for sign, wanted in self.ends]
            for (sign, wanted), bar in zip(self.ends, bars, strict=True):
                for i in (order[::-1] if sign > 0 else order)[:wanted]:
                    inside = sign * float(values[i]) <= bar + level
                    unsettled |= float(residuals[i]) > level
                    if inside or float(residuals[i]) > level:
                        break
                    if i not in taken:
                        taken.append(i)
                        self.held.append((float(values[i]), float(residuals[i]), first + len(taken) - 1))
        if not taken:
            self.done, self.whole = True, not unsettled
        return taken

    def result(self, sign: float, wanted: int, locked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, residuals = (torch.full((wanted,), torch.nan, dtype=torch.float64) for _ in range(2))
        vectors = locked.new_zeros(wanted, locked.shape[1])
        for i, (value, residual, row) in enumerate(sorted(self.held, key=lambda h: -sign * h[0])[:wanted]):
            values[i], residuals[i], vectors[i] = value, residual, locked[row]
        return values, residuals, vectors


def _search(krylov: Krylov, pools: list[_Pool]) -> None:
    """Grow until every unfinished member has settled what it still needs."""
    for step in range(1, krylov.basis.shape[1] + 1):
        krylov.grow()
        going = [e for e, pool in enumerate(pools) if bool(krylov.alive[e]) and not pool.done]
        if not going:
            return
        if step >= _FEWEST_STEPS:
            values, vectors = krylov.ritz()
            residuals = krylov.betas[:, step - 1, None] * vectors[:, -1].abs()
            kept = {e: _real(krylov, e, vectors) for e in going}
            if all(pools[e].settled(values[e, keep], residuals[e, keep]) for e, keep in kept.items()):
                return


def _real(krylov: Krylov, e: int, vectors: Tensor) -> Tensor:
    beyond = vectors[e, int(krylov.used[e]) :].square().sum(0)
    return (beyond < 0.5).nonzero()[:, 0]


def _lock(krylov: Krylov, pools: list[_Pool], first: int) -> Tensor:
    """Let each unfinished member take what the run found; the new unit rows (E, k, n), zeros where there is none."""
    values, vectors = krylov.ritz()
    residuals = krylov.betas[:, krylov.steps - 1, None] * vectors[:, -1].abs()
    columns: list[list[int]] = []
    for e, pool in enumerate(pools):
        columns.append([])
        if pool.done:
            continue
        if not krylov.finite[e]:
            pool.done, pool.held = True, []
            continue
        keep = _real(krylov, e, vectors)
        taken = pool.take(values[e, keep], residuals[e, keep], float(krylov.rounding[e]), first)
        columns[e] = [int(keep[i]) for i in taken]
    width = max(len(c) for c in columns)
    coefficients = torch.zeros(len(values), krylov.steps, width, dtype=torch.float64)
    for e, mine in enumerate(columns):
        for slot, i in enumerate(mine):
            coefficients[e, :, slot] = vectors[e, :, i]
    return krylov.lift(coefficients)
