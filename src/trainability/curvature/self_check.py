"""The stable lr put to the test: trained just below it and just above it, on the quadratic model and on the true loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from trainability.curvature.behaviour import Behaviour, behaviour
from trainability.curvature.linear import growth
from trainability.curvature.measure import Sharpness, effective
from trainability.curvature.point import Point, step
from trainability.measures.lanczos import ritz_pairs
from trainability.setup.untouched import seed_everything

FACTORS = (0.9, 1.1)
STEPS = 40
RITZ = 20


@dataclass(frozen=True, eq=False)
class Trial:
    """One lr, tried.

    Args:
        factor: lr over the stable one at the start; the user's own lr may have any.
        lr: the learning rate.
        own: it is the user's.
        growth: per step on the local quadratic model; nan where the rule has no linear map.
        behaviour: on the true loss.
        losses: (T + 1,), over the same samples before the first step and after each; up to the first that is not
            finite.
        sharpness: as the rule sees it, at the start and at the end (nan where it could not be measured).
        limit_at_end: the stable lr at the end.
        constant: at the end the network gives one and the same answer to all inputs, and did not at the start.
    """

    factor: float
    lr: float
    own: bool
    growth: float
    behaviour: Behaviour
    losses: tuple[float, ...]
    sharpness: tuple[float, float]
    limit_at_end: float
    constant: bool = False

    @property
    def says(self) -> str:
        """One sentence on the true loss.

        >>> Trial(1.1, 0.2, False, 1.2, "catapults", (1.0, 4.0, 0.5), (10.0, 6.0), 0.3).says
        'catapults: the loss rose to 4 times the start and then fell to 0.5 times, where the sharpness is 6 (was 10)'
        """
        start, end, peak = self.losses[0], self.losses[-1], max(self.losses)
        after = f"where the sharpness is {self.sharpness[1]:.3g} (was {self.sharpness[0]:.3g})"
        if math.isnan(self.sharpness[1]):
            after = "where the sharpness could not be measured"
        if self.constant:
            after += "; the network has died: it gives one answer to all inputs"
        if self.behaviour == "diverges":
            return f"diverges: the loss went from {start:.3g} to {end:.3g} in {len(self.losses) - 1} steps"
        if start <= 0:
            return f"{self.behaviour}: the loss went from {start:.3g} to {end:.3g}, {after}"
        told = f"to {end / start:.3g} times the start"
        if self.behaviour == "catapults":
            return (
                f"catapults: the loss rose to {peak / start:.3g} times the start and then fell to {end / start:.3g} "
                f"times, {after}"
            )
        if self.behaviour == "oscillates":
            return f"oscillates, with a peak of {peak / start:.3g}, {told}, {after}"
        return f"{self.behaviour} {told}, {after}"


@dataclass(frozen=True, eq=False)
class SelfCheck:
    """The trials, and whether the quadratic model bears the limit out.

    Args:
        trials: at 0.9 and 1.1 times the limit, and at the user's own lr.
        steps: of each on the true loss.
    """

    trials: tuple[Trial, ...]
    steps: int

    @property
    def holds_on_the_quadratic(self) -> bool:
        """Below the limit nothing grows there, above it something does."""
        judged = [t for t in self.trials if not t.own]
        return all((t.growth > 1) == (t.factor > 1) for t in judged)


def self_check(
    point: Point, found: Sharpness, *, steps: int = STEPS, factors: tuple[float, ...] = FACTORS
) -> SelfCheck | None:
    """Train just below and just above the stable lr, on copies.

    On the local quadratic model the rule's linear map (an adaptive rule's diagonal held still) is run in the Ritz space
    of the gradient and of a random vector; on the true loss the user's own optimizer takes `steps` full steps over the
    samples of the point. A network is no quadratic: above its limit it may catapult to a flatter place, and below it
    may meet a steeper one. The answers say which, with the sharpness at the end.

    Args:
        point: where; left as it is.
        found: measured there.
        steps: 1 or more.
        factors: lrs to try, as shares of the limit.

    Returns:
        SelfCheck; None where there is no limit to check.
    """
    if found.limit is None or not math.isfinite(found.limit.high) or not found.limit.high > 0:
        return None
    limit = found.limit.high
    curvatures, start = ritz_space(point)
    tried = [(f * limit, f, False) for f in factors]
    if found.limit.lr > 0:
        tried.append((found.limit.lr, found.limit.lr / limit, True))
    trials = []
    for lr, factor, own in tried:
        assert point.rule is not None
        grown = growth(point.rule, lr, curvatures, start)
        losses, end = train(point, lr, steps)
        at_end, limit_at_end = math.nan, math.nan
        if all(map(math.isfinite, losses)):
            eigen = effective(end, tol=0.02)
            at_end = eigen.value
            limit_at_end = float(torch.as_tensor(point.rule.stable_lr(at_end))) if math.isfinite(at_end) else math.nan
        sharp = (found.effective.value, at_end)
        named = behaviour(losses, above=factor > 1, sharpness=sharp)
        died = not math.isnan(at_end) and constant(end) and not constant(point)
        trials.append(Trial(factor, lr, own, grown, named, tuple(losses), sharp, limit_at_end, died))
    return SelfCheck(tuple(trials), steps)


def constant(point: Point) -> bool:
    """Whether the network gives the same answer to all inputs, up to rounding."""
    x, _ = next(iter(point.data))
    with point.measuring(), torch.no_grad():
        output = point.setup.model(x[:256].to(point.setup.device))
        output = output.reshape(len(output), -1)
    spread = output.amax(0) - output.amin(0)
    return bool((spread <= 1e-5 * output.abs().amax().clamp_min(1e-30)).all())


def ritz_space(point: Point) -> tuple[np.ndarray, np.ndarray]:
    """Ritz values (m,) of the Hessian as the rule sees it, and where the quadratic's start lies in their directions.

    The Krylov space starts from a random vector with the gradient added; the start is at distance |g . v| / |theta|
    from the minimum along each Ritz vector, and at least a thousandth of the longest, so that no direction is left out.
    """
    with point.measuring():
        products = point.products()
        g = products.gradient
        if point.preconditioner is not None:
            d = torch.cat([p.detach().reshape(-1) for p in point.preconditioner]).to(g)
            g = g * d.rsqrt()
        random = torch.randn(products.n, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(g)
        first = random / random.norm() + g / g.norm().clamp_min(torch.finfo(g.dtype).tiny)
        values, vectors = ritz_pairs(products.matvec, first, RITZ)
    curvatures = values.numpy()
    along = (vectors @ g).abs().cpu().numpy()
    start = along / np.maximum(np.abs(curvatures), 1e-12 * max(np.abs(curvatures).max(), 1e-300))
    least = 1e-3 * start.max() if start.max() > 0 else 1.0
    up = curvatures > 0  # a direction of negative curvature has no minimum: it grows at any lr
    return curvatures[up], np.maximum(start, least)[up]


def train(point: Point, lr: float, steps: int) -> tuple[list[float], Point]:
    """Full steps over the point's samples with the user's optimizer: losses (T + 1,) and the point it came to."""
    own = point.again()
    own.set_lr(lr)
    optimizer = own.setup.optimizer
    losses: list[float] = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.zeros((), dtype=torch.float64)
        for x, y in own.data:
            loss = own.loss(x, y) * (len(x) / own.samples)
            value += loss.detach().double().cpu()
            if loss.requires_grad:
                loss.backward()
        return value

    with own.measuring():
        seed_everything(0)
        for _ in range(steps):
            losses.append(float(closure()))
            if not math.isfinite(losses[-1]):
                break
            step(optimizer, closure)
        else:
            losses.append(float(closure()))
    return losses, own.refreshed()
