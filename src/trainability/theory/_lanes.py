"""Vectors of eight runs for numba kernels: LLVM's own vector type, behind operators that read like arithmetic.

The population kernels advance eight runs in the eight lanes of one vector. Numba's plain loops over lanes become such
vectors only sometimes (measured: 4 times slower where they do not), so the two inner loops are written with this.
On a processor with narrower registers LLVM splits the vector; the results are the same but for fused multiply-adds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

LANES = 8
"""Runs that are advanced together in one thread."""

DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
INT = ir.IntType(64)
_CONTRACT = ("contract",)  # a*b + c may be one fused operation; nothing else may be reordered


def integer(n: int) -> Any:
    """A 64-bit constant."""
    return ir.Constant(INT, n)


class Lanes:
    """One double per lane, while a kernel is being built.

    Args:
        builder: llvmlite's IRBuilder.
        value: of the type `DOUBLES`.
    """

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def _value(self, other: Lanes | float) -> Any:
        return other.value if isinstance(other, Lanes) else ir.Constant(DOUBLES, [float(other)] * LANES)

    def __add__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fadd(self.value, self._value(other), flags=_CONTRACT))

    def __sub__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self.value, self._value(other), flags=_CONTRACT))

    def __rsub__(self, other: float) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self._value(other), self.value, flags=_CONTRACT))

    def __mul__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fmul(self.value, self._value(other), flags=_CONTRACT))

    def __truediv__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self.value, other.value))

    __radd__, __rmul__ = __add__, __mul__

    def below(self, other: Lanes | float) -> Any:
        """One bit per lane: whether this is less; false for NaN."""
        return self.builder.fcmp_ordered("<", self.value, self._value(other))

    def sqrt(self) -> Lanes:
        """Square root."""
        return self._intrinsic("sqrt")

    def abs(self) -> Lanes:
        """Magnitude."""
        return self._intrinsic("fabs")

    def _intrinsic(self, name: str) -> Lanes:
        module = self.builder.module
        full = f"llvm.{name}.v{LANES}f64"
        function = module.globals.get(full) or ir.Function(module, ir.FunctionType(DOUBLES, [DOUBLES]), full)
        return Lanes(self.builder, self.builder.call(function, [self.value]))


def chosen(bits: Any, yes: Lanes, no: Lanes) -> Lanes:
    """Per lane, `yes` where the bit is set."""
    return Lanes(yes.builder, yes.builder.select(bits, yes.value, no.value))


def any_bit(builder: Any, bits: Any) -> Any:
    """1 where any lane's bit is set, else 0, as a 64-bit integer."""
    word = ir.IntType(LANES)
    return builder.zext(builder.icmp_unsigned("!=", builder.bitcast(bits, word), ir.Constant(word, 0)), INT)


class Memory:
    """The data of a flat, contiguous float64 array, while a kernel is being built."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder = builder
        self.data = context.make_array(kind)(context, builder, array).data

    def load(self, offset: Any) -> Lanes:
        """The eight doubles from `offset` on."""
        pointer = self.builder.bitcast(self.builder.gep(self.data, [offset]), DOUBLES.as_pointer())
        return Lanes(self.builder, self.builder.load(pointer, align=8))

    def spread(self, offset: Any) -> Lanes:
        """The one double at `offset`, in every lane."""
        one = self.builder.load(self.builder.gep(self.data, [offset]))
        undefined = ir.Constant(DOUBLES, ir.Undefined)
        first = self.builder.insert_element(undefined, one, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return Lanes(self.builder, self.builder.shuffle_vector(first, undefined, zeros))

    def store(self, x: Lanes, offset: Any) -> None:
        """Eight doubles to `offset` on."""
        pointer = self.builder.bitcast(self.builder.gep(self.data, [offset]), DOUBLES.as_pointer())
        self.builder.store(x.value, pointer, align=8)


def summed(
    builder: Any, count: Any, starts: list[Lanes], body: Callable[[Any, list[Lanes]], list[Lanes]]
) -> list[Lanes]:
    """`for i in range(count): sums = body(i, sums)`, with the sums in registers.

    Args:
        builder: llvmlite's IRBuilder; left after the loop.
        count: 64-bit integer, 0 or more.
        starts: values before the loop.
        body: builds one turn.

    Returns:
        Values after the loop.
    """
    found = looped(
        builder,
        count,
        [start.value for start in starts],
        lambda i, values: [new.value for new in body(i, [Lanes(builder, v) for v in values])],
    )
    return [Lanes(builder, v) for v in found]


def looped(builder: Any, count: Any, starts: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
    """The same over LLVM's own values, of whatever types they are.

    Args:
        builder: llvmlite's IRBuilder; left after the loop.
        count: 64-bit integer, 0 or more.
        starts: values before the loop.
        body: (place, values) -> values, builds one turn.

    Returns:
        Values after the loop.
    """
    before = builder.block
    head, inner, after = (builder.function.append_basic_block(n) for n in ("loop.head", "loop.turn", "loop.after"))
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(INT)
    i.add_incoming(integer(0), before)
    values = [builder.phi(start.type) for start in starts]
    for value, start in zip(values, starts, strict=True):
        value.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("<", i, count), inner, after)
    builder.position_at_end(inner)
    new = body(i, values)
    end = builder.block
    i.add_incoming(builder.add(i, integer(1)), end)
    for value, later in zip(values, new, strict=True):
        value.add_incoming(later, end)
    builder.branch(head)
    builder.position_at_end(after)
    return values


def constant(builder: Any, value: float) -> Lanes:
    """The same number in every lane."""
    return Lanes(builder, ir.Constant(DOUBLES, [float(value)] * LANES))
