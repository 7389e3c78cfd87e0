"""The trace of a Hessian, estimated with a standard error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from trainability.measures.hessian import Products

METHODS = ("hutchinson", "hutch++")


@dataclass(frozen=True, eq=False)
class Trace:
    """An estimate of a trace; for an ensemble both tensors are (E,).

    Args:
        value: float64; nan where a product was not finite.
        standard_error: of the value, from the spread over the probes; nan for a single one, 0 where exact.
        probes: number of random vectors the spread rests on; 0 where the value is exact.
        products: products taken, by the whole ensemble.

    >>> Trace(torch.tensor(3.0), torch.tensor(0.0), 0, 3).interval()
    (tensor(3.), tensor(3.))
    """

    value: Tensor
    standard_error: Tensor
    probes: int
    products: int

    def interval(self, confidence: float = 0.95) -> tuple[Tensor, Tensor]:
        """(low, high), by Student's t with probes - 1 degrees of freedom."""
        if self.probes == 0:
            return self.value, self.value
        half = float(stats.t.ppf(0.5 + confidence / 2, max(self.probes - 1, 1))) * self.standard_error
        return self.value - half, self.value + half


def trace(
    products: Products,
    *,
    method: str = "hutch++",
    max_products: int = 60,
    generator: torch.Generator | None = None,
) -> Trace:
    """The trace of A from products with vectors of independent signs.

        hutchinson:  mean of g' A g
        hutch++:     tr(Q' A Q) + mean of g' P A P g,   Q an orthonormal basis of A S,  P = I - Q Q'

    Hutch++ spends a third of the products on finding A's large eigenvalues, a third on their trace, which is
    then exact, and a third on the rest. It wins where few eigenvalues make most of the trace, as in a network's
    Hessian. Both are unbiased.

    Args:
        products: from `hessian`, of one model or an ensemble (whose members share the probes).
        method: "hutchinson" or "hutch++".
        max_products: at least 2, for hutch++ at least 6. Where n products are allowed, the trace is taken
            exactly from the n unit vectors.
        generator: draws the signs on the CPU; by default a fresh one with seed 0.

    Returns:
        Trace.

    Raises:
        ValueError: for another method or too few products.

    Source:
        Hutchinson 1990, Communications in Statistics 19, 433-450; Meyer, Musco, Musco and Woodruff 2021,
        arXiv 2010.09649, algorithm 1.

    >>> from trainability.measures.hessian import of_loss
    >>> w = torch.ones(3, requires_grad=True)
    >>> found = trace(of_loss(lambda: (torch.tensor([2.0, 1.0, 0.5]) * w * w).sum(), [w]))
    >>> found.value.item(), found.standard_error.item()
    (7.0, 0.0)
    """
    fewest = 6 if method == "hutch++" else 2
    if method not in METHODS or max_products < fewest:
        raise ValueError(
            f"Got method={method!r} and max_products={max_products}; need one of {', '.join(METHODS)} and at least "
            f"{fewest} products."
        )
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    n, members = products.n, products.members or 1
    matvec = products.matvec if products.members is not None else lambda v: products.matvec(v[0])[None]
    estimate = _exact if n <= max_products else _hutch_plus_plus if method == "hutch++" else _hutchinson
    value, error, probes, taken = estimate(matvec, members, n, max_products, generator, products.device)
    if products.members is None:
        value, error = value[0], error[0]
    return Trace(value.cpu(), error.cpu(), probes, taken)


Matvec = Callable[[Tensor], Tensor]
Estimate = tuple[Tensor, Tensor, int, int]


def _exact(a: Matvec, members: int, n: int, most: int, generator: torch.Generator, device: torch.device) -> Estimate:
    total = torch.zeros(members, dtype=torch.float64, device=device)
    for i in range(n):
        unit = torch.zeros(n, dtype=torch.float64, device=device)
        unit[i] = 1.0
        total += a(unit.expand(members, n))[:, i]
    return total, torch.where(total.isnan(), total, 0.0), 0, n


def _hutchinson(
    a: Matvec, members: int, n: int, most: int, generator: torch.Generator, device: torch.device
) -> Estimate:
    forms = []
    for _ in range(most):
        g = _signs(n, generator, device).expand(members, n)
        forms.append((g * a(g)).sum(1))
    each = torch.stack(forms)
    return each.mean(0), each.std(0) / math.sqrt(most), most, most


def _hutch_plus_plus(
    a: Matvec, members: int, n: int, most: int, generator: torch.Generator, device: torch.device
) -> Estimate:
    k = most // 3
    sketch = [a(_signs(n, generator, device).expand(members, n)) for _ in range(k)]
    y = torch.stack(sketch, dim=2)
    lost = ~y.isfinite().all(2).all(1)
    q = torch.linalg.qr(torch.where(lost[:, None, None], 0.0, y)).Q
    top = torch.stack([(q[:, :, i] * a(q[:, :, i])).sum(1) for i in range(k)]).sum(0)
    probes, forms = most - 2 * k, []
    for _ in range(probes):
        g = _signs(n, generator, device).expand(members, n)
        g = g - (q @ (q.mT @ g[:, :, None]))[:, :, 0]
        forms.append((g * a(g)).sum(1))
    each = torch.stack(forms)
    value = torch.where(lost, torch.nan, top + each.mean(0))
    return value, torch.where(lost, torch.nan, each.std(0) / math.sqrt(probes)), probes, most


def _signs(n: int, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.randint(2, (n,), generator=generator, dtype=torch.float64).mul_(2).sub_(1).to(device)
