"""Online learning itself, one fresh input per step: what the equations are to be compared with.

`simulate` moves vectors in R^N. `simulate_overlaps` draws from the same law at a cost that does not depend on N: given
the overlaps, the pre-activations are Gaussian with covariance [[Q, R], [R', T]], and all else that a step needs of x is
its squared length, which beyond the K + M directions of the vectors is chi² with N - K - M degrees of freedom.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from trainability.theory.online._check import Array, at_least_zero, joint, order_parameters
from trainability.theory.online._geometry import unit_vectors
from trainability.theory.online.equations import error
from trainability.theory.online.integrate import times
from trainability.theory.teacher_student.checks import real


@dataclass(frozen=True)
class Simulation:
    """Overlaps and error of every run at the times asked for.

    Args:
        alpha: times steps/N that were reached `(n,)`: those asked for, rounded to whole steps.
        Q: `(runs, n, K, K)`.
        R: `(runs, n, K, M)`.
        T: `(M, M)`.
        a: output weights `(runs, n, K)`.
        b: output weights of the teachers `(M,)`.
        eg: generalisation error `(runs, n)`, of the overlaps; nan after a run has diverged.
        seeds: one per run.
        N: input dimension.
    """

    alpha: Array
    Q: Array
    R: Array
    T: Array
    a: Array
    b: Array
    eg: Array
    seeds: tuple[int, ...]
    N: int


def simulate(
    N: int,
    Q0: ArrayLike,
    R0: ArrayLike,
    T: ArrayLike,
    eta: float,
    alpha: ArrayLike,
    seeds: Sequence[int],
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    noise: float = 0.0,
    eta_output: float = 0.0,
) -> Simulation:
    """Online gradient descent in R^N from vectors with exactly the given overlaps, for many seeds.

        w_i <- w_i - (eta/N) a_i 1{w_i.x > 0} e x,   a_i <- a_i - (eta_a/N) e relu(w_i.x),   x ~ N(0, I_N) afresh

    The input is isotropic, so that only the overlaps of the start matter; the vectors are put into the first K + M
    coordinates. Overlaps differ from the equations' by fluctuations of order 1/sqrt(N) and a bias of order 1/N. Runs
    are parallel, and each draws from its own seed alone, so that it does not depend on the others.

    Args:
        N: input dimension, at least K + M.
        Q0: student overlaps at the start `(K, K)`, diagonal above 0; a number for K = 1.
        R0: student-teacher overlaps at the start `(K, M)`.
        T: teacher overlaps `(M, M)`, diagonal above 0.
        eta: learning rate, at least 0.
        alpha: times steps/N, not decreasing, at least 0; a single number is an end, with 201 points up to it.
        seeds: of the inputs and the noise, one per run, each in [0, 2^32).
        a: output weights of the students at the start `(K,)`; 1 if None.
        b: output weights of the teachers `(M,)`; 1 if None.
        noise: variance sigma² of the noise on the teacher's answer.
        eta_output: learning rate of the output weights; 0 keeps them.

    Returns:
        Simulation.

    Raises:
        ValueError: as for `integrate`, for an N below K + M, and for no seed or one out of range.

    Source:
        Saad and Solla 1995, Phys. Rev. E 52, 4225.

    >>> result = simulate(50, 0.25, 0.0, 1.0, eta=1.0, alpha=[0.0, 40.0], seeds=range(3))
    >>> bool((result.eg[:, 1] < 1e-3 * result.eg[:, 0]).all())
    True
    """
    return _run(_in_space, N, Q0, R0, T, eta, alpha, seeds, a, b, noise, eta_output)


def simulate_overlaps(
    N: int,
    Q0: ArrayLike,
    R0: ArrayLike,
    T: ArrayLike,
    eta: float,
    alpha: ArrayLike,
    seeds: Sequence[int],
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    noise: float = 0.0,
    eta_output: float = 0.0,
) -> Simulation:
    """The same random process as `simulate`, in law, without vectors: a step costs the same at every N.

        f = L g,  L L' = [[Q, R], [R', T]],  g ~ N(0, I_(K+M));   |x|² = |g|² + chi²(N - K - M)
        s_i = -(eta/N) a_i 1{f_i > 0} e;   R_in += s_i f_n;   Q_ik += s_i f_k + s_k f_i + s_i s_k |x|²

    so that N = 100,000 is within reach, where fluctuations are small. The runs of a seed are not those of `simulate`.

    Args:
        N: input dimension, at least K + M.
        Q0: student overlaps at the start `(K, K)`, diagonal above 0; a number for K = 1.
        R0: student-teacher overlaps at the start `(K, M)`.
        T: teacher overlaps `(M, M)`, diagonal above 0.
        eta: learning rate, at least 0.
        alpha: times steps/N, not decreasing, at least 0; a single number is an end, with 201 points up to it.
        seeds: of the draws, one per run, each in [0, 2^32).
        a: output weights of the students at the start `(K,)`; 1 if None.
        b: output weights of the teachers `(M,)`; 1 if None.
        noise: variance sigma² of the noise on the teacher's answer.
        eta_output: learning rate of the output weights; 0 keeps them.

    Returns:
        Simulation.

    Raises:
        ValueError: as for `simulate`.

    Source:
        Derived here: x ~ N(0, I_N) splits into independent parts along and across the span of the vectors.

    >>> result = simulate_overlaps(100_000, 0.25, 0.0, 1.0, eta=1.0, alpha=[1.0], seeds=[0])
    >>> bool(abs(result.eg[0, 0] - 0.17835) < 0.002)
    True
    """
    return _run(_in_overlaps, N, Q0, R0, T, eta, alpha, seeds, a, b, noise, eta_output)


def _run(
    kernel: Callable[..., None],
    n: int,
    q0: ArrayLike,
    r0: ArrayLike,
    t: ArrayLike,
    eta: float,
    alpha: ArrayLike,
    seeds: Sequence[int],
    a: ArrayLike | None,
    b: ArrayLike | None,
    noise: float,
    eta_output: float,
) -> Simulation:
    q, r, t_, a_, b_ = order_parameters(q0, r0, t, a, b)
    eta, noise = at_least_zero("eta", eta), at_least_zero("noise", noise)
    eta_output = at_least_zero("eta_output", eta_output)
    k, m = r.shape
    if not isinstance(n, (int, np.integer)) or k + m > n:
        raise ValueError(f"Got N={n!r} for K={k} and M={m}; need a whole number of at least K + M. Raise N.")
    given = real("seeds", list(seeds) if isinstance(seeds, Iterable) else seeds)
    chosen = given.astype(np.int64)
    if given.ndim != 1 or not given.size or (given < 0).any() or (given >= 2**32).any() or (chosen != given).any():
        raise ValueError(f"Got seeds {seeds!r}; need at least one, each in [0, 2^32). Try range(5).")
    steps = np.rint(times(alpha) * n).astype(np.int64)
    c, runs, points = joint(q, r, t_), len(chosen), len(steps)
    qs, rs = np.empty((runs, points, k, k)), np.empty((runs, points, k, m))
    as_, eg = np.empty((runs, points, k)), np.empty((runs, points))

    def one(run: int) -> None:
        seed = int(chosen[run])
        kernel(
            seed, c.copy(), int(n), a_.copy(), b_, eta, noise, eta_output, steps,
            qs[run], rs[run], as_[run], eg[run],
        )  # fmt: skip

    # Threads and not prange: the kernels release the lock, and compile in half the time without it.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(runs)))
    return Simulation(steps / n, qs, rs, t_, as_, b_, eg, tuple(chosen.tolist()), int(n))


@njit(cache=True)
def _record(
    c: np.ndarray, a: np.ndarray, b: np.ndarray, s: int, q: np.ndarray, r: np.ndarray, o: np.ndarray, eg: np.ndarray
) -> None:
    k = a.shape[0]
    q[s], r[s], o[s] = c[:k, :k], c[:k, k:], a
    fine = np.isfinite(c).all()
    for i in range(k):
        fine = fine and c[i, i] > 0
    eg[s] = error(c, a, b) if fine else np.nan


@njit(cache=True, nogil=True)
def _in_space(
    seed: int,
    c: np.ndarray,
    n: int,
    a: np.ndarray,
    b: np.ndarray,
    eta: float,
    noise: float,
    eta_output: float,
    steps: np.ndarray,
    q_out: np.ndarray,
    r_out: np.ndarray,
    a_out: np.ndarray,
    eg_out: np.ndarray,
) -> None:
    """One run: the rows of w are the students, then the teachers."""
    np.random.seed(seed)
    k, total = a.shape[0], c.shape[0]
    w = np.zeros((total, n))
    u = unit_vectors(c)
    for i in range(total):
        w[i, :total] = u[i] * np.sqrt(c[i, i])
    x = np.empty(n)
    field = np.empty(total)
    now = np.empty((total, total))
    deviation = np.sqrt(noise)
    done = 0
    for s in range(steps.shape[0]):
        while done < steps[s]:
            for j in range(n):
                x[j] = np.random.standard_normal()
            e = -deviation * np.random.standard_normal() if noise > 0 else 0.0
            for i in range(total):
                field[i] = np.dot(w[i], x)
                if field[i] > 0:
                    e += (a[i] if i < k else -b[i - k]) * field[i]
            for i in range(k):
                if field[i] > 0:
                    step = -eta / n * a[i] * e
                    for j in range(n):
                        w[i, j] += step * x[j]
                    a[i] -= eta_output / n * e * field[i]
            done += 1
        for i in range(total):
            for j in range(total):
                now[i, j] = np.dot(w[i], w[j])
        _record(now, a, b, s, q_out, r_out, a_out, eg_out)


@njit(cache=True, nogil=True)
def _in_overlaps(
    seed: int,
    c: np.ndarray,
    n: int,
    a: np.ndarray,
    b: np.ndarray,
    eta: float,
    noise: float,
    eta_output: float,
    steps: np.ndarray,
    q_out: np.ndarray,
    r_out: np.ndarray,
    a_out: np.ndarray,
    eg_out: np.ndarray,
) -> None:
    """One run of the joint covariance c itself."""
    np.random.seed(seed)
    k, total = a.shape[0], c.shape[0]
    low = np.zeros((total, total))
    g, field, step = np.empty(total), np.empty(total), np.empty(total)
    deviation = np.sqrt(noise)
    moved, done = True, 0
    for s in range(steps.shape[0]):
        while done < steps[s]:
            if moved:
                _factor(c, k, low)
            length = 2.0 * np.random.standard_gamma((n - total) / 2) if n > total else 0.0
            for i in range(total):
                g[i] = np.random.standard_normal()
                length += g[i] * g[i]
            e = -deviation * np.random.standard_normal() if noise > 0 else 0.0
            for i in range(total):
                field[i] = 0.0
                for j in range(total):
                    field[i] += low[i, j] * g[j]
                if field[i] > 0:
                    e += (a[i] if i < k else -b[i - k]) * field[i]
            moved = False
            for i in range(k):
                step[i] = 0.0
                if field[i] > 0:
                    moved = True
                    step[i] = -eta / n * a[i] * e
                    a[i] -= eta_output / n * e * field[i]
            if moved:
                for i in range(k):
                    for j in range(i, k):
                        c[i, j] += step[i] * field[j] + step[j] * field[i] + step[i] * step[j] * length
                        c[j, i] = c[i, j]
                    for j in range(k, total):
                        c[i, j] += step[i] * field[j]
                        c[j, i] = c[i, j]
            done += 1
        _record(c, a, b, s, q_out, r_out, a_out, eg_out)


@njit(cache=True)
def _factor(c: np.ndarray, k: int, low: np.ndarray) -> None:
    """Cholesky factor of c, teachers (from row k on) first; a direction with no variance left gets a column of 0."""
    total = c.shape[0]
    for p in range(total):
        i = (p + k) % total
        rest = c[i, i]
        for q in range(p):
            j = (q + k) % total
            value = c[i, j]
            for r in range(q):
                value -= low[i, r] * low[j, r]
            low[i, q] = value / low[j, q] if low[j, q] > 0 else 0.0
            rest -= low[i, q] ** 2
        low[i, p] = np.sqrt(rest) if rest > 1e-15 * c[i, i] else 0.0
