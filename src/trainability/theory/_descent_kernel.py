"""Loss and gradient of eight runs at once, and the loop that advances a whole batch of runs, each to its own end.

With unit vectors u, q of two rows, the chord p = |u - q|² gives everything a pair needs, without a loss of digits
at small angles (Kahan's formula says the same with an arctangent):

    cos t = 1 - p/2,   sin t = sqrt(p (4 - p))/2,   t from asin of the smaller of |cos t| and sin t

4 - p = |u + q|² is exact enough but near t = pi; the few lanes there are redone with |u + q|² itself. The arcsine is a
polynomial, asin x = x + x³ P(x²) on x² <= 1/2, of degree 18, a Chebyshev fit made with mpmath at 50 digits (relative
error 1.1e-17). Then, D = pi - t and S = sin t,

    2 pi dL/dw_i = a_i [ sum_j a_j (D_ij w_j + S_ij |w_j| u_i) - sum_j b_j (D_ij v_j + S_ij |v_j| u_i) ]

and, the kernel being homogeneous, L = sum_i w_i . (student part / 2 - teacher part) + b'K(V,V)b/2, for nothing.
A leaky slope s only replaces D by (1 - s)² D + 2 pi s and S by (1 - s)² S.

Layout: flat arrays; the eight lanes are innermost, then d (padded to an even number), then the rows. A lane whose run
has ended takes the next run of its queue, so memory does not depend on the number of steps, and no lane waits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange, types
from numba.extending import intrinsic

from trainability.theory._vectors import FLOAT64, Memory, any_bit, chosen, integer, looped

CONVERGED, FLOOR, LIMIT, DIVERGED, SINGULAR = 0, 1, 2, 3, 4
"""Outcome codes, in the order of `descent.OUTCOMES`."""

LANES = FLOAT64.lanes
"""Runs that are advanced together in one thread."""

BLOWUP = 1e6
"""A run has diverged where its loss is above this many times the larger of its first loss and that of no student."""

_FAST = {"contract"}
_BLOCK, _REST = 4, 2  # coordinates that are summed at a time: fours, and a pair where d leaves one
_ASIN = (
    0.8509078787482891, -3.147779902121561, 5.5420196738549325, -6.0111293038313285, 4.489620990725681,
    -2.4152020035487536, 0.979070446160228, -0.28975470903445516, 0.07594134236628666, -0.003700274662272859,
    0.011368065658383704, 0.011393295852639113, 0.013976177843783409, 0.017352198067224378, 0.022372177818977653,
    0.030381944067935936, 0.044642857146843906, 0.0749999999999833, 0.16666666666666669,
)  # fmt: skip


def arcsine_series(y: Any) -> Any:
    """P(y) of asin x = x + x³ P(x²), in two chains of every other power, which wait half as long as one.

    Args:
        y: x², at most 1/2; lanes.

    Returns:
        Lanes.
    """
    square = y * y
    even, odd = square * _ASIN[0] + _ASIN[2], square * _ASIN[1] + _ASIN[3]
    for one, two in zip(_ASIN[4:-1:2], _ASIN[5::2], strict=True):
        even, odd = even * square + one, odd * square + two
    return odd * y + (even * square + _ASIN[-1])


def _pair(lanes: bool) -> Any:
    """Build `pair(U, o, Q, oq, d, D, S, ij, ji) -> near`: D and S of one pair of rows; Q in lanes or one for all."""

    @intrinsic
    def pair(_: Any, U: Any, o: Any, Q: Any, oq: Any, d: Any, D: Any, S: Any, ij: Any, ji: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            u = Memory(context, builder, signature.args[0], args[0])
            q = Memory(context, builder, signature.args[2], args[2])
            store_d = Memory(context, builder, signature.args[5], args[5])
            store_s = Memory(context, builder, signature.args[6], args[6])

            def turn(r: Any, sums: list[Any]) -> list[Any]:
                step = builder.mul(r, integer(LANES))
                other = q.load(builder.add(args[3], step)) if lanes else q.spread(builder.add(args[3], r))
                e = u.load(builder.add(args[1], step)) - other
                return [sums[0] + e * e]

            (p,) = looped(builder, args[4], [u.all(0.0)], turn)
            far = 4.0 - p
            near = far.below(0.4)
            s2 = p * far
            s = chosen(s2.below(0.0), 0.0, s2).sqrt() * 0.5
            c = 1.0 - p * 0.5
            size = c.abs()
            middle = size.below(s)
            x = chosen(middle, size, s)
            y = x * x
            series = arcsine_series(y)
            arc = x + x * (y * series)
            negative = c.below(0.0)
            signed = chosen(negative, 0.0 - arc, arc)
            edge = chosen(negative, arc, math.pi - arc)
            pi_minus_t = chosen(middle, signed + math.pi / 2, edge)
            for at in (args[7], args[8]) if lanes else (args[7],):
                store_d.store(pi_minus_t, at)
                store_s.store(s, at)
            return any_bit(builder, near)

        i = types.int64
        return types.int64(U, i, Q, i, i, D, S, i, i), build

    return pair


def _contract(lanes: bool, width: int) -> Any:
    """Build `contracted(D, od, X, ox, stride, n, out, oo)`: out[r] = sum_j D[j] X[j, r] for `width` values of r."""

    @intrinsic
    def contracted(_: Any, D: Any, od: Any, X: Any, ox: Any, stride: Any, n: Any, out: Any, oo: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            weights = Memory(context, builder, signature.args[0], args[0])
            x = Memory(context, builder, signature.args[2], args[2])
            target = Memory(context, builder, signature.args[6], args[6])

            def turn(j: Any, sums: list[Any]) -> list[Any]:
                w = weights.load(builder.add(args[1], builder.mul(j, integer(LANES))))
                base = builder.add(args[3], builder.mul(j, args[4]))
                rows = [
                    x.load(builder.add(base, integer(r * LANES))) if lanes else x.spread(builder.add(base, integer(r)))
                    for r in range(width)
                ]
                return [total + w * row for total, row in zip(sums, rows, strict=True)]

            sums = looped(builder, args[5], [weights.all(0.0)] * width, turn)
            for r, total in enumerate(sums):
                target.store(total, builder.add(args[7], integer(r * LANES)))
            return context.get_dummy_value()

        i = types.int64
        return types.void(D, i, X, i, i, i, out, i), build

    return contracted


@intrinsic
def _finish(
    _: Any, W: Any, U: Any, G: Any, at: Any, part: Any, tail: Any, r: Any, scale: Any, i: Any, sums: Any
) -> Any:
    """One coordinate's gradient from its sums, and its share of the loss and of the squared gradient norm."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w, u, g, parts, tails, scales, total = (
            Memory(context, builder, signature.args[n], args[n]) for n in (0, 1, 2, 4, 5, 7, 9)
        )
        offset, here = args[3], builder.mul(args[6], integer(LANES))
        unit, factor = u.load(offset), scales.spread(args[8])
        student = (parts.load(here) + tails.load(integer(0)) * unit) * factor
        teacher = (parts.load(builder.add(here, integer(_BLOCK * LANES))) + tails.load(integer(LANES)) * unit) * factor
        slope = student - teacher
        g.store(slope, offset)
        total.store(total.load(integer(0)) + w.load(offset) * (student * 0.5 - teacher), integer(0))
        total.store(total.load(integer(LANES)) + slope * slope, integer(LANES))
        return context.get_dummy_value()

    n = types.int64
    return types.void(W, U, G, n, part, tail, n, scale, n, sums), build


@intrinsic
def _unit(_: Any, W: Any, at: Any, d: Any, a: Any, i: Any, U: Any, aW: Any, aN: Any) -> Any:
    """Direction of row i, and the row and its length times its output weight; NaN for a row of 0."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w, weight, u, aw, an = (Memory(context, builder, signature.args[n], args[n]) for n in (0, 3, 5, 6, 7))

        def place(r: Any) -> Any:
            return builder.add(args[1], builder.mul(r, integer(LANES)))

        def square(r: Any, sums: list[Any]) -> list[Any]:
            x = w.load(place(r))
            return [sums[0] + x * x]

        (total,) = looped(builder, args[2], [w.all(0.0)], square)
        length, factor = total.sqrt(), weight.spread(args[4])
        an.store(factor * length, builder.mul(args[4], integer(LANES)))

        def scale(r: Any, sums: list[Any]) -> list[Any]:
            x = w.load(place(r))
            u.store(x / length, place(r))  # a quotient: -s v has the exact opposite of the direction of v
            aw.store(x * factor, place(r))
            return sums

        looped(builder, args[2], [], scale)
        return context.get_dummy_value()

    n = types.int64
    return types.void(W, n, n, a, n, U, aW, aN), build


@intrinsic
def _descended(_: Any, W: Any, G: Any, rate: Any, cells: Any) -> Any:
    """W -= rate G, lane by lane."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w, g, rates = (Memory(context, builder, signature.args[n], args[n]) for n in range(3))
        lr = rates.load(integer(0))

        def turn(i: Any, sums: list[Any]) -> list[Any]:
            at = builder.mul(i, integer(LANES))
            w.store(w.load(at) - lr * g.load(at), at)
            return sums

        looped(builder, args[3], [], turn)
        return context.get_dummy_value()

    return types.void(W, G, rate, types.int64), build


_students, _teachers = _pair(True), _pair(False)
_over_students, _over_teachers = _contract(True, _BLOCK), _contract(False, _BLOCK)
_rest_students, _rest_teachers = _contract(True, _REST), _contract(False, _REST)
_tail_students, _tail_teachers = _contract(True, 1), _contract(False, 1)


@njit(cache=True, fastmath=_FAST)
def _near_pi(U: Any, o: int, Q: Any, oq: int, width: int, d: int, D: Any, S: Any, ij: int, ji: int) -> None:
    """Redo the lanes whose angle is near pi from |u + q|²; `width` is LANES where Q lies in lanes, else 1."""
    for lane in range(LANES):
        p, far = 0.0, 0.0
        for r in range(d):
            x = U[o + r * LANES + lane]
            y = Q[oq + r * width + (lane if width > 1 else 0)]
            p += (x - y) * (x - y)
            far += (x + y) * (x + y)
        if far < 0.4:
            s = 0.5 * math.sqrt(p * far)
            S[ij + lane] = s
            S[ji + lane] = s
            t = 2.0 * math.asin(0.5 * math.sqrt(far))
            D[ij + lane] = t
            D[ji + lane] = t


@njit(cache=True, fastmath=_FAST)
def _leak(slope: float, k: int, n: int, D: Any, S: Any) -> None:
    """Turn D and S of ReLUs into those of leaky ReLUs; a row against itself keeps the constant of `own_angle`."""
    relu = (1.0 - slope) ** 2
    for i in range(k):
        for j in range(n):
            if j != i:
                for at in range((i * n + j) * LANES, (i * n + j + 1) * LANES):
                    D[at] = relu * D[at] + 2.0 * math.pi * slope
                    S[at] = relu * S[at]


@njit(cache=True)
def own_angle(slope: float) -> float:
    """D of a row against itself: pi (1 - s)² + 2 pi s."""
    return math.pi * (1.0 + slope * slope)


@njit(cache=True, fastmath=_FAST)
def _evaluate(W: Any, teacher: Any, k: int, m: int, d: int, pad: int, work: Any, G: Any, sums: Any) -> None:
    """Gradient G of the eight runs at W; sums are their losses, less the teacher's constant, and squared norms."""
    V, Q, bN, a, scale, slope = teacher
    U, aW, aN, D, S, parts, tails = work
    for i in range(k):
        _unit(W, i * pad * LANES, d, a, i, U, aW, aN)
    sums[:] = 0.0
    n = k + m
    for i in range(k):
        row = i * pad * LANES
        for j in range(i):
            ij, ji = (i * n + j) * LANES, (j * n + i) * LANES
            if _students(U, row, U, j * pad * LANES, d, D, S, ij, ji):
                _near_pi(U, row, U, j * pad * LANES, LANES, d, D, S, ij, ji)
        for j in range(m):
            ij = (i * n + k + j) * LANES
            if _teachers(U, row, Q, j * pad, d, D, S, ij, ij):
                _near_pi(U, row, Q, j * pad, 1, d, D, S, ij, ij)
    if slope != 0.0:
        _leak(slope, k, n, D, S)
    for i in range(k):
        mine, theirs = i * n * LANES, (i * n + k) * LANES
        _tail_students(S, mine, aN, 0, LANES, k, tails, 0)
        _tail_teachers(S, theirs, bN, 0, 1, m, tails, LANES)
        for r in range(0, pad - _REST, _BLOCK):
            _over_students(D, mine, aW, r * LANES, pad * LANES, k, parts, 0)
            _over_teachers(D, theirs, V, r, pad, m, parts, _BLOCK * LANES)
            for q in range(_BLOCK):
                _finish(W, U, G, (i * pad + r + q) * LANES, parts, tails, q, scale, i, sums)
        if pad % _BLOCK:
            r = pad - _REST
            _rest_students(D, mine, aW, r * LANES, pad * LANES, k, parts, 0)
            _rest_teachers(D, theirs, V, r, pad, m, parts, _BLOCK * LANES)
            for q in range(_REST):
                _finish(W, U, G, (i * pad + r + q) * LANES, parts, tails, q, scale, i, sums)


@njit(cache=True)
def _take(W0: Any, run: int, lane: int, k: int, d: int, pad: int, W: Any) -> None:
    for i in range(k):
        for r in range(d):
            W[(i * pad + r) * LANES + lane] = W0[run, i, r]


@njit(cache=True)
def _give(W: Any, lane: int, k: int, d: int, pad: int, out: Any) -> None:
    for i in range(k):
        for r in range(d):
            out[i, r] = W[(i * pad + r) * LANES + lane]


@njit(cache=True, fastmath=_FAST)
def _queue(first: int, stride: int, W0: Any, teacher: Any, rule: Any, every: int, out: Any) -> None:
    """Advance runs first, first + stride, ...: eight at a time, each to its own end."""
    runs, k, d = W0.shape
    V, _Q, bN, a, _scale, slope = teacher
    m, pad = bN.size, V.size // bN.size
    lr, constant_loss, tol, floor, max_steps = rule
    end, loss, norm, steps, outcome, path, path_loss = out
    cells = k * pad * LANES
    W, U, G, aW = np.ones(cells), np.zeros(cells), np.zeros(cells), np.zeros(cells)
    D, S = np.full(k * (k + m) * LANES, own_angle(slope)), np.zeros(k * (k + m) * LANES)
    work = (U, aW, np.zeros(k * LANES), D, S, np.zeros(2 * _BLOCK * LANES), np.zeros(2 * LANES))
    sums, rate, top = np.zeros(2 * LANES), np.zeros(LANES), np.zeros(LANES)
    who, count = np.full(LANES, -1), np.zeros(LANES, np.int64)
    fresh = np.zeros(LANES, np.bool_)
    ahead, active = first, 0
    for lane in range(LANES):
        for i in range(k):
            for r in range(d, pad):
                W[(i * pad + r) * LANES + lane] = 0.0
        if ahead < runs:
            _take(W0, ahead, lane, k, d, pad, W)
            who[lane], rate[lane] = ahead, lr[ahead]
            ahead += stride
            active += 1
    while active:
        _evaluate(W, teacher, k, m, d, pad, work, G, sums)
        for lane in range(LANES):
            run = who[lane]
            if run < 0:
                continue
            value, square = sums[lane] + constant_loss, sums[LANES + lane]
            if every and count[lane] % every == 0:
                _give(W, lane, k, d, pad, path[run, count[lane] // every])
                path_loss[run, count[lane] // every] = value
            if count[lane] == 0:
                top[lane] = BLOWUP * max(value, constant_loss)
            code = -1
            if not (math.isfinite(value) and math.isfinite(square)):
                code = DIVERGED
                for i in range(k):
                    if work[2][i * LANES + lane] == 0.0 and a[i] != 0.0:
                        code = SINGULAR
            elif square <= tol * tol:
                code = CONVERGED
            elif value <= floor:
                code = FLOOR
            elif value > top[lane]:
                code = DIVERGED
            elif count[lane] >= max_steps:
                code = LIMIT
            if code < 0:
                count[lane] += 1
                continue
            _give(W, lane, k, d, pad, end[run])
            loss[run], norm[run], steps[run], outcome[run] = value, math.sqrt(square), count[lane], code
            who[lane], rate[lane] = -1, 0.0
            active -= 1
            if ahead < runs:
                _take(W0, ahead, lane, k, d, pad, W)
                who[lane], rate[lane], count[lane], fresh[lane] = ahead, lr[ahead], 0, True
                ahead += stride
                active += 1
            else:  # nothing left: stand still on numbers that are cheap
                for i in range(k * pad):
                    W[i * LANES + lane] = 1.0
                fresh[lane] = True
        if fresh.any():
            for lane in range(LANES):
                if fresh[lane]:
                    for i in range(k * pad):
                        G[i * LANES + lane] = 0.0
                    fresh[lane] = False
        _descended(W, G, rate, k * pad)


@njit(cache=True, parallel=True)
def advance(queues: int, W0: Any, teacher: Any, rule: Any, every: int, out: Any) -> None:
    """Gradient descent of every run until its own end, `queues` queues in parallel.

    Args:
        queues: 1 or more; the results do not depend on it.
        W0: starts (runs, k, d).
        teacher: from `packed`.
        rule: (lr (runs,), b'K(V,V)b/2, tol, floor, max_steps).
        every: steps between recorded points; 0 for none.
        out: arrays to fill: end (runs, k, d), loss, norm, steps, outcome (runs,), and the recorded points
            (runs, points, k, d) and losses (runs, points).
    """
    for first in prange(queues):
        _queue(np.int64(first), queues, W0, teacher, rule, every, out)


def packed(V: Any, a: Any, b: Any, slope: float) -> tuple[Any, ...]:
    """Teacher and output weights as the kernel reads them: (V, its directions, b |v|, a, a/(2 pi), slope), flat.

    Args:
        V: teacher rows (m, d).
        a: output weights (k,) of the student.
        b: output weights (m,) of the teacher.
        slope: of the leaky ReLU, both networks.

    Returns:
        Arrays, then the slope; rows are padded with 0 to an even length.
    """
    m, d = V.shape
    length = np.sqrt((V * V).sum(1))
    rows, units = np.zeros((2, m, d + d % _REST))
    rows[:, :d] = V * b[:, None]
    units[:, :d] = V / length[:, None]
    return rows.ravel(), units.ravel(), b * length, np.ascontiguousarray(a), a / (2 * math.pi), float(slope)
