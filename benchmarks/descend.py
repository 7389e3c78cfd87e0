"""Population gradient descent: `theory.descend` against the same iteration as a jitted JAX loop, in one process run.

    python -m benchmarks.descend

The comparison needs JAX, which the package does not: make an environment of its own with `pip install jax numba scipy` and run
with the package's `src` on the path. Without JAX only this package's figures are printed. float64 on both sides, the same
starts, the same fixed number of steps, each side after one run that compiles it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from trainability import theory

RUNS, K, STEPS, LR = 1000, 10, 1000, 0.1


def seconds(job: Callable[[], object], repeats: int = 3) -> float:
    """The least of a few wall-clock times, after one run that is not counted."""
    job()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        job()
        times.append(time.perf_counter() - began)
    return min(times)


def with_jax(W0: np.ndarray) -> tuple[Callable[[], np.ndarray], str] | None:
    """The iteration in JAX, as its user would write it: vectorised over runs, one jitted fori_loop."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    V = jnp.eye(K)

    def pull(w, others):
        # g(w, v) = [(pi - t) v + |v| sin t w/|w|] / (2 pi), summed over v
        lengths, own = jnp.linalg.norm(others, axis=-1), jnp.linalg.norm(w)
        cosine = jnp.clip(others @ w / (lengths * own), -1, 1)
        t = jnp.arccos(cosine)
        sine = jnp.sqrt(1 - cosine**2)
        return ((jnp.pi - t) @ others + (lengths * sine).sum() * w / own) / (2 * jnp.pi)

    gradient = jax.vmap(jax.vmap(lambda w, W: pull(w, W) - pull(w, V), in_axes=(0, None)))

    @jax.jit
    def descend(W):
        return jax.lax.fori_loop(0, STEPS, lambda _, W: W - LR * gradient(W, W), W)

    start = jnp.asarray(W0)
    return lambda: np.asarray(descend(start)), jax.__version__


def main() -> None:
    W0 = np.random.default_rng(0).normal(0.0, K**-0.5, (RUNS, K, K))
    V = np.eye(K)
    ours = seconds(lambda: theory.descend(W0, V, lr=LR, tol=0.0, max_steps=STEPS))
    work = RUNS * STEPS
    print(
        f"theory.descend  k = d = {K}, {RUNS} runs, {STEPS} steps: {ours:.3f} s, {work / ours / 1e6:.2f} M member-steps/s"
    )
    other = with_jax(W0)
    if other is None:
        print("JAX is not installed here: no comparison.")
    else:
        job, version = other
        theirs = seconds(job)
        apart = np.abs(job() - theory.descend(W0, V, lr=LR, tol=0.0, max_steps=STEPS).W).max()
        print(f"jax {version:10}  the same: {theirs:.3f} s, {work / theirs / 1e6:.2f} M member-steps/s")
        print(f"ratio {theirs / ours:.1f}; the end points differ by at most {apart:.1e}")
    began = time.perf_counter()
    ends = theory.descend(W0, V, lr=LR, tol=1e-9, floor=1e-10, max_steps=400_000)
    spurious = 100 * float((ends.loss > 1e-6).mean())
    print(f"to gradient norm 1e-9: {time.perf_counter() - began:.2f} s, {spurious:.1f}% in spurious minima")


if __name__ == "__main__":
    main()
