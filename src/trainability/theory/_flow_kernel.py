"""Dormand and Prince's embedded pair 5(4) on the gradient flow of eight runs at once, each with its own step size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from trainability.theory._descent_kernel import _BLOCK, LANES, _evaluate, own_angle

REACHED, TOO_MANY, NOT_FINITE = 0, 1, 2
"""Outcome codes, in the order of `gradient_flow.OUTCOMES`."""

_FAST = {"contract"}
_A = np.array(
    [
        [1 / 5, 0, 0, 0, 0, 0],
        [3 / 40, 9 / 40, 0, 0, 0, 0],
        [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
_E = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])


@njit(cache=True, fastmath=_FAST)
def _stage(y: Any, slopes: Any, count: int, h: Any, A: Any, out: Any) -> None:
    """out = y - h sum_s A[count - 1, s] slopes[s], lane by lane."""
    for c in range(0, y.size, LANES):
        for lane in range(LANES):
            total = 0.0
            for s in range(count):
                total += A[count - 1, s] * slopes[s, c + lane]
            out[c + lane] = y[c + lane] - h[lane] * total


@njit(cache=True, fastmath=_FAST)
def _group(first: int, W0: Any, times: Any, teacher: Any, rule: Any, A: Any, E: Any, out: Any) -> None:
    """Eight runs through all the times; a run that has arrived or failed stands still."""
    runs, k, d = W0.shape
    m = teacher[2].size
    pad = teacher[0].size // m
    rtol, atol, max_steps, constant_loss = rule
    path, path_loss, path_norm, steps, outcome = out
    cells = k * pad * LANES
    work = (
        np.zeros(cells), np.zeros(cells), np.zeros(k * LANES), np.full(k * (k + m) * LANES, own_angle(teacher[5])),
        np.zeros(k * (k + m) * LANES), np.zeros(2 * _BLOCK * LANES), np.zeros(2 * LANES),
    )  # fmt: skip
    y, new, slopes, sums = np.ones(cells), np.ones(cells), np.zeros((7, cells)), np.zeros(2 * LANES)
    t, step, h, goal = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES), np.zeros(LANES, np.int64)
    count, live = np.zeros(LANES, np.int64), np.zeros(LANES, np.bool_)
    value, norm = np.zeros(LANES), np.zeros(LANES)
    for lane in range(LANES):
        run = first * LANES + lane
        live[lane] = run < runs
        for i in range(k):
            for r in range(pad):
                y[(i * pad + r) * LANES + lane] = 0.0 if r >= d else (W0[run, i, r] if run < runs else 1.0)
    _evaluate(y, teacher, k, m, d, pad, work, slopes[0], sums)
    for lane in range(LANES):
        value[lane] = sums[lane] + constant_loss
        norm[lane] = math.sqrt(sums[LANES + lane])
        step[lane] = 0.01 / (1.0 + norm[lane])
    while True:
        # output points that are reached, and the steps to try
        busy = 0
        for lane in range(LANES):
            h[lane] = 0.0
            if not live[lane]:
                continue
            run = first * LANES + lane
            while goal[lane] < times.size and t[lane] >= times[goal[lane]]:
                for i in range(k):
                    for r in range(d):
                        path[run, goal[lane], i, r] = y[(i * pad + r) * LANES + lane]
                path_loss[run, goal[lane]] = value[lane]
                path_norm[run, goal[lane]] = norm[lane]
                goal[lane] += 1
            if goal[lane] == times.size or count[lane] >= max_steps:
                live[lane] = False
                outcome[run] = REACHED if goal[lane] == times.size else TOO_MANY
                steps[run] = count[lane]
                continue
            h[lane] = min(step[lane], times[goal[lane]] - t[lane])
            busy += 1
        if busy == 0:
            return
        for s in range(1, 7):
            _stage(y, slopes, s, h, A, new)
            _evaluate(new, teacher, k, m, d, pad, work, slopes[s], sums)
        for lane in range(LANES):
            if not live[lane]:
                continue
            error = 0.0
            for c in range(lane, cells, LANES):
                e = 0.0
                for s in range(7):
                    e += E[s] * slopes[s, c]
                size = atol + rtol * max(abs(y[c]), abs(new[c]))
                error += (h[lane] * e / size) ** 2
            error = math.sqrt(error / (k * d))
            count[lane] += 1
            if not (math.isfinite(error) and math.isfinite(sums[lane])):
                step[lane] = 0.1 * h[lane]
                if step[lane] < 1e-14 * (1.0 + t[lane]):
                    live[lane] = False
                    outcome[first * LANES + lane] = NOT_FINITE
                    steps[first * LANES + lane] = count[lane]
                continue
            factor = 5.0 if error < 1e-8 else min(5.0, max(0.2, 0.9 * error**-0.2))
            if error <= 1.0:
                clipped = h[lane] < step[lane]
                aim = times[goal[lane]]
                t[lane] = aim if h[lane] == aim - t[lane] else t[lane] + h[lane]
                for c in range(lane, cells, LANES):
                    y[c] = new[c]
                    slopes[0, c] = slopes[6, c]
                value[lane] = sums[lane] + constant_loss
                norm[lane] = math.sqrt(sums[LANES + lane])
                step[lane] = max(step[lane], h[lane] * factor) if clipped else h[lane] * factor
            else:
                step[lane] = h[lane] * min(1.0, factor)


@njit(cache=True, parallel=True)
def integrate(W0: Any, times: Any, teacher: Any, rule: Any, A: Any, E: Any, out: Any) -> None:
    """The flow of every run through all times.

    Args:
        W0: starts (runs, k, d).
        times: rising, (points,).
        teacher: from `_descent_kernel.packed`.
        rule: (rtol, atol, max_steps, b'K(V,V)b/2).
        A: stage weights (6, 6).
        E: error weights (7,).
        out: arrays to fill: points (runs, points, k, d), losses and gradient norms (runs, points), steps and outcome (runs,).
    """
    for group in prange((len(W0) + LANES - 1) // LANES):
        _group(np.int64(group), W0, times, teacher, rule, A, E, out)


TABLE = (_A, _E)
