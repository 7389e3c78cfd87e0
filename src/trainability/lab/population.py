"""The exact population dynamics in torch, for accelerators: the same steps as `theory.descend`, all runs in one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor


@dataclass(frozen=True)
class PopulationRuns:
    """Where a batch of runs ended.

    Args:
        W: end points (..., k, d).
        loss: population loss there (...).
        gradient_norm: Euclidean norm of the gradient there (...).
        steps: steps taken (...).
        converged: whether the gradient norm came down to `tol` (...).
    """

    W: Tensor
    loss: Tensor
    gradient_norm: Tensor
    steps: Tensor
    converged: Tensor


def _pairs(units: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """pi - t, sin t and cos t of every pair of unit rows; exact near 0 and pi, by Kahan's chords."""
    difference = (units.unsqueeze(-2) - others.unsqueeze(-3)).square().sum(-1)
    total = (units.unsqueeze(-2) + others.unsqueeze(-3)).square().sum(-1)
    pi_minus_t = 2 * torch.atan2(total.sqrt(), difference.sqrt())
    return pi_minus_t, (difference * total).sqrt() / 2, (total - difference) / 4


def loss_and_gradient(W: Tensor, V: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The exact population loss of a batch of students and its gradient in their rows.

        L = 1/2 E( sum_i a_i relu(w_i . x) - sum_j b_j relu(v_j . x) )^2,  x ~ N(0, I)

    Args:
        W: student rows (..., k, d) on any device, none of them 0; float64 for the digits of `theory`.
        V: teacher rows (m, d), none of them 0.
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.

    Returns:
        (loss (...), gradient (..., k, d)).

    Raises:
        ValueError: for shapes that do not fit.

    Source:
        Tian 2017, arXiv 1703.00560, with N = 1; `theory.teacher_student` has it in NumPy.

    >>> value, slope = loss_and_gradient(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    >>> round(float(value), 6), [round(float(x), 6) for x in slope[0]]
    (0.340845, [0.340845, -0.25])
    """
    if W.ndim < 2 or V.ndim != 2 or W.shape[-1] != V.shape[-1] or 0 in W.shape[-2:] or 0 in V.shape:
        raise ValueError(f"Got W {tuple(W.shape)} and V {tuple(V.shape)}; need (..., k, d) and (m, d). Reshape them.")
    k, m = W.shape[-2], V.shape[0]
    a = torch.ones(k, dtype=W.dtype, device=W.device) if a is None else a.to(W)
    b = torch.ones(m, dtype=W.dtype, device=W.device) if b is None else b.to(W)
    if a.shape != (k,) or b.shape != (m,):
        raise ValueError(f"Got a {tuple(a.shape)} and b {tuple(b.shape)}; need {(k,)} and {(m,)}. Give one per row.")
    V = V.to(W)
    size, size_v = W.norm(dim=-1), V.norm(dim=-1)
    units, units_v = W / size.unsqueeze(-1), V / size_v.unsqueeze(-1)
    D, S, C = _pairs(units, units)
    own = torch.eye(k, dtype=torch.bool, device=W.device)
    D, S, C = D.masked_fill(own, pi), S.masked_fill(own, 0.0), C.masked_fill(own, 1.0)
    Dv, Sv, Cv = _pairs(units, units_v)
    Dt, St, Ct = _pairs(units_v, units_v)
    weight, weight_v = a * size, b * size_v
    pull = (S @ weight.unsqueeze(-1)).squeeze(-1) - Sv @ weight_v
    slope = D @ (a.unsqueeze(-1) * W) - Dv @ (b.unsqueeze(-1) * V) + pull.unsqueeze(-1) * units
    student = torch.einsum("...i,...ij,...j->...", weight, S + D * C, weight)
    cross = torch.einsum("...i,...ij,j->...", weight, Sv + Dv * Cv, weight_v)
    teacher = torch.einsum("i,ij,j->", weight_v, St + Dt * Ct, weight_v)
    return (student / 2 - cross + teacher / 2) / (2 * pi), a.unsqueeze(-1) * slope / (2 * pi)


def descend_torch(
    W0: Tensor,
    V: Tensor,
    lr: float = 0.1,
    tol: float = 1e-9,
    max_steps: int = 400_000,
    a: Tensor | None = None,
    b: Tensor | None = None,
    check_every: int = 64,
) -> PopulationRuns:
    """`theory.descend` on a torch device: fixed-step gradient descent on the exact population loss, each run to its end.

        W <- W - lr grad L(W)

    Every step and every stop is that of `theory.descend`; a run that has converged stands still, and every
    `check_every` steps such runs leave the batch. On the processor `theory.descend` is much faster; this is for GPUs.

    Args:
        W0: starts (..., k, d); float64 for the digits of `theory`.
        V: teacher rows (m, d).
        lr: learning rate, above 0.
        tol: gradient norm at which a run has converged.
        max_steps: steps after which a run is stopped.
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        check_every: steps between compactions, 1 or more; the results do not depend on it.

    Returns:
        PopulationRuns, on the device of `W0`. A run that diverges has numbers that are not finite or huge.

    Raises:
        ValueError: for shapes that do not fit, or an lr or check_every out of range.

    Source:
        The iteration of Safran and Shamir 2018, arXiv 1712.08968, experiments.

    >>> runs = descend_torch(torch.tensor([[[0.1, 0.2]]], dtype=torch.float64), torch.tensor([[1.0, 0.0]]), lr=0.5)
    >>> bool(runs.converged), [round(float(x), 6) + 0.0 for x in runs.W[0, 0]]
    (True, [1.0, 0.0])
    """
    if not lr > 0 or check_every < 1:
        raise ValueError(f"Got lr={lr}, check_every={check_every}; need lr > 0 and check_every >= 1. Use 0.1 and 64.")
    loss_and_gradient(W0[..., :1, :, :] if W0.ndim > 2 else W0, V, a, b)  # the shapes, before anything is changed
    batch, (k, d) = W0.shape[:-2], W0.shape[-2:]
    end = W0.reshape(-1, k, d).clone()
    steps = torch.zeros(len(end), dtype=torch.int64, device=W0.device)
    done = torch.zeros(len(end), dtype=torch.bool, device=W0.device)
    rows = torch.arange(len(end), device=W0.device)
    W, taken, stopped = end.clone(), steps.clone(), done.clone()
    with torch.no_grad():
        for step in range(max_steps + 1):
            _, slope = loss_and_gradient(W, V, a, b)
            stopped |= slope.square().sum((-1, -2)) <= tol * tol
            if step == max_steps:
                break
            if step % check_every == 0 and bool(stopped.any()):
                end[rows], steps[rows], done[rows] = W, taken, stopped
                stay = ~stopped
                rows, W, taken, stopped, slope = rows[stay], W[stay], taken[stay], stopped[stay], slope[stay]
                if len(rows) == 0:
                    break
            move = ~stopped
            W = torch.where(move[:, None, None], W - lr * slope, W)
            taken = taken + move
        end[rows], steps[rows], done[rows] = W, taken, stopped
        value, slope = loss_and_gradient(end, V, a, b)
    return PopulationRuns(
        W=end.reshape(W0.shape),
        loss=value.reshape(batch),
        gradient_norm=slope.square().sum((-1, -2)).sqrt().reshape(batch),
        steps=steps.reshape(batch),
        converged=done.reshape(batch),
    )
