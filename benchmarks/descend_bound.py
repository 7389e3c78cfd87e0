"""How near `theory.descend` is to what this machine could do: a bound from counted operations at measured rates.

    python -m benchmarks.descend_bound

One step of one run with k students, m teachers and d inputs cannot do with less than

    angles      k(k-1)/2 + km         one arccosine each; the angle of two students serves both
    chords      d subtractions and d multiply-adds for each of those (the squared distance of two unit vectors, which
                keeps the digits that a scalar product loses)
    sums        kd(k+m) multiply-adds: row i's gradient is a combination of k + m rows
    directions  2kd multiply-adds: a row's length, and the row divided by it
    step        kd multiply-adds

and a subtraction takes a multiply-add's place in the processor. The bound is the arccosines, plus the multiply-adds at the
rate of independent chains in registers, with nothing for loads, stores, comparisons, and the rest. It is printed with
NumPy's vectorised arccosine, and with the engine's own series run over an array in cache, which is faster. All rates are
per core, measured on every core at once (NumPy's on one), in turn with the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, types
from numba.extending import intrinsic

from trainability import theory
from trainability.theory._descent_kernel import LANES, arcsine_series
from trainability.theory._vectors import Memory, chosen, integer, looped

RUNS, K, STEPS, LR = 1000, 10, 1000, 0.1
CHAINS = 12


def counts(k: int, m: int, d: int) -> tuple[int, int]:
    """Arccosines, and multiply-adds, of one step of one run.

    >>> counts(10, 10, 10)
    (145, 5200)
    """
    angles = k * (k - 1) // 2 + k * m
    return angles, 2 * d * angles + k * d * (k + m) + 3 * k * d


@intrinsic
def _multiply_adds(_: Any, x: Any, turns: Any) -> Any:
    """x[:LANES] after `turns` rounds of one fused multiply-add in each of `CHAINS` independent chains."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        memory = Memory(context, builder, signature.args[0], args[0])
        start = memory.load(integer(0))
        chains = [start + float(n) for n in range(CHAINS)]
        ends = looped(builder, args[1], chains, lambda _, sums: [s * 0.999 + start for s in sums])
        total = ends[0]
        for end in ends[1:]:
            total = total + end
        memory.store(total, integer(0))
        return context.get_dummy_value()

    return types.void(x, types.int64), build


@intrinsic
def _arccosines(_: Any, x: Any, out: Any, cells: Any) -> Any:
    """out = arccos x by the engine's series, with a square root for the half nearer to the ends."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = (Memory(context, builder, signature.args[n], args[n]) for n in range(2))

        def turn(i: Any, sums: list[Any]) -> list[Any]:
            at = builder.mul(i, integer(LANES))
            c = source.load(at)
            size = c.abs()
            s = (1.0 - c * c).sqrt()
            middle = size.below(s)
            z = chosen(middle, size, s)
            y = z * z
            series = arcsine_series(y)
            arc = z + z * (y * series)
            signed = chosen(c.below(0.0), 0.0 - arc, arc)
            edge = chosen(c.below(0.0), np.pi - arc, arc)
            target.store(chosen(middle, np.pi / 2 - signed, edge), at)
            return sums

        looped(builder, args[2], [], turn)
        return context.get_dummy_value()

    return types.void(x, out, types.int64), build


@njit(parallel=True)
def _all_multiply_adds(x: Any, turns: Any) -> None:
    for core in prange(x.shape[0]):
        _multiply_adds(x[core], turns)


@njit(parallel=True)
def _all_arccosines(x: Any, out: Any, repeats: Any) -> None:
    for core in prange(x.shape[0]):
        for _ in range(repeats):
            _arccosines(x[core], out[core], x.shape[1] // LANES)


def main() -> None:
    """Measure and print."""
    cores = get_num_threads()
    angles, products = counts(K, K, K)
    W0 = np.random.default_rng(0).normal(0.0, K**-0.5, (RUNS, K, K))
    V = np.eye(K)
    turns, cells, repeats = 3_000_000, 2048, 20_000
    chain, x = np.ones((cores, LANES)), np.linspace(-1, 1, cells) * np.ones((cores, 1))
    out = np.empty_like(x)
    jobs: dict[str, tuple[Callable[[], object], float]] = {
        "engine": (lambda: theory.descend(W0, V, lr=LR, tol=0.0, max_steps=STEPS), RUNS * STEPS),
        "multiply-add": (lambda: _all_multiply_adds(chain, np.int64(turns)), turns * CHAINS * LANES * cores),
        "arccosine, series": (lambda: _all_arccosines(x, out, np.int64(repeats)), repeats * cells * cores),
        "arccosine, NumPy": (lambda: [np.arccos(x[0], out=out[0]) for _ in range(repeats)], repeats * cells * cores),
    }
    best = dict.fromkeys(jobs, np.inf)
    for turn in range(5):
        for name, (job, _) in jobs.items():
            for _again in range(3 if turn else 1):
                began = time.perf_counter()
                job()
                best[name] = min(best[name], time.perf_counter() - began) if turn else np.inf
    _all_arccosines(x, out, np.int64(1))
    assert np.abs(out - np.arccos(x)).max() < 1e-12
    # NumPy's runs on one core; its rate is taken as if every core did as well.
    each = {name: best[name] / work * cores * 1e9 for name, (_, work) in jobs.items()}
    each["arccosine, NumPy"] = best["arccosine, NumPy"] / (repeats * cells) * 1e9
    for name in list(jobs)[1:]:
        print(f"{name:18} {each[name]:.4f} ns on one of {cores} busy cores")
    rate = cores * 1e3 / each["engine"]
    print(f"engine {each['engine']:.0f} ns a member-step and core, {rate:.2f} M member-steps/s")
    for name in ("arccosine, NumPy", "arccosine, series"):
        bound = angles * each[name] + products * each["multiply-add"]
        print(f"bound with the {name}: {bound:.0f} ns; the engine takes {each['engine'] / bound:.2f} times that")


if __name__ == "__main__":
    main()
