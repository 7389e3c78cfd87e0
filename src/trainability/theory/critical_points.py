"""Critical points of the population loss: find them, classify them, recognise them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from trainability.theory.teacher_student import gradient, hessian, loss
from trainability.theory.teacher_student.checks import Networks, above_zero, at_least_zero, finite, networks, whole

Array = NDArray[np.float64]

CONVEX_SHARE = 0.5
"""Largest change of the Hessian, as a share of its least eigenvalue, over which a valley counts as one (see `descend`)."""


@dataclass(frozen=True)
class CriticalPoint:
    """A critical point and what it is.

    Args:
        W: its rows (k, d).
        loss: population loss there.
        gradient_norm: Euclidean norm of the gradient there.
        kind: "minimum", "saddle" or "degenerate" (no negative eigenvalue, but one that is 0).
        index: number of negative eigenvalues.
        nullity: number of eigenvalues that are 0 within the tolerance.
        spectrum: eigenvalues of the Hessian (k d,), rising.
        name: from `recognise`.
        count: starts that led to it, up to the order of rows (and of teachers, where they are orthonormal).
    """

    W: Array
    loss: float
    gradient_norm: float
    kind: str
    index: int
    nullity: int
    spectrum: Array
    name: str
    count: int = 1


@dataclass(frozen=True)
class Recognition:
    """What a student is, up to the order of rows.

    Args:
        name: "global minimum", "type II", "type I", "type A", "3-flipped" (any number), or "other".
        flipped: students that point away from the teacher they are assigned to; None for "other".
        order: order[i] is the teacher of student i, (k,); None where students and teachers differ in number.
        spread: largest difference between entries that the symmetry makes equal (for the global minimum, from V).
    """

    name: str
    flipped: int | None
    order: NDArray[np.int64] | None
    spread: float


def newton(
    W0: ArrayLike,
    V: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    tol: float = 1e-13,
    max_steps: int = 100,
    radius: float = 0.5,
    slope: float = 0.0,
) -> tuple[Array, Array]:
    """Safeguarded Newton's method for grad L = 0 from every start; it finds saddles as well as minima.

        step = -sum_n q_n (q_n . g) l_n / (l_n^2 + mu),   H = sum_n l_n q_n q_n',  mu = 1e-6 min(1, |g|)^2

    cut to length `radius`, and halved until it lowers |g|; where ten halvings do not, the run stops where it is.

    Args:
        W0: starts (..., k, d).
        V: teacher rows (m, d).
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        tol: gradient norm at which a run is done; 0 or more.
        max_steps: largest number of steps, 0 or more.
        radius: longest step, above 0.
        slope: of the leaky ReLU for negative input, in both networks.

    Returns:
        (end points (..., k, d), gradient norms (...)). A norm above `tol` says that the run did not get there.

    Raises:
        ValueError: for what `teacher_student.gradient` refuses, a set of output weights per start, or a tol, max_steps
            or radius out of range.

    Source:
        Nocedal and Wright 2006, Numerical Optimization, on nonlinear equations (merit function and line search).

    >>> points, norms = newton([[0.5, 0.6], [0.6, 0.5]], [[1.0, 0.0], [0.0, 1.0]])
    >>> bool(norms < 1e-13), points.round(6).tolist()
    (True, [[0.534155, 0.534155], [0.534155, 0.534155]])
    """
    net = networks(W0, V, a, b, slope)
    k, d = net.W.shape[-2:]
    _one_set(net)
    tol = at_least_zero("tol", tol, "Use the default.")
    max_steps, radius = whole("max_steps", max_steps, 0, "Use 100."), above_zero("radius", radius, "Use 0.5.")
    W = net.W.reshape(-1, k, d).copy()
    g = gradient(W, net.V, net.a, net.b, net.slope).reshape(len(W), k * d)
    norm = np.linalg.norm(g, axis=1)
    live = norm > tol
    for _ in range(max_steps):
        rows = np.flatnonzero(live)
        if len(rows) == 0:
            break
        for part in np.array_split(rows, -(-len(rows) // 128)):
            values, vectors = np.linalg.eigh(hessian(W[part], net.V, net.a, net.b, net.slope))
            damping = 1e-6 * np.minimum(1.0, norm[part, None]) ** 2
            inside = np.einsum("rij,ri->rj", vectors, g[part]) * values / (values**2 + damping)
            step = -np.einsum("rij,rj->ri", vectors, inside)
            step *= np.minimum(1.0, radius / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-300))
            waiting, share = np.ones(len(part), bool), 1.0
            for _ in range(10):
                at = part[waiting]
                there = W[at] + share * step[waiting].reshape(-1, k, d)
                push = gradient(there, net.V, net.a, net.b, net.slope).reshape(-1, k * d)
                size = np.linalg.norm(push, axis=1)
                better = size < norm[at]
                W[at[better]], g[at[better]], norm[at[better]] = there[better], push[better], size[better]
                waiting[np.flatnonzero(waiting)[better]] = False
                share /= 2
                if not waiting.any():
                    break
            live[part[waiting]] = False
        live &= norm > tol
    return W.reshape(net.W.shape), norm.reshape(net.W.shape[:-2])


def polished(W: Array, V: Array, a: Array, b: Array, slope: float = 0.0) -> tuple[Array, Array, Array, Array, Array]:
    """Plain Newton steps from points near critical ones, with what is needed to judge whether they stayed close.

    Args:
        W: points (n, k, d).
        V: teacher rows (m, d).
        a: output weights (k,) of the student.
        b: output weights (m,) of the teacher.
        slope: of the leaky ReLU, both networks.

    Returns:
        (new points, gradient norms, least and largest Hessian eigenvalue there, Frobenius norm of the Hessian's
        change, which is at least its spectral norm), all with n first.
    """
    n, k, d = W.shape
    before = hessian(W, V, a, b, slope)
    points, there = W.copy(), before.copy()
    g = gradient(W, V, a, b, slope)
    norms = np.asarray(np.linalg.norm(g.reshape(n, -1), axis=1), dtype=np.float64)
    live = np.arange(n)[norms > 0]
    for _ in range(12):
        if len(live) == 0:
            break
        step = _solved(there[live], g[live].reshape(-1, k * d, 1)).reshape(-1, k, d)
        step[~np.isfinite(step).all(axis=(1, 2))] = 0.0
        size = np.linalg.norm(step.reshape(len(live), -1), axis=1)[:, None, None]
        new = points[live] - step * np.minimum(1.0, 0.1 / np.maximum(size, 1e-300))
        push = gradient(new, V, a, b, slope)
        left = np.linalg.norm(push.reshape(len(live), -1), axis=1)
        # below 1e-13 rounding decides: go on only as long as that helps
        good = (left < norms[live]) | (norms[live] > 1e-13)
        chosen = live[good]
        points[chosen], g[chosen], norms[chosen] = new[good], push[good], left[good]
        there[chosen] = hessian(new[good], V, a, b, slope)
        live = chosen[(norms[chosen] > 0) & np.isfinite(norms[chosen])]
    values = np.asarray(np.linalg.eigvalsh(there), dtype=np.float64)
    change = np.linalg.norm(before - there, axis=(1, 2))
    return points, norms, values[:, 0], values[:, -1], change


def _solved(H: Array, g: Array) -> Array:
    """Newton steps; none where the Hessian is singular, so that one run does not stop its neighbours."""
    try:
        return np.asarray(np.linalg.solve(H, g))
    except np.linalg.LinAlgError:
        return np.concatenate(
            [np.zeros_like(x) if len(H) == 1 else _solved(h, x) for h, x in zip(H[:, None], g[:, None], strict=True)]
        )


def classify(
    W: ArrayLike,
    V: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    zero: float = 1e-8,
    slope: float = 0.0,
) -> CriticalPoint:
    """What a critical point is, by the signs of its Hessian's eigenvalues.

    minimum: all above `zero` times the largest magnitude; saddle: one below minus that; degenerate: none below, some
    within. Whether the point is critical is for the caller to judge, by `gradient_norm`.

    Args:
        W: a point (k, d).
        V: teacher rows (m, d).
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        zero: relative size below which an eigenvalue counts as 0; 0 or more.
        slope: of the leaky ReLU for negative input, in both networks.

    Returns:
        CriticalPoint.

    Raises:
        ValueError: for a W that is not (k, d), and for what `teacher_student.hessian` refuses.

    Source:
        Safran and Shamir 2018, arXiv 1712.08968, experiments: a positive definite Hessian tells a spurious minimum from
        a saddle where descent is slow.

    >>> point = classify([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    >>> point.kind, point.name, round(float(point.spectrum[-1]), 6)
    ('minimum', 'global minimum', 0.909155)
    """
    net = networks(W, V, a, b, slope)
    zero = at_least_zero("zero", zero, "Use 1e-8.")
    if net.W.ndim != 2:
        raise ValueError(f"Got W of shape {net.W.shape}; need one point (k, d). Call once per point.")
    spectrum = np.linalg.eigvalsh(hessian(net.W, net.V, net.a, net.b, net.slope))
    small = zero * np.abs(spectrum).max()
    index, nullity = int((spectrum < -small).sum()), int((np.abs(spectrum) <= small).sum())
    plain = net.slope == 0 and (net.a == 1).all() and (net.b == 1).all()
    return CriticalPoint(
        W=net.W,
        loss=float(loss(net.W, net.V, net.a, net.b, net.slope)),
        gradient_norm=float(np.linalg.norm(gradient(net.W, net.V, net.a, net.b, net.slope))),
        kind="saddle" if index else "degenerate" if nullity else "minimum",
        index=index,
        nullity=nullity,
        spectrum=np.asarray(spectrum, dtype=np.float64),
        name=recognise(net.W, net.V).name if plain else "other",
    )


def recognise(W: ArrayLike, V: ArrayLike, tol: float = 1e-5) -> Recognition:
    """Name a student by its symmetry, up to the order of its rows; output weights are taken to be 1.

    The global minimum is W = P V for a permutation P. For k = m orthonormal teachers the known other minima have j of
    the k students flipped: with each student assigned to a teacher, X_ij = w_i . v_j has j negative diagonal entries,
    and X is unchanged by exchanging the flipped among each other and the others among each other (isotropy
    Delta(S_j x S_{k-j})). j = 1 is type II, k - 1 type I, k type A. A point with the right symmetry has the name
    whether or not it is critical; `classify` tells.

    Args:
        W: student rows (k, d).
        V: teacher rows (m, d).
        tol: largest difference between entries that must be equal; 0 or more.

    Returns:
        Recognition.

    Raises:
        ValueError: for a W that is not (k, d), or shapes that do not fit.

    Source:
        Arjevani and Field 2020, arXiv 2003.10576 (isotropy of the minima); for 1 < j < k - 1 measured here.

    >>> recognise([[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])
    Recognition(name='global minimum', flipped=0, order=array([1, 0]), spread=0.0)
    """
    net = networks(W, V)
    tol = at_least_zero("tol", tol, "Use the default.")
    student, teacher = net.W, net.V
    if student.ndim != 2:
        raise ValueError(f"Got W of shape {student.shape}; need one point (k, d). Call once per point.")
    k = len(student)
    if len(teacher) != k:
        return Recognition("other", None, None, np.inf)
    distance = np.abs(student[:, None] - teacher[None]).max(axis=2)
    order = linear_sum_assignment(distance)[1]
    spread = float(distance[np.arange(k), order].max())
    if spread <= tol:
        return Recognition("global minimum", 0, order, spread)
    gram = teacher @ teacher.T
    if np.abs(gram - np.eye(k)).max() > 1e-9:
        return Recognition("other", None, order, spread)
    inside = student @ teacher.T
    outside = float(np.abs(student - inside @ teacher).max())
    best = Recognition("other", None, order, np.inf)
    for cost in (-np.abs(inside), inside, -inside):
        order = linear_sum_assignment(cost)[1]
        X = inside[:, order]
        down = np.diag(X) < 0
        gap = max(outside, _spread(X, down))
        j = int(down.sum())
        if gap < best.spread:
            best = Recognition(_name(j, k) if gap <= tol else "other", j if gap <= tol else None, order, gap)
    return best


def _spread(X: Array, down: NDArray[np.bool_]) -> float:
    own = np.eye(len(X), dtype=bool)
    gap = 0.0
    for rows in (down, ~down):
        for columns in (down, ~down):
            block = rows[:, None] & columns[None, :]
            for part in (block & own, block & ~own):
                if part.any():
                    gap = max(gap, float(np.ptp(X[part])))
    return gap


def _name(j: int, k: int) -> str:
    return "type A" if j == k else "type II" if j == 1 else "type I" if j == k - 1 else f"{j}-flipped"


def find(
    V: ArrayLike,
    k: int,
    starts: int = 100,
    seed: int = 0,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    scale: float | None = None,
    tol: float = 1e-11,
    slope: float = 0.0,
) -> list[CriticalPoint]:
    """Critical points of all kinds, by Newton's method from many random starts.

    Points that are the same up to the order of rows with equal output weight (and of the teachers, where they are
    orthonormal with equal weights) are given once; of a continuum (collinear rows share their length freely, which is
    one zero eigenvalue) each point reached is given. The list is what these starts reached, never a proof that there
    are no others.

    Args:
        V: teacher rows (m, d).
        k: number of students, 1 or more.
        starts: number of starts, 1 or more.
        seed: of the starts.
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        scale: standard deviation of the starts' coordinates, above 0; None for 1/sqrt(d).
        tol: gradient norm at which a point counts as critical, above 0.
        slope: of the leaky ReLU for negative input, in both networks.

    Returns:
        CriticalPoints, by rising loss.

    Raises:
        ValueError: for a k, starts, seed, scale or tol out of range, and for what `teacher_student.gradient` refuses.

    Source:
        Measured here: for two orthonormal teachers it gives the global minimum, the saddles of Theorem 7 of Tian 2017,
        arXiv 1703.00560, on the diagonal, and others outside its plane.

    >>> [(p.kind, p.index, round(p.loss, 6)) for p in find([[1.0, 0.0], [0.0, 1.0]], k=2)][:2]
    [('minimum', 0, 0.0), ('saddle', 1, 0.086179)]
    """
    k, starts = whole("k", k, 1, "Use k = len(V)."), whole("starts", starts, 1, "Use 100.")
    tol, seed = above_zero("tol", tol, "Use 1e-11."), whole("seed", seed, 0, "Use 0.")
    teacher = finite("V", V)
    d = max(1, teacher.shape[-1]) if teacher.ndim else 1
    spread = d**-0.5 if scale is None else above_zero("scale", scale, "Use None for 1/sqrt(d).")
    W0 = np.random.default_rng(seed).normal(0.0, spread, (starts, k, d))
    points, norms = newton(W0, teacher, a, b, tol=tol / 10, slope=slope)
    away = np.sqrt((points**2).sum(axis=2)).min(axis=1) > 1e-6  # at w = 0 the gradient is not defined
    net = networks(W0, teacher, a, b, slope)
    key = _invariants(points, net)
    found: list[tuple[int, int]] = []
    for i in np.flatnonzero((norms <= tol) & away):
        for n, (first, count) in enumerate(found):
            if np.allclose(key[first], key[i], rtol=0, atol=1e-6):
                found[n] = (first, count + 1)
                break
        else:
            found.append((int(i), 1))
    out = []
    for first, count in found:
        point = classify(points[first], net.V, net.a, net.b, slope=net.slope)
        out.append(CriticalPoint(**{**point.__dict__, "count": count}))
    return sorted(out, key=lambda p: p.loss)


def _invariants(W: Array, net: Networks) -> Array:
    """Numbers that do not depend on the order of equal rows: loss, and sums of powers of the inner products."""
    V, a, b = net.V, net.a, net.b
    inner, self_ = W @ V.T, W @ np.swapaxes(W, 1, 2)
    parts = [loss(W, V, a, b, net.slope)]
    for power in (1, 2, 3):
        parts.append(np.einsum("i,nij,j->n", a, inner**power, b))
        parts.append(np.einsum("i,nij,j->n", a, self_**power, a))
    norms = np.sort(a * np.linalg.norm(W, axis=2), axis=1)
    return np.concatenate([np.stack(parts, axis=1), norms], axis=1)


def _one_set(net: Networks) -> None:
    k = net.W.shape[-2]
    if net.a.shape != (k,):
        raise ValueError(f"Got a of shape {net.a.shape}; need {(k,)}. Call once per set of output weights.")
