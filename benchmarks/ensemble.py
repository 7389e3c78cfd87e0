"""Ensembles of small networks: `train_ensemble` against what a user would run instead, in one process run.

    python -m benchmarks.ensemble

Each side trains the same structure with the same optimizer, data and batch size, one single-threaded process per core:

    ours    lab.ensemble.train_ensemble as a whole call: drawing weights, training, judging
    loop    a torch.optim loop per member
    vmap    torch.func: vmap(grad) over 64 members, updates on stacked tensors
    jax     jit(vmap(...)) with a scan over steps, all cores in one process; only where JAX is installed

The sides take turns, so that other work on the machine meets all of them; printed are medians over the rounds, and the
ratio within a round. Rates are member-steps per second of processor time, summed over all processes: what one core does,
whatever else the machine is busy with. "own" batches are shuffled by each member's seed; "shared" are the same
for all members.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from trainability.lab import cores, run_all
from trainability.lab.ensemble import MLP, Data, train_ensemble
from trainability.optimizers import SGD, Adam, Rule

LRS = (1e-3, 1e-2)


def processor_seconds() -> float:
    """Of this process and of those it has waited for."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


@dataclass(frozen=True)
class Case:
    """One structure, optimizer and way of batching."""

    name: str
    sizes: tuple[int, ...]
    samples: int
    batch: int | None
    loss: str
    adam: bool
    order: str = "own"
    members: int = 256

    def data(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets; which ones does not matter for speed."""
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(self.samples, self.sizes[0], generator=generator)
        if self.loss == "mse":
            return x, torch.relu(x[:, :1])
        return x, torch.randint(0, self.sizes[-1], (self.samples,), generator=generator)

    def loss_fn(self) -> nn.Module:
        """The torch loss."""
        return nn.MSELoss() if self.loss == "mse" else nn.CrossEntropyLoss()


CASES = (
    Case("10-32-1, full batch 256, SGD", (10, 32, 1), 256, None, "mse", False),
    Case("64-32-32-10, batch 128, SGD", (64, 32, 32, 10), 1797, 128, "cross_entropy", False),
    Case("64-32-32-10, batch 128, Adam", (64, 32, 32, 10), 1797, 128, "cross_entropy", True),
    Case("64-32-32-10, batch 128, SGD", (64, 32, 32, 10), 1797, 128, "cross_entropy", False, "shared"),
    Case("64-32-32-10, batch 128, Adam", (64, 32, 32, 10), 1797, 128, "cross_entropy", True, "shared"),
)


def ours(case: Case, steps: int, workers: int) -> float:
    """Member-steps per processor second of `train_ensemble`."""
    x, y = case.data()
    lr = torch.logspace(-3, -2, case.members, dtype=torch.float64)
    rule: Rule = Adam(lr=lr) if case.adam else SGD(lr=lr)
    data = Data(x, y, batch_size=case.batch, order=case.order)
    began = processor_seconds()
    train_ensemble(MLP(case.sizes), rule, data, loss=case.loss, steps=steps, seeds=case.members, workers=workers)
    return case.members * steps / (processor_seconds() - began)


def loop(case: Case, steps: int, workers: int) -> float:
    """Member-steps per processor second of a torch.optim loop; two members per core stand for all."""
    x, y = case.data()
    loss_fn, size = case.loss_fn(), case.batch or case.samples

    def one(seed: int) -> None:
        net = MLP(case.sizes).member(seed)
        kind = torch.optim.Adam if case.adam else torch.optim.SGD
        optimizer = kind(net.parameters(), lr=1e-3)
        generator, done = torch.Generator().manual_seed(seed), 0
        losses = []
        while done < steps:
            order = torch.randperm(len(x), generator=generator)
            for rows in order.split(size):
                if done == steps:
                    break
                bx, by = (x, y) if case.batch is None else (x[rows], y[rows])
                optimizer.zero_grad()
                loss = loss_fn(net(bx), by)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                done += 1

    members = 2 * workers
    jobs = [lambda seed=seed: one(seed) for seed in range(members)]
    began = processor_seconds()
    run_all(jobs, workers=workers)
    return members * steps / (processor_seconds() - began)


def by_vmap(case: Case, steps: int, workers: int) -> float:
    """Member-steps per processor second of torch.func, 64 members per process, the same batches for all of them."""
    x, y = case.data()
    loss_fn, size = case.loss_fn(), case.batch or case.samples

    def one() -> None:
        nets = [MLP(case.sizes).member(seed) for seed in range(64)]
        stacked, _ = stack_module_state(nets)
        params = {name: value.detach() for name, value in stacked.items()}
        rule: Rule = Adam(lr=1e-3) if case.adam else SGD(lr=1e-3)
        state = rule.init(params)
        step = vmap(grad(lambda p, bx, by: loss_fn(functional_call(nets[0], p, (bx,)), by)), in_dims=(0, None, None))
        generator, done = torch.Generator().manual_seed(0), 0
        while done < steps:
            order = torch.randperm(len(x), generator=generator)
            for rows in order.split(size):
                if done == steps:
                    break
                bx, by = (x, y) if case.batch is None else (x[rows], y[rows])
                params, state = rule.update(step(params, bx, by), state, params)
                done += 1

    began = processor_seconds()
    run_all([one] * workers, workers=workers)
    return 64 * workers * steps / (processor_seconds() - began)


def by_jax(case: Case, steps: int) -> float | None:
    """Member-steps per processor second of JAX on all cores, after one run that compiles it; None without JAX."""
    try:
        import jax
    except ImportError:
        return None
    import jax.numpy as jnp
    import numpy as np

    x, y = (jnp.asarray(t.numpy()) for t in case.data())
    size = case.batch or case.samples

    def loss(params: list, bx: Any, by: Any) -> Any:
        a = bx
        for i, (w, b) in enumerate(params):
            a = a @ w.T + b
            a = jnp.maximum(a, 0) if i < len(params) - 1 else a
        if case.loss == "mse":
            return jnp.mean((a - by) ** 2)
        return jnp.mean(jax.nn.logsumexp(a, axis=1) - jnp.take_along_axis(a, by[:, None], axis=1)[:, 0])

    def member(params: list, key: Any, lr: Any) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, params)

        def step(carry: tuple, t: Any) -> tuple:
            params, m, v = carry
            rows = jax.random.randint(jax.random.fold_in(key, t), (size,), 0, len(x)) if case.batch else None
            value, g = jax.value_and_grad(loss)(params, x if rows is None else x[rows], y if rows is None else y[rows])
            if case.adam:
                m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
                v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
                c1, c2 = 1 - 0.9 ** (t + 1.0), 1 - 0.999 ** (t + 1.0)
                g = jax.tree.map(lambda a, b: a / c1 / (jnp.sqrt(b / c2) + 1e-8), m, v)
            return (jax.tree.map(lambda p, d: p - lr * d, params, g), m, v), value

        return jax.lax.scan(step, (params, zeros, zeros), jnp.arange(steps))[1]

    run = jax.jit(jax.vmap(member))
    rng = np.random.default_rng(0)
    params = [
        (jnp.asarray(rng.normal(0, (2 / n) ** 0.5, (case.members, k, n)), jnp.float32), jnp.zeros((case.members, k)))
        for n, k in zip(case.sizes, case.sizes[1:], strict=False)
    ]
    keys, lrs = jax.random.split(jax.random.key(0), case.members), jnp.geomspace(*LRS, case.members)
    run(params, keys, lrs).block_until_ready()
    began = processor_seconds()
    run(params, keys, lrs).block_until_ready()
    return case.members * steps / (processor_seconds() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=cores(), help="processes for every side but JAX")
    given = parser.parse_args()
    sides: tuple[tuple[str, Callable[[Case], float | None]], ...] = (
        ("ours", lambda case: ours(case, 1000 if case.batch is None else 300, given.workers)),
        ("loop", lambda case: loop(case, 500, given.workers)),
        ("vmap", lambda case: by_vmap(case, 60, given.workers)),
        ("jax", lambda case: by_jax(case, 100)),
    )
    print(f"{given.workers} process(es), torch {torch.__version__}, medians of {given.rounds} rounds")
    print("thousands of member-steps per processor second")
    for case in CASES:
        for first in (loop, by_vmap):
            first(case, 2, 1)  # in this process: torch imports much of itself at the first step, and forks inherit it
        seen: dict[str, list[float]] = {name: [] for name, _ in sides}
        for _ in range(given.rounds):
            for name, side in sides:
                rate = side(case)
                if rate is not None:
                    seen[name].append(rate)
        rates = "  ".join(f"{name} {median(found) / 1e3:.1f}" for name, found in seen.items() if found)
        ratios = "  ".join(
            f"ours/{name} {median(a / b for a, b in zip(seen['ours'], found, strict=True)):.1f}"
            for name, found in seen.items()
            if found and name != "ours"
        )
        print(f"{case.name}, {case.order} batches: {rates}   {ratios}")
    if not seen["jax"]:
        print("JAX is not installed here: no comparison with it.")


if __name__ == "__main__":
    main()
