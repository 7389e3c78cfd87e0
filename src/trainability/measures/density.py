"""How the eigenvalues of a Hessian are distributed, by stochastic Lanczos quadrature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainability.measures._krylov import Krylov
from trainability.measures.hessian import Products


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """A density of eigenvalues as weighted points, one set of points per random probe.

    Args:
        nodes: (P, m) float64, or (E, P, m) for an ensemble; Ritz values. nan where a product was not finite.
        weights: the same shape, at least 0; each probe's sum to 1.
        n: number of eigenvalues they stand for.
        products: products taken, by the whole ensemble.

    >>> nodes, weights = torch.tensor([[1.0, 3.0]]), torch.tensor([[0.5, 0.5]])
    >>> SpectralDensity(nodes, weights, 2, 2).moment(1)[0].item()
    2.0
    """

    nodes: Tensor
    weights: Tensor
    n: int
    products: int

    @property
    def integral(self) -> Tensor:
        """The integral of the density over all eigenvalues: 1 up to rounding."""
        return self.weights.sum(-1).mean(-1)

    def moment(self, order: int) -> tuple[Tensor, Tensor]:
        """Mean of the eigenvalues' power, tr(A^order) / n, and its standard error over the probes.

        Each probe gives v' A^order v without error up to order 2m - 1. The standard error is nan for a single
        probe.
        """
        each = (self.weights * self.nodes**order).sum(-1)
        return each.mean(-1), _standard_error(each)

    def share(self, low: float = -math.inf, high: float = math.inf) -> tuple[Tensor, Tensor]:
        """Share of the eigenvalues from `low` to `high`, and its standard error over the probes."""
        inside = (self.nodes >= low) & (self.nodes <= high)
        each = torch.where(self.nodes.isnan().any(-1), torch.nan, (self.weights * inside).sum(-1))
        return each.mean(-1), _standard_error(each)

    def curve(self, grid: Tensor, width: float) -> Tensor:
        """The density on a grid, each node widened to a normal of standard deviation `width`.

        Args:
            grid: (G,) places.
            width: above 0.

        Returns:
            (G,) or (E, G); its integral over a grid that holds all nodes is 1.

        Raises:
            ValueError: for a width that is not above 0.
        """
        if not width > 0:
            raise ValueError(f"Got width={width}; need a width above 0. Take a hundredth of the spectrum's width.")
        z = (grid.to(self.nodes)[:, None, None] - self.nodes[..., None, :, :]) / width
        bells = torch.exp(-0.5 * z**2) / (width * math.sqrt(2 * math.pi))
        return (bells * self.weights[..., None, :, :]).sum(-1).mean(-1)


def spectral_density(
    products: Products,
    *,
    probes: int = 8,
    steps: int = 32,
    generator: torch.Generator | None = None,
) -> SpectralDensity:
    """The density of the eigenvalues of A, by Lanczos from random vectors of independent signs.

        v' f(A) v = sum_i tau_i² f(theta_i),   (theta_i, s_i) the eigenpairs of T, tau_i the first entry of s_i
        E v' f(A) v = tr f(A) / n   for v = signs / sqrt(n)

    The first equation holds without error for polynomials up to degree 2 steps - 1, so moments are unbiased.

    Args:
        products: from `hessian`, of one model or an ensemble (whose members share the probes).
        probes: P, 1 or more; 2 or more for a standard error.
        steps: m, products per probe; n at most are taken.
        generator: draws the signs on the CPU; by default a fresh one with seed 0.

    Returns:
        SpectralDensity.

    Raises:
        ValueError: for probes or steps below 1.

    Source:
        Golub and Meurant, Matrices, Moments and Quadrature with Applications, 2010; Ghorbani, Krishnan and Xiao
        2019, arXiv 1901.10159 (for networks).

    >>> from trainability.measures.hessian import of_loss
    >>> w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    >>> c = torch.tensor([2.0, 1.0, 0.0])
    >>> found = spectral_density(of_loss(lambda: (c * w * w).sum(), [w]))
    >>> round(found.moment(1)[0].item(), 9), round(found.integral.item(), 9)
    (2.0, 1.0)
    """
    if probes < 1 or steps < 1:
        raise ValueError(f"Got probes={probes} and steps={steps}; need both at least 1.")
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    n, members = products.n, products.members or 1
    matvec = products.matvec if products.members is not None else lambda v: products.matvec(v[0])[None]
    m, taken = min(steps, n), 0
    nodes, weights = [], []
    for _ in range(probes):
        signs = torch.randint(2, (n,), generator=generator, dtype=torch.float64).mul_(2).sub_(1)
        krylov = Krylov(matvec, signs.to(products.device).expand(members, n), m)
        while krylov.steps < m and bool(krylov.alive.any()):
            krylov.grow()
        taken += krylov.steps
        values, vectors = krylov.ritz()
        tau = vectors[:, 0].square()  # rows of T that do not count hang together with the first by 0
        lost = ~krylov.finite[:, None]
        empty = m - krylov.steps
        nodes.append(torch.nn.functional.pad(torch.where(lost, torch.nan, values), (0, empty)))
        weights.append(torch.nn.functional.pad(torch.where(lost, torch.nan, tau), (0, empty)))
    found = [torch.stack(part, dim=1) for part in (nodes, weights)]
    if products.members is None:
        found = [part[0] for part in found]
    return SpectralDensity(found[0], found[1], n, taken)


def _standard_error(each: Tensor) -> Tensor:
    if each.shape[-1] < 2:
        return torch.full(each.shape[:-1], torch.nan, dtype=each.dtype)
    return each.std(-1) / math.sqrt(each.shape[-1])
