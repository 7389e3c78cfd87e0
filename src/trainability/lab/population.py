"""The exact population dynamics in torch, for accelerators: the same steps as `theory.descend`, all runs in one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, pi

import torch
from torch import Tensor

from trainability.theory.descent import BLOWUP, OUTCOMES
from trainability.theory.teacher_student.checks import above_zero, at_least_zero, whole

CONVERGED, LIMIT, DIVERGED, SINGULAR = map(OUTCOMES.index, ("converged", "step-limit", "diverged", "singular"))


@dataclass(frozen=True)
class PopulationRuns:
    """Where a batch of runs ended.

    Args:
        W: end points (..., k, d).
        loss: population loss there (...).
        gradient_norm: Euclidean norm of the gradient there (...).
        steps: steps taken (...).
        converged: whether the gradient norm came down to `tol` (...).
        outcome: index into `theory.descent.OUTCOMES` (...).
    """

    W: Tensor
    loss: Tensor
    gradient_norm: Tensor
    steps: Tensor
    converged: Tensor
    outcome: Tensor


def _pairs(units: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """pi - t, sin t and cos t of every pair of unit rows; exact near 0 and pi, by Kahan's chords."""
    difference = (units.unsqueeze(-2) - others.unsqueeze(-3)).square().sum(-1)
    total = (units.unsqueeze(-2) + others.unsqueeze(-3)).square().sum(-1)
    pi_minus_t = 2 * torch.atan2(total.sqrt(), difference.sqrt())
    return pi_minus_t, (difference * total).sqrt() / 2, (total - difference) / 4


def loss_and_gradient(
    W: Tensor, V: Tensor, a: Tensor | None = None, b: Tensor | None = None, slope: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The exact population loss of a batch of students and its gradient in their rows.

        L = 1/2 E( sum_i a_i relu(w_i . x) - sum_j b_j relu(v_j . x) )^2,  x ~ N(0, I)

    Args:
        W: student rows (..., k, d) on any device, none of them 0; float64 for the digits of `theory`.
        V: teacher rows (m, d), none of them 0.
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        slope: of the leaky ReLU for negative input, in both networks.

    Returns:
        (loss (...), gradient (..., k, d)).

    Raises:
        ValueError: for shapes that do not fit, integers, numbers that are not finite, a row that is 0.

    Source:
        Tian 2017, arXiv 1703.00560, with N = 1; `theory.teacher_student` has it in NumPy.

    >>> value, push = loss_and_gradient(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    >>> round(float(value), 6), [round(float(x), 6) for x in push[0]]
    (0.340845, [0.340845, -0.25])
    """
    return _loss_and_gradient(W, *_checked(W, V, a, b, slope))[:2]


def _checked(
    W: Tensor, V: Tensor, a: Tensor | None, b: Tensor | None, slope: float
) -> tuple[Tensor, Tensor, Tensor, float]:
    """V, a, b on the device and in the type of W, and the slope."""
    for name, x in (("W", W), ("V", V), ("a", a), ("b", b)):
        if not isinstance(x, Tensor) and (x is not None or name in "WV"):
            raise ValueError(f"Got {name} as {type(x).__name__}; need a tensor. Give torch.as_tensor({name}).")
    if W.ndim < 2 or V.ndim != 2 or W.shape[-1] != V.shape[-1] or 0 in W.shape[-2:] or 0 in V.shape:
        raise ValueError(f"Got W {tuple(W.shape)} and V {tuple(V.shape)}; need (..., k, d) and (m, d). Reshape them.")
    if not W.is_floating_point():
        raise ValueError(f"Got W of type {W.dtype}; need real numbers. Give W.double().")
    k, m = W.shape[-2], V.shape[0]
    V = V.to(W)
    a = torch.ones(k, dtype=W.dtype, device=W.device) if a is None else a.to(W)
    b = torch.ones(m, dtype=W.dtype, device=W.device) if b is None else b.to(W)
    if a.shape != (k,) or b.shape != (m,):
        raise ValueError(f"Got a {tuple(a.shape)} and b {tuple(b.shape)}; need {(k,)} and {(m,)}. Give one per row.")
    for name, x in (("W", W), ("V", V), ("a", a), ("b", b)):
        bad = int((~torch.isfinite(x)).sum())
        if bad:
            raise ValueError(f"Got {bad} numbers in {name} not finite; need all finite. Look for NaN or inf.")
    if not isfinite(slope):
        raise ValueError(f"Got slope={slope}; need a finite number. Use 0 for a ReLU, 0.01 for torch's LeakyReLU.")
    for name, x in (("W", W), ("V", V)):
        none = int((~(x != 0).any(-1)).sum())
        if none:
            raise ValueError(
                f"Got {none} rows of {name} equal to 0; need every row away from 0: the gradient there depends on the "
                "direction of approach. Move the row off 0, however little, or leave it out."
            )
    return V, a, b, float(slope)


def _loss_and_gradient(W: Tensor, V: Tensor, a: Tensor, b: Tensor, leak: float) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, gradient, and the loss without a student."""
    k = W.shape[-2]
    size, size_v = W.norm(dim=-1), V.norm(dim=-1)
    units, units_v = W / size.unsqueeze(-1), V / size_v.unsqueeze(-1)
    D, S, C = _pairs(units, units)
    own = torch.eye(k, dtype=torch.bool, device=W.device)
    D, S, C = D.masked_fill(own, pi), S.masked_fill(own, 0.0), C.masked_fill(own, 1.0)
    Dv, Sv, Cv = _pairs(units, units_v)
    Dt, St, Ct = _pairs(units_v, units_v)
    if leak:
        relu = (1 - leak) ** 2
        D, Dv, Dt = (relu * x + 2 * pi * leak for x in (D, Dv, Dt))
        S, Sv, St = relu * S, relu * Sv, relu * St
    weight, weight_v = a * size, b * size_v
    pull = (S @ weight.unsqueeze(-1)).squeeze(-1) - Sv @ weight_v
    push = D @ (a.unsqueeze(-1) * W) - Dv @ (b.unsqueeze(-1) * V) + pull.unsqueeze(-1) * units
    student = torch.einsum("...i,...ij,...j->...", weight, S + D * C, weight)
    cross = torch.einsum("...i,...ij,j->...", weight, Sv + Dv * Cv, weight_v)
    teacher = torch.einsum("i,ij,j->", weight_v, St + Dt * Ct, weight_v)
    constant = teacher / (4 * pi)
    return (student / 2 - cross) / (2 * pi) + constant, a.unsqueeze(-1) * push / (2 * pi), constant


def descend_torch(
    W0: Tensor,
    V: Tensor,
    lr: float = 0.1,
    tol: float = 1e-9,
    max_steps: int = 400_000,
    a: Tensor | None = None,
    b: Tensor | None = None,
    check_every: int = 64,
    slope: float = 0.0,
) -> PopulationRuns:
    """`theory.descend` on a torch device: fixed-step gradient descent on the exact population loss, each run to its end.

        W <- W - lr grad L(W)

    Every step and every stop is that of `theory.descend`; a run that has ended stands still, and every `check_every`
    steps such runs leave the batch. On the processor `theory.descend` is much faster; this is for GPUs.

    Args:
        W0: starts (..., k, d), no row 0; float64 for the digits of `theory`. In float32 gradient norms stay
            above about 1e-7: give a larger tol.
        V: teacher rows (m, d).
        lr: learning rate, above 0.
        tol: gradient norm at which a run has converged; 0 or more.
        max_steps: steps after which a run is stopped; 0 or more.
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        check_every: steps between compactions, 1 or more; the results do not depend on it.
        slope: of the leaky ReLU for negative input, in both networks.

    Returns:
        PopulationRuns, on the device of `W0`.

    Raises:
        ValueError: for shapes that do not fit, integers, numbers that are not finite, a row that is 0, or an lr, tol,
            max_steps or check_every out of range.

    Source:
        The iteration of Safran and Shamir 2018, arXiv 1712.08968, experiments.

    >>> runs = descend_torch(torch.tensor([[[0.1, 0.2]]], dtype=torch.float64), torch.tensor([[1.0, 0.0]]), lr=0.5)
    >>> bool(runs.converged), [round(float(x), 6) + 0.0 for x in runs.W[0, 0]]
    (True, [1.0, 0.0])
    """
    lr = above_zero("lr", lr, "Start with 0.1.")
    tol = at_least_zero("tol", tol, "Use 1e-9, or 0 to run to the step limit.")
    max_steps = whole("max_steps", max_steps, 0, "Use 400_000.")
    check_every = whole("check_every", check_every, 1, "Use 64.")
    rest = _checked(W0, V, a, b, slope)
    batch, (k, d) = W0.shape[:-2], W0.shape[-2:]
    end = W0.detach().reshape(-1, k, d).clone()
    steps = torch.zeros(len(end), dtype=torch.int64, device=W0.device)
    outcome = torch.full_like(steps, LIMIT)
    rows = torch.arange(len(end), device=W0.device)
    W, taken, code = end.clone(), steps.clone(), torch.full_like(steps, -1)
    top = torch.full((len(end),), float("inf"), dtype=end.dtype, device=end.device)
    with torch.no_grad():
        for step in range(max_steps + 1 if len(end) else 0):
            value, push, constant = _loss_and_gradient(W, *rest)
            if step == 0:
                top = BLOWUP * torch.maximum(value, constant)
            code = torch.where(code < 0, _code(W, rest[1], value, push, top, tol), code)
            if step == max_steps:
                break
            if step % check_every == 0 and bool((code >= 0).any()):
                end[rows], steps[rows], outcome[rows] = W, taken, code
                stay = code < 0
                rows, W, taken, code, top, push = (x[stay] for x in (rows, W, taken, code, top, push))
                if len(rows) == 0:
                    break
            move = code < 0
            W = torch.where(move[:, None, None], W - lr * push, W)
            taken = taken + move
        end[rows], steps[rows], outcome[rows] = W, taken, torch.where(code < 0, LIMIT, code)
        value, push, _ = _loss_and_gradient(end, *rest)
    return PopulationRuns(
        W=end.reshape(W0.shape),
        loss=value.reshape(batch),
        gradient_norm=push.square().sum((-1, -2)).sqrt().reshape(batch),
        steps=steps.reshape(batch),
        converged=(outcome == CONVERGED).reshape(batch),
        outcome=outcome.reshape(batch),
    )


def _code(W: Tensor, a: Tensor, value: Tensor, push: Tensor, top: Tensor, tol: float) -> Tensor:
    """The outcome of each run if it ends here, -1 if it goes on."""
    square = push.square().sum((-1, -2))
    finite = torch.isfinite(value) & torch.isfinite(square)
    lost = ((W == 0).all(-1) & (a != 0)).any(-1)
    code = torch.where(finite & (value > top), DIVERGED, torch.full_like(value, -1, dtype=torch.int64))
    code = torch.where(finite & (square <= tol * tol), CONVERGED, code)
    return torch.where(finite, code, torch.where(lost, SINGULAR, DIVERGED))
