"""L_12 and L_21 for one teacher, compiled: a form without cancellation, and the textbook's.

In the textbook form L_12 is a difference of numbers of order 1 divided by a determinant that vanishes as T -> 0. With
l = sin T - T cos T, computed to full relative accuracy, everything small is small from the start:

    H = pi (1 - cos T) - l,   D = H (2 pi - H)
    a = [ pi (sin^3 T - 2 l) + l (T sin^2 T - l cos T) ]/D,   e = [ pi T sin^2 T - 2 pi l cos T - l^2 ]/D
    L_12 = (t2 - t1) cos t2 + (sin t1 cos T - sin t2) - a h(t1) + e h(t2),   t1 = |phi|, t2 = |phi - T| (both folded)

and L_21 by exchanging t1 and t2. The bracket, too, is sin T cos phi up to sign and 2 sin t1 cos T.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

# A teacher closer than this to student 2 is on the cone's boundary, where both are 0 and have no sign.
ON_BOUNDARY = 1e-13

PI_REST = 1.2246467991473532e-16  # pi minus its float64: opposite to a narrow cone it is not small


@njit(cache=True)
def factors(T):  # type: ignore[no-untyped-def]
    """a and e of this module's head; M_r^-1 m_12 = (a, 1 - e)."""
    s, c = math.sin(T), math.cos(T)
    if T < 0.5:
        z = T * T
        lag = T * z * (1 / 3 - z * (1 / 30 - z * (1 / 840 - z * (1 / 45360 - z * (1 / 3991680 - z / 518918400)))))
    else:
        lag = s - T * c
    H = 2 * math.pi * math.sin(T / 2) ** 2 - lag
    D = H * (2 * math.pi - H)
    a = (math.pi * (s**3 - 2 * lag) + lag * (T * s * s - c * lag)) / D
    return a, (math.pi * T * s * s - 2 * math.pi * c * lag - lag * lag) / D


@njit(cache=True)
def _pair(phi, T, a, e):  # type: ignore[no-untyped-def]
    """L_12 and L_21 for phi in [0, 2 pi)."""
    s, c = math.sin(T), math.cos(T)
    d = phi - T
    if phi > math.pi and d <= math.pi:  # opposite to the cone: from pi, where phi and d have all their digits
        p = phi - math.pi - PI_REST
        s1, c1, s2, c2 = -math.sin(p), -math.cos(p), -math.sin(p - T), -math.cos(p - T)
        rest1, rest2 = p, T - p
        b12, b21, t21 = -2 * s1 * c + s * c1, 2 * s2 * c + s * c2, 2 * p - T
    else:
        s1, c1, s2, c2 = math.sin(phi), math.cos(phi), math.sin(d), math.cos(d)
        rest1, rest2 = abs(math.pi - phi), abs(math.pi - abs(d))
        if d <= 0:  # inside the cone
            b12, b21, t21 = 2 * s1 * c - s * c1, -2 * s2 * c - s * c2, T - 2 * phi
        elif phi <= math.pi:
            b12, b21, t21 = s * c1, -s * c2, -T
        else:
            b12, b21, t21 = -s * c1, s * c2, T
    h1, h2 = rest1 * c1 + abs(s1), rest2 * c2 + abs(s2)
    return t21 * c2 + b12 - a * h1 + e * h2, -t21 * c1 + b21 - a * h2 + e * h1


@njit(cache=True)
def _textbook_factors(T):  # type: ignore[no-untyped-def]
    """M_r^-1 m_12 as it is written."""
    h = (math.pi - T) * math.cos(T) + math.sin(T)
    m1, m2 = math.pi * math.cos(T), (math.pi - T) + math.sin(T) * math.cos(T)
    D = math.pi * math.pi - h * h
    return (math.pi * m1 - h * m2) / D, (math.pi * m2 - h * m1) / D


@njit(cache=True)
def _textbook_pair(phi, T, a1, a2):  # type: ignore[no-untyped-def]
    """L_12 and L_21 as they are written, for phi in [0, 2 pi)."""
    t1, t2 = min(phi, 2 * math.pi - phi), abs(phi - T)
    t2 = min(t2, 2 * math.pi - t2)
    h1, h2 = (math.pi - t1) * math.cos(t1) + math.sin(t1), (math.pi - t2) * math.cos(t2) + math.sin(t2)
    L12 = (math.pi - t1) * math.cos(t2) + math.sin(t1) * math.cos(T) - h1 * a1 - h2 * a2
    return L12, (math.pi - t2) * math.cos(t1) + math.sin(t2) * math.cos(T) - h2 * a1 - h1 * a2


@njit(cache=True)
def fill(phi, T, out):  # type: ignore[no-untyped-def]
    """L_12 and L_21 of each (phi, T), into out (n, 2)."""
    for i in range(len(phi)):
        a, e = factors(T[i])
        out[i, 0], out[i, 1] = _pair(phi[i], T[i], a, e)


@njit(cache=True)
def fill_textbook(phi, T, out):  # type: ignore[no-untyped-def]
    """The same in the textbook form."""
    for i in range(len(phi)):
        a1, a2 = _textbook_factors(T[i])
        out[i, 0], out[i, 1] = _textbook_pair(phi[i], T[i], a1, a2)


@njit(cache=True, parallel=True)
def scan(angles, directions, low, high, textbook):  # type: ignore[no-untyped-def]
    """Per T: points with any wrong sign, with L_12 wrong, with L_21 wrong, left out; smallest |L|, index of its phi."""
    rows = np.zeros((angles, 6))
    for i in prange(angles):
        T = low + (i + 0.5) * ((high - low) / angles)
        a, e = _textbook_factors(T) if textbook else factors(T)
        smallest, where, wrong, wrong12, wrong21, out = np.inf, 0, 0, 0, 0, 0
        for j in range(directions):
            phi = (j + 0.5) * (2 * math.pi / directions)
            if abs(phi - T) < ON_BOUNDARY:
                out += 1
                continue
            L12, L21 = _textbook_pair(phi, T, a, e) if textbook else _pair(phi, T, a, e)
            sign = 1.0 if phi < T else -1.0
            bad12, bad21 = sign * L12 <= 0, sign * L21 <= 0
            wrong12 += bad12
            wrong21 += bad21
            wrong += bad12 or bad21
            size = min(abs(L12), abs(L21))
            if size < smallest:
                smallest, where = size, j
        rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3], rows[i, 4], rows[i, 5] = (
            wrong, wrong12, wrong21, out, smallest, where,
        )  # fmt: skip
    return rows
