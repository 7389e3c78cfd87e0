"""Time to the same picture: the fractal boundary of trainability, by refinement and retirement against a dense grid in JAX.

    python -m benchmarks.fractal                          # the whole grid at 128 x 128, tiles of it at 256 and 512
    python -m benchmarks.fractal --whole 512              # whole grids up to 512 x 512 (JAX: some 40 minutes on one core)
    python -m benchmarks.fractal --resolutions 64 --whole 64
    python -m benchmarks.fractal --resolutions 64 128 --whole 64 --tiles 8 --window 2.3 2.6 2.0 2.2  # full of detail

The problem is `problems.fractal` with seed 0: 272 samples, 16 inputs, 16 tanh units, 1 output, float64, 500 steps, over six
decades of both learning rates unless told. A pixel is white where the mean of the last 20 losses is below the first one.

    ours    lab.phase.explore over lab.ensemble.train_ensemble (path "fused"), one single-threaded process per core: cells on
            which their neighbours agree are not trained, runs that have diverged or settled leave
    jax     jit(vmap(scan)) over every pixel, in groups of the size that is fastest here, one process

Compared are seconds of processor time, summed over processes. Where the grid is not trained whole by JAX, its time is that of
random tiles of 16 x 16 pixels, times the number of tiles, and the pixels that are compared are those of the tiles; the
interval of the share that differs is Wilson's over pixels, which are no independent draws inside a tile.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from benchmarks.ensemble import processor_seconds
from trainability.gallery._fractal_boundary_runs import CONVERGED, LAST, MOST, SETTLED, Problem, Train, problem
from trainability.lab import cores
from trainability.lab.phase import explore
from trainability.theory.wilson import interval

LOW, HIGH = -1.0, 5.0
TILE = 16
GROUPS = (64, 256, 1024)
COARSE = 33

Rates = np.ndarray


def by_jax(of: Problem, steps: int) -> tuple[Callable[[Rates, Rates], np.ndarray], int]:
    """(log10 lr of the first layer, of the second) -> whether the runs converge; and the size of group it was built for."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    x, y = (jnp.asarray(t.numpy()) for t in (of.x, of.y))
    n = of.width
    start = (
        jnp.asarray(of.start["0.weight"].numpy().T * (n / 2) ** 0.5),
        jnp.asarray(of.start["2.weight"].numpy().T * n),
    )

    def loss(theta: tuple) -> object:
        hidden = jnp.tanh(jnp.sqrt(2 / n) * (x @ theta[0]))
        return jnp.mean((hidden @ theta[1] / n - y) ** 2)

    def member(log0: object, log1: object) -> object:
        lr = (10.0**log0, 10.0**log1)

        def step(theta: tuple, _: object) -> tuple:
            value, g = jax.value_and_grad(loss)(theta)
            return tuple(t - rate * d for t, d, rate in zip(theta, g, lr, strict=True)), value

        losses = jax.lax.scan(step, start, None, length=steps)[1]
        last = losses[-LAST:] / losses[0]
        last = jnp.where(jnp.isfinite(last), jnp.minimum(last, MOST), MOST)
        return jnp.mean(last) < 1

    run = jax.jit(jax.vmap(member))
    cost = {}
    for size in GROUPS:
        some = jnp.linspace(LOW, HIGH, size)
        run(some, some[::-1]).block_until_ready()
        began = processor_seconds()
        run(some, some[::-1]).block_until_ready()
        cost[size] = (processor_seconds() - began) / size
    best = min(cost, key=cost.__getitem__)

    def every(log0: Rates, log1: Rates) -> np.ndarray:
        parts = []
        for i in range(0, len(log0), best):
            at = np.arange(i, i + best).clip(max=len(log0) - 1)
            parts.append(np.asarray(run(jnp.asarray(log0[at]), jnp.asarray(log1[at])))[: len(log0) - i])
        return np.concatenate(parts)

    return every, best


def tiles(resolution: int, count: int) -> tuple[np.ndarray, float]:
    """(flat indices of the pixels of random tiles, share of all pixels that they are)."""
    side = resolution // TILE
    chosen = np.random.default_rng(resolution).choice(side * side, min(count, side * side), replace=False)
    within = (np.arange(TILE)[:, None] * resolution + np.arange(TILE)).ravel()
    corners = chosen // side * TILE * resolution + chosen % side * TILE
    found = (corners[:, None] + within).ravel()
    return found, len(found) / resolution**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--whole", type=int, default=128, help="largest resolution that JAX trains whole")
    parser.add_argument("--tiles", type=int, default=32, help="tiles of 16 x 16 pixels beyond that")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--workers", type=int, default=cores(), help="processes of ours")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--window", type=float, nargs=4, default=[LOW, HIGH, LOW, HIGH], help="log10 of lr0, low and high, and of lr1"
    )
    given = parser.parse_args()
    warnings.filterwarnings("ignore", message="os.fork")  # the workers never call JAX
    of = problem()
    Train(of, 40, workers=1)(np.zeros(1), np.zeros(1), np.zeros(1, dtype=int))  # compiles
    dense, group = by_jax(of, given.steps)
    print(
        f"ours: {given.workers} process(es); JAX: groups of {group}; {given.steps} steps; processor seconds", flush=True
    )
    for resolution in given.resolutions:
        x, y = np.linspace(*given.window[:2], resolution), np.linspace(*given.window[2:], resolution)
        log0, log1 = (v.ravel() for v in np.meshgrid(x, y))
        whole = resolution <= given.whole
        some, share = (np.arange(resolution**2), 1.0) if whole else tiles(resolution, given.tiles)
        for _ in range(given.rounds):
            evaluate = Train(of, given.steps, retire=SETTLED, workers=given.workers)
            began, clock = processor_seconds(), time.perf_counter()
            found = explore(evaluate, x, y, coarse=COARSE)
            ours, wall = processor_seconds() - began, time.perf_counter() - clock
            began = processor_seconds()
            exact = dense(log0[some], log1[some])
            jax = (processor_seconds() - began) / share
            white = (found.outcome == CONVERGED).ravel()
            differ = int((white[some] != exact).sum())
            low, high = interval(differ, len(some))
            how = "whole" if whole else f"{len(some)} pixels in tiles"
            print(
                f"{resolution} x {resolution}: ours {ours:.1f} ({wall:.1f} s of wall clock, {found.runs} of {resolution**2} "
                f"cells trained)  JAX {jax:.0f} ({how})  ratio {jax / ours:.1f}  differ {100 * differ / len(some):.3f}% "
                f"({100 * low:.3f} to {100 * high:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
