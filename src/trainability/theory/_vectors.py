"""Vectors of numbers for numba kernels: LLVM's own vector type, 64 bytes wide, behind operators that read like arithmetic.

Numba's plain loops become such vectors only sometimes (measured: 4 times slower where they do not), so inner loops are
written with this. On a processor with narrower registers LLVM splits the vector. A product and a sum may be one fused
operation; nothing else may be reordered, so that a result depends on its inputs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types

INT = ir.IntType(64)
BYTES = 64
_CONTRACT = ("contract",)


@dataclass(frozen=True)
class Kind:
    """A number type and its vector.

    Args:
        item: LLVM's type of one number.
        suffix: its name in the names of LLVM's intrinsics.
        size: bytes of one number.
    """

    item: Any
    suffix: str
    size: int

    @property
    def lanes(self) -> int:
        """Numbers in a vector."""
        return BYTES // self.size

    @property
    def vector(self) -> Any:
        """LLVM's type of a vector."""
        return ir.VectorType(self.item, self.lanes)


FLOAT64, FLOAT32 = Kind(ir.DoubleType(), "f64", 8), Kind(ir.FloatType(), "f32", 4)
KINDS = {types.float64: FLOAT64, types.float32: FLOAT32}


def integer(n: int) -> Any:
    """A 64-bit constant."""
    return ir.Constant(INT, n)


class Vec:
    """One number per lane, while a kernel is being built.

    Args:
        builder: llvmlite's IRBuilder.
        kind: of the numbers.
        value: of the type `kind.vector`.
    """

    def __init__(self, builder: Any, kind: Kind, value: Any) -> None:
        self.builder, self.kind, self.value = builder, kind, value

    def like(self, value: Any) -> Vec:
        """Another of the same kind: of LLVM's own value, or of one number for every lane."""
        return Vec(self.builder, self.kind, self._value(value) if isinstance(value, (int, float)) else value)

    def _value(self, other: Vec | float) -> Any:
        if isinstance(other, Vec):
            return other.value
        return ir.Constant(self.kind.vector, [float(other)] * self.kind.lanes)

    def __add__(self, other: Vec | float) -> Vec:
        return self.like(self.builder.fadd(self.value, self._value(other), flags=_CONTRACT))

    def __sub__(self, other: Vec | float) -> Vec:
        return self.like(self.builder.fsub(self.value, self._value(other), flags=_CONTRACT))

    def __rsub__(self, other: float) -> Vec:
        return self.like(self.builder.fsub(self._value(other), self.value, flags=_CONTRACT))

    def __mul__(self, other: Vec | float) -> Vec:
        return self.like(self.builder.fmul(self.value, self._value(other), flags=_CONTRACT))

    def __truediv__(self, other: Vec) -> Vec:
        return self.like(self.builder.fdiv(self.value, other.value))

    __radd__, __rmul__ = __add__, __mul__

    def below(self, other: Vec | float) -> Any:
        """One bit per lane: whether this is less; false for NaN."""
        return self.compared("<", other)

    def compared(self, sign: str, other: Vec | float) -> Any:
        """One bit per lane; false for NaN."""
        return self.builder.fcmp_ordered(sign, self.value, self._value(other))

    def sqrt(self) -> Vec:
        """Square root."""
        return self.called("sqrt")

    def abs(self) -> Vec:
        """Magnitude."""
        return self.called("fabs")

    def called(self, name: str, *others: Vec | float) -> Vec:
        """An intrinsic of LLVM's on this and others."""
        full = f"llvm.{name}.v{self.kind.lanes}{self.kind.suffix}"
        module, vector = self.builder.module, self.kind.vector
        function = module.globals.get(full)
        function = function or ir.Function(module, ir.FunctionType(vector, [vector] * (1 + len(others))), full)
        return self.like(self.builder.call(function, [self.value, *(self._value(o) for o in others)]))

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


def chosen(bits: Any, yes: Vec | float, no: Vec) -> Vec:
    """Per lane, `yes` where the bit is set."""
    return no.like(no.builder.select(bits, no._value(yes), no.value))


def any_bit(builder: Any, bits: Any) -> Any:
    """1 where any lane's bit is set, else 0, as a 64-bit integer."""
    word = ir.IntType(bits.type.count)
    return builder.zext(builder.icmp_unsigned("!=", builder.bitcast(bits, word), ir.Constant(word, 0)), INT)


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
                rows[i] = one.like(b.shuffle_vector(one.value, two.value, ir.Constant(picks, upper)))
                rows[i + size] = one.like(b.shuffle_vector(one.value, two.value, ir.Constant(picks, lower)))
        size *= 2
    return rows


class Memory:
    """The data of a flat, contiguous array of float64 or float32, while a kernel is being built."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder, self.kind = builder, KINDS[kind.dtype]
        self.data = context.make_array(kind)(context, builder, array).data

    def load(self, offset: Any) -> Vec:
        """The numbers from `offset` on."""
        pointer = self.builder.bitcast(self.builder.gep(self.data, [offset]), self.kind.vector.as_pointer())
        return Vec(self.builder, self.kind, self.builder.load(pointer, align=self.kind.size))

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
        self.builder.store(x.value, pointer, align=self.kind.size)

    def put(self, value: Any, offset: Any) -> None:
        """One number to `offset`."""
        self.builder.store(value, self.builder.gep(self.data, [offset]))

    def all(self, number: float) -> Vec:
        """The same number in every lane."""
        return Vec(self.builder, self.kind, ir.Constant(self.kind.vector, [float(number)] * self.kind.lanes))


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
    before = builder.block
    head, inner, after = (builder.function.append_basic_block(n) for n in ("loop.head", "loop.turn", "loop.after"))
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(INT)
    i.add_incoming(integer(0), before)
    values = [start.like(builder.phi(start.value.type)) for start in starts]
    for value, start in zip(values, starts, strict=True):
        value.value.add_incoming(start.value, before)
    builder.cbranch(builder.icmp_signed("<", i, count), inner, after)
    builder.position_at_end(inner)
    new = body(i, values)
    end = builder.block
    i.add_incoming(builder.add(i, integer(1)), end)
    for value, later in zip(values, new, strict=True):
        value.value.add_incoming(later.value, end)
    builder.branch(head)
    builder.position_at_end(after)
    return values
