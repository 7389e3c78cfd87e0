"""Vectors of numbers for numba kernels: LLVM's own vector type, 64 bytes wide, in float32 or float64.

Numba's plain loops become such vectors only sometimes. On a processor with narrower registers LLVM splits the vector.
A product and a sum may be one fused operation; nothing else may be reordered, so that a result depends on its inputs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

from llvmlite import ir
from numba import types

from trainability.theory import _lanes
from trainability.theory._lanes import integer as integer

_CONTRACT = ("contract",)
LOG2E = 1.4426950408889634


class Kind:
    """A number type and its vector.

    Args:
        item: LLVM's type of one number.
        lanes: numbers in a vector.
        mantissa: bits of the fraction.
        bias: of the exponent.
        high, low: ln 2 in two parts, of which the first has so few bits that its product with a small whole number is exact.
        terms: of the series of exp about 0 that reach the type's rounding on |r| <= ln 2 / 2.
        least: exp of less is not a normal number.
        far: tanh of more is 1.
    """

    def __init__(
        self,
        item: Any,
        lanes: int,
        mantissa: int,
        bias: int,
        high: float,
        low: float,
        terms: int,
        least: float,
        far: float,
    ) -> None:
        self.item, self.lanes, self.mantissa, self.bias, self.terms = item, lanes, mantissa, bias, terms
        self.vector = ir.VectorType(item, lanes)
        self.integers = ir.VectorType(ir.IntType(512 // lanes), lanes)
        self.high, self.low, self.least, self.far = high, low, least, far


KINDS = {
    types.float64: Kind(ir.DoubleType(), 8, 52, 1023, 0.6931467056274414, 4.749325039031672e-07, 13, -708.0, 20.0),
    types.float32: Kind(ir.FloatType(), 16, 23, 127, 0.693359375, -2.1219444005469057e-04, 8, -87.0, 10.0),
}


class Vec:
    """One number per lane, while a kernel is being built."""

    def __init__(self, builder: Any, kind: Kind, value: Any) -> None:
        self.builder, self.kind, self.value = builder, kind, value

    def _like(self, value: Any) -> Vec:
        return Vec(self.builder, self.kind, value)

    def _value(self, other: Vec | float) -> Any:
        if isinstance(other, Vec):
            return other.value
        return ir.Constant(self.kind.vector, [float(other)] * self.kind.lanes)

    def __add__(self, other: Vec | float) -> Vec:
        return self._like(self.builder.fadd(self.value, self._value(other), flags=_CONTRACT))

    def __sub__(self, other: Vec | float) -> Vec:
        return self._like(self.builder.fsub(self.value, self._value(other), flags=_CONTRACT))

    def __mul__(self, other: Vec | float) -> Vec:
        return self._like(self.builder.fmul(self.value, self._value(other), flags=_CONTRACT))

    def __truediv__(self, other: Vec) -> Vec:
        return self._like(self.builder.fdiv(self.value, other.value))

    def below(self, other: Vec | float) -> Any:
        """One bit per lane: whether this is less; false for NaN."""
        return self.builder.fcmp_ordered("<", self.value, self._value(other))

    def chosen(self, bits: Any, other: Vec | float) -> Vec:
        """This where the bit is set, else the other."""
        return self._like(self.builder.select(bits, self.value, self._value(other)))

    def called(self, name: str, *others: Vec | float) -> Vec:
        """An intrinsic of LLVM's on this and others."""
        n = 1 + len(others)
        suffix = "f64" if self.kind.lanes == 8 else "f32"
        full = f"llvm.{name}.v{self.kind.lanes}{suffix}"
        module = self.builder.module
        kind = ir.FunctionType(self.kind.vector, [self.kind.vector] * n)
        function = module.globals.get(full) or ir.Function(module, kind, full)
        return self._like(self.builder.call(function, [self.value, *(self._value(o) for o in others)]))

    def total(self) -> Any:
        """The sum of the lanes, in pairs: halves, quarters, ..."""
        value, lanes = self.value, self.kind.lanes
        while lanes > 1:
            lanes //= 2
            picks = ir.VectorType(ir.IntType(32), lanes)
            low = ir.Constant(picks, list(range(lanes)))
            high = ir.Constant(picks, list(range(lanes, 2 * lanes)))
            nothing = ir.Constant(value.type, ir.Undefined)
            one = self.builder.shuffle_vector(value, nothing, low)
            two = self.builder.shuffle_vector(value, nothing, high)
            value = self.builder.fadd(one, two)
        return self.builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


def expm1_parts(x: Vec) -> tuple[Vec, Vec]:
    """(p, t) with exp(x) = t (1 + p): t a power of two, p from a series; NaN goes through."""
    kind, b = x.kind, x.builder
    magic = 1.5 * 2.0**kind.mantissa
    shifted = x * LOG2E + magic
    k = shifted - magic
    r = (x - k * kind.high) - k * kind.low
    n = kind.terms
    square = r * r
    # sum of r^i / i! from i = 2, in two chains of every other power
    even, odd = x._like(x._value(1 / factorial(n - n % 2))), x._like(x._value(1 / factorial(n - 1 + n % 2)))
    for i in range(n - 2 - n % 2, 1, -2):
        even = even * square + 1 / factorial(i)
    for i in range(n - 3 + n % 2, 2, -2):
        odd = odd * square + 1 / factorial(i)
    p = square * (odd * r + even) + r
    bits = b.bitcast(shifted.value, kind.integers)
    width = 512 // kind.lanes
    each = ir.IntType(width)
    bias = ir.Constant(kind.integers, [ir.Constant(each, kind.bias)] * kind.lanes)
    up = ir.Constant(kind.integers, [ir.Constant(each, kind.mantissa)] * kind.lanes)
    power = b.bitcast(b.shl(b.add(bits, bias), up), kind.vector)
    return p, x._like(power)


def exp(x: Vec) -> Vec:
    """exp, for arguments that do not overflow; 0 (nearly) where the result is not a normal number."""
    low = x.below(x.kind.least)
    p, t = expm1_parts(x._like(x._value(x.kind.least)).chosen(low, x))
    return t * p + t


def tanh(x: Vec) -> Vec:
    """tanh x = (e - 1)/(e + 1), e = exp(2|x|), from expm1, so that small x keep all their digits."""
    size = x.called("fabs")
    far = x.builder.fcmp_ordered(">=", size.value, size._value(x.kind.far))
    p, t = expm1_parts(size._like(size._value(x.kind.far)).chosen(far, size) * 2.0)
    e = t * p + (t - 1.0)
    return (e / (e + 2.0)).called("copysign", x)


def sigmoid(x: Vec) -> Vec:
    """1/(1 + exp(-x))."""
    minus = x._like(x._value(0.0)) - x
    high = x.builder.fcmp_ordered(">", minus.value, minus._value(-x.kind.least))
    e = exp(minus._like(minus._value(-x.kind.least)).chosen(high, minus))
    one = x._like(x._value(1.0))
    return one / (e + 1.0)


class Memory:
    """The data of a flat, contiguous array, while a kernel is being built."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder, self.kind = builder, KINDS[kind.dtype]
        self.data = context.make_array(kind)(context, builder, array).data
        self.align = 64 // self.kind.lanes

    def load(self, offset: Any) -> Vec:
        """The numbers from `offset` on."""
        pointer = self.builder.bitcast(self.builder.gep(self.data, [offset]), self.kind.vector.as_pointer())
        return Vec(self.builder, self.kind, self.builder.load(pointer, align=self.align))

    def spread(self, offset: Any) -> Vec:
        """The one number at `offset`, in every lane."""
        one = self.builder.load(self.builder.gep(self.data, [offset]))
        nothing = ir.Constant(self.kind.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, one, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.kind.lanes), [0] * self.kind.lanes)
        return Vec(self.builder, self.kind, self.builder.shuffle_vector(first, nothing, zeros))

    def store(self, x: Vec, offset: Any) -> None:
        """Numbers to `offset` on."""
        pointer = self.builder.bitcast(self.builder.gep(self.data, [offset]), self.kind.vector.as_pointer())
        self.builder.store(x.value, pointer, align=self.align)

    def put(self, value: Any, offset: Any) -> None:
        """One number to `offset`."""
        self.builder.store(value, self.builder.gep(self.data, [offset]))

    def all(self, number: float) -> Vec:
        """The same number in every lane."""
        return Vec(self.builder, self.kind, ir.Constant(self.kind.vector, [float(number)] * self.kind.lanes))


def transposed(rows: list[Vec]) -> list[Vec]:
    """As many vectors as lanes, as a square matrix turned over: blocks of 1, 2, 4, ... change places."""
    lanes, b = len(rows), rows[0].builder
    picks = ir.VectorType(ir.IntType(32), lanes)
    rows, size = list(rows), 1
    while size < lanes:
        upper = [i if not i & size else lanes + i - size for i in range(lanes)]
        lower = [i + size if not i & size else lanes + i for i in range(lanes)]
        for i in range(lanes):
            if not i & size:
                one, two = rows[i], rows[i + size]
                rows[i] = one._like(b.shuffle_vector(one.value, two.value, ir.Constant(picks, upper)))
                rows[i + size] = one._like(b.shuffle_vector(one.value, two.value, ir.Constant(picks, lower)))
        size *= 2
    return rows


def looped(builder: Any, count: Any, starts: list[Vec], body: Callable[[Any, list[Vec]], list[Vec]]) -> list[Vec]:
    """`for i in range(count): values = body(i, values)`, with the values in registers.

    Args:
        builder: llvmlite's IRBuilder; left after the loop.
        count: 64-bit integer, 0 or more.
        starts: values before the loop.
        body: builds one turn.

    Returns:
        Values after the loop.
    """
    kinds = [start.kind for start in starts]

    def wrapped(values: list[Any]) -> list[Vec]:
        return [Vec(builder, kind, value) for kind, value in zip(kinds, values, strict=True)]

    found = _lanes.looped(
        builder,
        count,
        [start.value for start in starts],
        lambda i, values: [new.value for new in body(i, wrapped(values))],
    )
    return wrapped(found)
