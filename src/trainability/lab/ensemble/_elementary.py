"""exp, tanh and the sigmoid of vectors, in numba kernels, in float32 and float64: within a few roundings of the true value."""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

from llvmlite import ir

from trainability.theory._vectors import FLOAT32, FLOAT64, Vec, chosen

LOG2E = 1.4426950408889634


class Series(NamedTuple):
    """What exp and tanh need to know of a number type.

    Args:
        mantissa: bits of the fraction.
        bias: of the exponent.
        high, low: ln 2 in two parts, of which the first has so few bits that its product with a small whole number is exact.
        terms: of the series of exp about 0 that reach the type's rounding on |r| <= ln 2 / 2.
        least: exp of less is not a normal number.
        far: tanh of more is 1.
    """

    mantissa: int
    bias: int
    high: float
    low: float
    terms: int
    least: float
    far: float


SERIES = {
    FLOAT64: Series(52, 1023, 0.6931467056274414, 4.749325039031672e-07, 13, -708.0, 20.0),
    FLOAT32: Series(23, 127, 0.693359375, -2.1219444005469057e-04, 8, -87.0, 10.0),
}


def expm1_parts(x: Vec) -> tuple[Vec, Vec]:
    """(p, t) with exp(x) = t (1 + p): t a power of two, p from a series; NaN goes through."""
    series, b = SERIES[x.kind], x.builder
    magic = 1.5 * 2.0**series.mantissa
    shifted = x * LOG2E + magic
    k = shifted - magic
    r = (x - k * series.high) - k * series.low
    n = series.terms
    square = r * r
    # sum of r^i / i! from i = 2, in two chains of every other power
    even, odd = x.like(1 / factorial(n - n % 2)), x.like(1 / factorial(n - 1 + n % 2))
    for i in range(n - 2 - n % 2, 1, -2):
        even = even * square + 1 / factorial(i)
    for i in range(n - 3 + n % 2, 2, -2):
        odd = odd * square + 1 / factorial(i)
    p = square * (odd * r + even) + r
    each = ir.IntType(8 * x.kind.size)
    integers = ir.VectorType(each, x.kind.lanes)
    bits = b.bitcast(shifted.value, integers)
    bias = ir.Constant(integers, [ir.Constant(each, series.bias)] * x.kind.lanes)
    up = ir.Constant(integers, [ir.Constant(each, series.mantissa)] * x.kind.lanes)
    power = b.bitcast(b.shl(b.add(bits, bias), up), x.kind.vector)
    return p, x.like(power)


def exp(x: Vec) -> Vec:
    """exp, for arguments that do not overflow; 0 (nearly) where the result is not a normal number."""
    least = SERIES[x.kind].least
    p, t = expm1_parts(chosen(x.below(least), least, x))
    return t * p + t


def tanh(x: Vec) -> Vec:
    """tanh x = (e - 1)/(e + 1), e = exp(2|x|), from expm1, so that small x keep all their digits."""
    size, far = x.abs(), SERIES[x.kind].far
    p, t = expm1_parts(chosen(size.compared(">=", far), far, size) * 2.0)
    e = t * p + (t - 1.0)
    return (e / (e + 2.0)).called("copysign", x)


def sigmoid(x: Vec) -> Vec:
    """1/(1 + exp(-x))."""
    minus, most = 0.0 - x, -SERIES[x.kind].least
    e = exp(chosen(minus.compared(">", most), most, minus))
    return x.like(1.0) / (e + 1.0)
