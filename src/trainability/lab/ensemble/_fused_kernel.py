"""One step's loss and gradient of plain networks, member by member: forward, loss and backward while all lies in the cache.

The lanes of a vector hold samples: activations are (units, samples), weights (out, in) as torch has them, and each number of
a weight matrix is spread over a vector. A product is made of tiles, four rows by four vectors whose sums stay in registers.
The number of samples is filled up to whole vectors; what is filled up has no gradient.

Nothing here depends on which other members there are, so a member's numbers are its own to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from trainability.lab.ensemble._elementary import exp, sigmoid, tanh
from trainability.theory._vectors import Memory, chosen, integer, looped, transposed

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")
LOSSES = ("mse", "half_mse", "cross_entropy")
N = types.int64


def _tile(rows: int, wide: int) -> Any:
    """Build `tile(W, ow, sr, sc, n, A, oa, sa, C, oc, sc, B, ob)`: C[i, j] = B[i] + sum_k W[i, k] A[k, j].

    W's rows are `sr` apart and its columns `sc`; of A and C the rows are `sa` apart; B is left out where ob < 0.
    """

    @intrinsic
    def tile(
        _: Any, W: Any, ow: Any, sr: Any, sc: Any, n: Any, A: Any, oa: Any, sa: Any, C: Any, oc: Any, B: Any, ob: Any
    ) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            w, a, c, b = (Memory(context, builder, signature.args[i], args[i]) for i in (0, 5, 8, 10))
            lanes = a.kind.lanes
            at = [builder.add(args[1], builder.mul(args[2], integer(i))) for i in range(rows)]

            has = builder.icmp_signed(">=", args[11], integer(0))
            safe = builder.select(has, args[11], integer(0))
            starts = []
            for i in range(rows):
                one = b.spread(builder.add(safe, integer(i)))
                one = one.like(builder.select(has, one.value, one.like(0.0).value))
                starts += [one] * wide

            def turn(k: Any, sums: list[Any]) -> list[Any]:
                base = builder.add(args[6], builder.mul(k, args[7]))
                vectors = [a.load(builder.add(base, integer(j * lanes))) for j in range(wide)]
                column = builder.mul(k, args[3])
                out = []
                for i in range(rows):
                    weight = w.spread(builder.add(at[i], column))
                    out += [sums[i * wide + j] + weight * vectors[j] for j in range(wide)]
                return out

            sums = looped(builder, args[4], starts, turn)
            for i in range(rows):
                base = builder.add(args[9], builder.mul(args[7], integer(i)))
                for j in range(wide):
                    c.store(sums[i * wide + j], builder.add(base, integer(j * lanes)))
            return context.get_dummy_value()

        return types.void(W, N, N, N, N, A, N, N, C, N, B, N), build

    return tile


def _dots(rows: int, columns: int) -> Any:
    """Build `dots(D, od, A, oa, s, n, G, og, sg)`: G[i, k] = sum over n vectors of D[i] A[k], all rows `s` apart."""

    @intrinsic
    def dots(_: Any, D: Any, od: Any, A: Any, oa: Any, s: Any, n: Any, G: Any, og: Any, sg: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            d, a, g = (Memory(context, builder, signature.args[i], args[i]) for i in (0, 2, 6))
            ds = [builder.add(args[1], builder.mul(args[4], integer(i))) for i in range(rows)]
            as_ = [builder.add(args[3], builder.mul(args[4], integer(k))) for k in range(columns)]

            def turn(v: Any, sums: list[Any]) -> list[Any]:
                step = builder.mul(v, integer(d.kind.lanes))
                right = [a.load(builder.add(at, step)) for at in as_]
                left = [d.load(builder.add(at, step)) for at in ds]
                return [sums[i * columns + k] + left[i] * right[k] for i in range(rows) for k in range(columns)]

            sums = looped(builder, args[5], [d.all(0.0)] * (rows * columns), turn)
            for i in range(rows):
                base = builder.add(args[7], builder.mul(args[8], integer(i)))
                for k in range(columns):
                    g.put(sums[i * columns + k].total(), builder.add(base, integer(k)))
            return context.get_dummy_value()

        return types.void(D, N, A, N, N, N, G, N, N), build

    return dots


@intrinsic
def _summed_rows(_: Any, D: Any, od: Any, n: Any, G: Any, og: Any) -> Any:
    """G[og] = sum over n vectors of D."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        d, g = (Memory(context, builder, signature.args[i], args[i]) for i in (0, 3))

        def turn(v: Any, sums: list[Any]) -> list[Any]:
            return [sums[0] + d.load(builder.add(args[1], builder.mul(v, integer(d.kind.lanes))))]

        (total,) = looped(builder, args[2], [d.all(0.0)], turn)
        g.put(total.total(), args[4])
        return context.get_dummy_value()

    return types.void(D, N, N, G, N), build


_sums: Any = _summed_rows


def _mapped(function: Any) -> Any:
    """Build `mapped(X, ox, Y, oy, n)`: Y <- function(X, Y) on n vectors."""

    @intrinsic
    def mapped(_: Any, X: Any, ox: Any, Y: Any, oy: Any, n: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            x, y = (Memory(context, builder, signature.args[i], args[i]) for i in (0, 2))

            def turn(v: Any, sums: list[Any]) -> list[Any]:
                step = builder.mul(v, integer(x.kind.lanes))
                at = builder.add(args[3], step)
                y.store(function(x.load(builder.add(args[1], step)), y.load(at)), at)
                return sums

            looped(builder, args[4], [], turn)
            return context.get_dummy_value()

        return types.void(X, N, Y, N, N), build

    return mapped


def _positive(x: Any) -> Any:
    return chosen(x.below(0.0), 0.0, x)


def _through_relu(a: Any, d: Any) -> Any:
    return chosen(a.compared("<=", 0.0), 0.0, d)


_relu, _relu_back = _mapped(lambda x, y: _positive(x)), _mapped(_through_relu)
_tanh, _tanh_back = _mapped(lambda x, y: tanh(x)), _mapped(lambda a, d: d - d * (a * a))
_sigmoid, _sigmoid_back = _mapped(lambda x, y: sigmoid(x)), _mapped(lambda a, d: d * (a - a * a))
_exp, _max, _minus, _add = (
    _mapped(lambda x, y: exp(x)),
    _mapped(lambda x, y: chosen(y.below(x), x, y)),
    _mapped(lambda x, y: y - x),
    _mapped(lambda x, y: y + x),
)
_over = _mapped(lambda x, y: y / x)
_copied = _mapped(lambda x, y: x)
_44, _42, _41 = _tile(4, 4), _tile(4, 2), _tile(4, 1)
_14, _12, _11 = _tile(1, 4), _tile(1, 2), _tile(1, 1)
_d44, _d41, _d14, _d11 = _dots(4, 4), _dots(4, 1), _dots(1, 4), _dots(1, 1)


@njit(cache=True)
def _product(W: Any, ow: int, sr: int, sc: int, m: int, n: int, A: Any, oa: int, C: Any, oc: int, wide: int, lanes: int,
             B: Any, ob: int) -> None:  # fmt: skip
    """C (m, wide) = W (m, n) A (n, wide) + B: strips of four vectors, then of two and one."""
    stride = wide * lanes
    v = 0
    while v < wide:
        at = v * lanes
        strip = 4 if wide - v >= 4 else 2 if wide - v >= 2 else 1
        i = 0
        while i < m:
            rows = 4 if m - i >= 4 else 1
            w, c = ow + i * sr, oc + i * stride + at
            b = ob + i if ob >= 0 else -1
            if rows == 4:
                if strip == 4:
                    _44(W, w, sr, sc, n, A, oa + at, stride, C, c, B, b)
                elif strip == 2:
                    _42(W, w, sr, sc, n, A, oa + at, stride, C, c, B, b)
                else:
                    _41(W, w, sr, sc, n, A, oa + at, stride, C, c, B, b)
            else:
                if strip == 4:
                    _14(W, w, sr, sc, n, A, oa + at, stride, C, c, B, b)
                elif strip == 2:
                    _12(W, w, sr, sc, n, A, oa + at, stride, C, c, B, b)
                else:
                    _11(W, w, sr, sc, n, A, oa + at, stride, C, c, B, b)
            i += rows
        v += strip


@njit(cache=True)
def _outer(D: Any, od: int, m: int, A: Any, oa: int, n: int, wide: int, lanes: int, G: Any, og: int) -> None:
    """G (m, n) = D (m, wide) A (n, wide)'."""
    stride = wide * lanes
    i = 0
    while i < m:
        rows = 4 if m - i >= 4 else 1
        k = 0
        while k < n:
            columns = 4 if n - k >= 4 else 1
            d, a, g = od + i * stride, oa + k * stride, og + i * n + k
            if rows == 4:
                if columns == 4:
                    _d44(D, d, A, a, stride, wide, G, g, n)
                else:
                    _d41(D, d, A, a, stride, wide, G, g, n)
            elif columns == 4:
                _d14(D, d, A, a, stride, wide, G, g, n)
            else:
                _d11(D, d, A, a, stride, wide, G, g, n)
            k += columns
        i += rows


@njit(cache=True)
def _activate(kind: int, Z: Any, o: int, vectors: int) -> None:
    if kind == 1:
        _relu(Z, o, Z, o, vectors)
    elif kind == 2:
        _tanh(Z, o, Z, o, vectors)
    elif kind == 3:
        _sigmoid(Z, o, Z, o, vectors)


@njit(cache=True)
def _back(kind: int, A: Any, o: int, D: Any, od: int, vectors: int) -> None:
    if kind == 1:
        _relu_back(A, o, D, od, vectors)
    elif kind == 2:
        _tanh_back(A, o, D, od, vectors)
    elif kind == 3:
        _sigmoid_back(A, o, D, od, vectors)


@njit(cache=True)
def _square(
    factor: float, Z: Any, o: int, Y: Any, oy: int, D: Any, od: int, outs: int, stride: int, batch: int
) -> float:
    """Loss and gradient of factor times the mean square; D beyond the batch is 0."""
    total, count = 0.0, outs * batch
    for c in range(outs):
        at = c * stride
        part = 0.0
        for b in range(batch):
            apart = Z[o + at + b] - Y[oy + at + b]
            part += float(apart) * float(apart)
            D[od + at + b] = apart * (2.0 * factor / count)
        for b in range(batch, stride):
            D[od + at + b] = 0.0
        total += part
    return total * factor / count


@njit(cache=True)
def _entropy(
    Z: Any, o: int, Y: Any, oy: int, D: Any, od: int, T: Any, outs: int, wide: int, lanes: int, batch: int
) -> float:
    """Loss and gradient of the cross-entropy; Z is shifted by its largest entry; T holds two rows."""
    stride = wide * lanes
    _copied(Z, o, T, 0, wide)
    for c in range(1, outs):
        _max(Z, o + c * stride, T, 0, wide)
    for c in range(outs):
        at = c * stride
        _minus(T, 0, Z, o + at, wide)
        _exp(Z, o + at, D, od + at, wide)
    _copied(D, od, T, stride, wide)
    for c in range(1, outs):
        _add(D, od + c * stride, T, stride, wide)
    total = 0.0
    product = 1.0
    for b in range(batch):
        product *= T[stride + b]
        if b % 8 == 7 or product > 1e200:
            total += math.log(product)
            product = 1.0
    total += math.log(product)
    for c in range(outs):
        at = c * stride
        _over(T, stride, D, od + at, wide)
        for b in range(batch):
            total -= Z[o + at + b] * Y[oy + at + b]
            D[od + at + b] = (D[od + at + b] - Y[oy + at + b]) / batch
        for b in range(batch, stride):
            D[od + at + b] = 0.0
    return total / batch


@intrinsic
def _turned_square(_: Any, X: Any, rows: Any, o: Any, columns: Any, c: Any, out: Any, at: Any, stride: Any) -> Any:
    """As many columns from c on, of as many rows, as a vector has lanes: out[at + k stride] <- column c + k."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, out = (Memory(context, builder, signature.args[i], args[i]) for i in (0, 5))
        picked = context.make_array(signature.args[1])(context, builder, args[1]).data
        found = []
        for j in range(x.kind.lanes):
            row = builder.load(builder.gep(picked, [builder.add(args[2], integer(j))]))
            found.append(x.load(builder.add(builder.mul(row, args[3]), args[4])))
        for k, column in enumerate(transposed(found)):
            out.store(column, builder.add(args[6], builder.mul(args[7], integer(k))))
        return context.get_dummy_value()

    return types.void(X, rows, N, N, N, out, N, N), build


_turned: Any = _turned_square


@njit(cache=True)
def _laid(
    X: Any, rows: Any, o: int, batch: int, columns: int, factor: float, lanes: int, out: Any, stride: int
) -> None:
    """The rows of X that `rows` names from o on, transposed and times a factor; 0 beyond the batch."""
    whole = batch // lanes * lanes
    square = columns // lanes * lanes
    for first in range(0, whole, lanes):
        for c in range(0, square, lanes):
            _turned(X, rows, o + first, columns, c, out, c * stride + first, stride)
        for c in range(square, columns):
            for j in range(first, first + lanes):
                out[c * stride + j] = X[rows[o + j] * columns + c]
    for c in range(columns):
        for j in range(whole, batch):
            out[c * stride + j] = X[rows[o + j] * columns + c]
        for j in range(batch, stride):
            out[c * stride + j] = 0.0
    if factor != 1.0:
        for i in range(columns * stride):
            out[i] *= factor


@njit(cache=True)
def step(P: Any, place: int, sizes: Any, biased: bool, scales: Any, activation: int, kind: int, X: Any, Y: Any, rows: Any,
         own: bool, batch: int, lanes: int, work: Any, G: Any, losses: Any, wanted: bool, outputs: Any) -> None:  # fmt: skip
    """Losses of all members, and their gradients if wanted.

    Args:
        P: parameters, `place` numbers a member: weight and bias, layer by layer.
        place: from one member to the next, in P and G.
        sizes: inputs, units, ..., outputs.
        biased: whether there are biases.
        scales: a factor on each member's inputs, float64.
        activation, kind: places in `ACTIVATIONS` and `LOSSES`.
        X: (any, inputs).
        Y: (any, outputs).
        rows: of X and Y that make the batch; `batch` for each member, one after the other, with `own`.
        own: whether there is a batch for each member.
        batch: samples.
        lanes: numbers in a vector.
        work: (inputs laid out, targets laid out, activations, two of gradients, a pair of rows).
        G: gradients.
        losses: of the members, float64.
        wanted: whether to go back.
        outputs: (members, outputs, batch) to be filled, or nothing.
    """
    x, y, acts, one, two, pair = work
    wide = -(-batch // lanes)
    stride = wide * lanes
    depth = len(sizes) - 1
    outs = sizes[depth]
    for s in range(len(losses)):
        if own or s == 0 or scales[s] != scales[s - 1]:
            _laid(X, rows, s * batch if own else 0, batch, sizes[0], scales[s], lanes, x, stride)
        if own or s == 0:
            _laid(Y, rows, s * batch if own else 0, batch, outs, 1.0, lanes, y, stride)
        weight = s * place
        at = 0
        for i in range(depth):
            n, m = sizes[i], sizes[i + 1]
            bias = weight + n * m if biased else -1
            if i == 0:
                _product(P, weight, n, 1, m, n, x, 0, acts, 0, wide, lanes, P, bias)
            else:
                _product(P, weight, n, 1, m, n, acts, at - n * stride, acts, at, wide, lanes, P, bias)
            if i < depth - 1:
                _activate(activation, acts, at, m * wide)
            weight += n * m + (m if biased else 0)
            at += m * stride
        last = at - outs * stride
        if len(outputs):
            for c in range(outs):
                for b in range(batch):
                    outputs[(s * outs + c) * batch + b] = acts[last + c * stride + b]
        if kind == 2:
            losses[s] = _entropy(acts, last, y, 0, one, 0, pair, outs, wide, lanes, batch)
        else:
            losses[s] = _square(1.0 if kind == 0 else 0.5, acts, last, y, 0, one, 0, outs, stride, batch)
        if not wanted:
            continue
        at = last
        for i in range(depth - 1, -1, -1):
            n, m = sizes[i], sizes[i + 1]
            weight -= n * m + (m if biased else 0)
            d, e = (one, two) if (depth - 1 - i) % 2 == 0 else (two, one)
            if biased:
                for j in range(m):
                    _sums(d, j * stride, wide, G, weight + n * m + j)
            if i == 0:
                _outer(d, 0, m, x, 0, n, wide, lanes, G, weight)
            else:
                before = at - n * stride
                _outer(d, 0, m, acts, before, n, wide, lanes, G, weight)
                _product(P, weight, 1, n, n, m, d, 0, e, 0, wide, lanes, P, -1)
                _back(activation, acts, before, e, 0, n * wide)
                at = before
