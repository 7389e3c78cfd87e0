"""Ensembles of small networks: `train_ensemble` against what a user would run instead, in one process run.

    python -m benchmarks.ensemble

Each side trains the same structure with the same optimizer, data and batch size, one single-threaded process per core:

    ours     lab.ensemble.train_ensemble as a whole call: drawing weights, training, judging; path "fused", for the
             convolutions "auto"
    stacked  the same, path "stacked"
    loop     a torch.optim loop per member
    vmap     torch.func: vmap(grad) over 64 members, updates on stacked tensors
    jax      jit(vmap(...)) with a scan over steps, one process with all its threads; only where JAX is installed

The sides take turns, so that other work on the machine meets all of them; printed are medians over the rounds, and the
ratio within a round, in two tables. The first is what one core does, whatever else the machine is busy with: member-steps
per second of processor time, summed over all processes. The second is what a user waits for, every side on all cores:
member-steps per second of wall clock, which other work on the machine makes smaller. "own" batches are shuffled by each
member's seed; "shared" are the same for all members.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from trainability.lab import cores, run_all
from trainability.lab.ensemble import MLP, Data, Groups, train_ensemble
from trainability.optimizers import SGD, Adam, Rule

LRS = (1e-3, 1e-2)


def processor_seconds() -> float:
    """Of this process and of those it has waited for."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


@dataclass(frozen=True)
class Rate:
    """Member-steps per second of processor time, and of wall clock."""

    core: float
    wall: float


def timed(work: float, call: Callable[[], object]) -> Rate:
    """How fast a call does so many member-steps."""
    began, clock = processor_seconds(), time.perf_counter()
    call()
    return Rate(work / (processor_seconds() - began), work / (time.perf_counter() - clock))


@dataclass(frozen=True)
class Case:
    """One structure, optimizer and way of batching; sizes () for the convolutions."""

    name: str
    sizes: tuple[int, ...]
    samples: int
    batch: int | None
    loss: str
    adam: bool
    order: str = "own"
    members: int = 256
    activation: str = "relu"
    bias: bool = True
    dtype: torch.dtype = torch.float32
    two_rates: bool = False
    steps: tuple[int, int, int, int] = (300, 500, 60, 100)  # of ours, the loop, vmap and JAX

    def data(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets; which ones does not matter for speed."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.sizes[0],) if self.sizes else (1, 8, 8)
        x = torch.randn(self.samples, *shape, generator=generator, dtype=self.dtype)
        if self.loss == "mse":
            return x, torch.relu(x[:, :1])
        return x, torch.randint(0, 10, (self.samples,), generator=generator)

    def loss_fn(self) -> nn.Module:
        """The torch loss."""
        return nn.MSELoss() if self.loss == "mse" else nn.CrossEntropyLoss()

    def mlp(self) -> MLP:
        """The plain network."""
        return MLP(self.sizes, self.activation, bias=self.bias)

    def module(self, seed: int) -> nn.Module:
        """One member as a torch module."""
        if self.sizes:
            return self.mlp().member(seed, dtype=self.dtype)
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(),
            nn.Linear(256, 10),
        )  # fmt: skip

    def rule(self, lr: Any) -> Rule:
        """The update rule."""
        if self.two_rates:
            return Groups((("0.", SGD(lr=lr)), ("2.", SGD(lr=lr / 10))))
        return Adam(lr=lr) if self.adam else SGD(lr=lr)

    def optimizer(self, net: nn.Module) -> torch.optim.Optimizer:
        """The torch optimizer."""
        if self.two_rates:
            groups = [{"params": [p], "lr": lr} for p, lr in zip(net.parameters(), (1e-3, 1e-4), strict=True)]
            return torch.optim.SGD(groups)
        return (torch.optim.Adam if self.adam else torch.optim.SGD)(net.parameters(), lr=1e-3)


CASES = (
    Case("(a) 10-32-1, full batch 256, SGD", (10, 32, 1), 256, None, "mse", False, steps=(1000, 500, 60, 100)),
    Case("(b) 64-32-32-10, batch 128, SGD", (64, 32, 32, 10), 1797, 128, "cross_entropy", False),
    Case("(b) 64-32-32-10, batch 128, Adam", (64, 32, 32, 10), 1797, 128, "cross_entropy", True),
    Case("(b) 64-32-32-10, batch 128, SGD", (64, 32, 32, 10), 1797, 128, "cross_entropy", False, "shared"),
    Case("(b) 64-32-32-10, batch 128, Adam", (64, 32, 32, 10), 1797, 128, "cross_entropy", True, "shared"),
    Case(
        "(c) fractal: 16-16-1 tanh, float64, full batch 272, SGD, a rate for each layer", (16, 16, 1), 272, None, "mse", False,
        activation="tanh", bias=False, dtype=torch.float64, two_rates=True, steps=(500, 500, 60, 100),
    ),
    Case(
        "(d) conv 8-16 on 8 x 8, batch 64, SGD", (), 1797, 64, "cross_entropy", False, members=32, steps=(30, 100, 15, 30)
    ),
)  # fmt: skip


def ours(case: Case, steps: int, workers: int, path: str = "fused") -> Rate | None:
    """`train_ensemble`; None where it has no such path."""
    if not case.sizes and path == "stacked":
        return None
    x, y = case.data()
    lr = torch.logspace(-3, -2, case.members, dtype=torch.float64)
    data = Data(x, y, batch_size=case.batch, order=case.order)
    network = case.mlp() if case.sizes else case.module

    def call() -> object:
        return train_ensemble(
            network, case.rule(lr), data, loss=case.loss, steps=steps, seeds=case.members, workers=workers,
            path=path if case.sizes else "auto", dtype=case.dtype,
        )  # fmt: skip

    return timed(case.members * steps, call)


def batches(case: Case, x: Tensor, y: Tensor, steps: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of a plain loop."""
    if case.batch is None:
        yield from ((x, y) for _ in range(steps))
        return
    generator, done = torch.Generator().manual_seed(seed), 0
    while True:
        for rows in torch.randperm(len(x), generator=generator).split(case.batch):
            if done == steps:
                return
            yield x[rows], y[rows]
            done += 1


def loop(case: Case, steps: int, workers: int) -> Rate:
    """A torch.optim loop; two members per core stand for all."""
    x, y = case.data()
    loss_fn = case.loss_fn()

    def one(seed: int) -> None:
        net = case.module(seed)
        optimizer = case.optimizer(net)
        losses = []
        for bx, by in batches(case, x, y, steps, seed):
            optimizer.zero_grad()
            loss = loss_fn(net(bx), by)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    members = 2 * workers
    jobs = [lambda seed=seed: one(seed) for seed in range(members)]
    return timed(members * steps, lambda: run_all(jobs, workers=workers))


def by_vmap(case: Case, steps: int, workers: int) -> Rate:
    """torch.func, up to 64 members per process, the same batches for all of them."""
    x, y = case.data()
    loss_fn, many = case.loss_fn(), min(64, case.members)

    def one() -> None:
        nets = [case.module(seed) for seed in range(many)]
        stacked, _ = stack_module_state(nets)
        params = {name: value.detach() for name, value in stacked.items()}
        rule = case.rule(1e-3)
        state = rule.init(params)
        step = vmap(grad(lambda p, bx, by: loss_fn(functional_call(nets[0], p, (bx,)), by)), in_dims=(0, None, None))
        for bx, by in batches(case, x, y, steps, 0):
            params, state = rule.update(step(params, bx, by), state, params)

    return timed(many * workers * steps, lambda: run_all([one] * workers, workers=workers))


def by_jax(case: Case, steps: int) -> Rate | None:
    """JAX on all cores, after one run that compiles it; None without JAX."""
    try:
        import jax
    except ImportError:
        return None
    import jax.numpy as jnp
    import numpy as np

    with jax.enable_x64(case.dtype == torch.float64):
        x, y = (jnp.asarray(t.numpy()) for t in case.data())
        size = case.batch or case.samples

        def convolved(a: Any, w: Any, stride: int) -> Any:
            return jax.lax.conv_general_dilated(a, w, (stride, stride), ((1, 1), (1, 1)))

        def outputs(params: list, a: Any) -> Any:
            for i, (w, b) in enumerate(params):
                if w.ndim == 4:
                    a = jnp.maximum(convolved(a, w, i + 1) + b[:, None, None], 0)
                    continue
                a = a.reshape(len(a), -1) @ w.T
                a = a + b if case.bias else a
                if i < len(params) - 1:
                    a = jnp.tanh(a) if case.activation == "tanh" else jnp.maximum(a, 0)
            return a

        def loss(params: list, bx: Any, by: Any) -> Any:
            a = outputs(params, bx)
            if case.loss == "mse":
                return jnp.mean((a - by) ** 2)
            return jnp.mean(jax.nn.logsumexp(a, axis=1) - jnp.take_along_axis(a, by[:, None], axis=1)[:, 0])

        def member(params: list, key: Any, lr: Any) -> Any:
            zeros = jax.tree.map(jnp.zeros_like, params)

            def step(carry: tuple, t: Any) -> tuple:
                params, m, v = carry
                rows = jax.random.randint(jax.random.fold_in(key, t), (size,), 0, len(x)) if case.batch else None
                bx, by = (x, y) if rows is None else (x[rows], y[rows])
                value, g = jax.value_and_grad(loss)(params, bx, by)
                if case.adam:
                    m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
                    v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
                    c1, c2 = 1 - 0.9 ** (t + 1.0), 1 - 0.999 ** (t + 1.0)
                    g = jax.tree.map(lambda a, b: a / c1 / (jnp.sqrt(b / c2) + 1e-8), m, v)
                rates = [lr / 10**i for i in range(len(params))] if case.two_rates else [lr] * len(params)
                new = [
                    jax.tree.map(lambda p, d, rate=rate: p - rate * d, *pair)
                    for *pair, rate in zip(params, g, rates, strict=True)
                ]
                return (new, m, v), value

            return jax.lax.scan(step, (params, zeros, zeros), jnp.arange(steps))[1]

        run = jax.jit(jax.vmap(member))
        rng = np.random.default_rng(0)
        kind = np.float64 if case.dtype == torch.float64 else np.float32
        shapes = list(zip(case.sizes[1:], case.sizes, strict=False)) or [(8, 1, 3, 3), (16, 8, 3, 3), (10, 256)]
        params = [
            (
                jnp.asarray(rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, (case.members, *shape)).astype(kind)),
                jnp.zeros((case.members, shape[0]), kind),
            )
            for shape in shapes
        ]
        keys = jax.random.split(jax.random.key(0), case.members)
        lrs = jnp.geomspace(*LRS, case.members, dtype=kind)
        run(params, keys, lrs).block_until_ready()
        return timed(case.members * steps, lambda: run(params, keys, lrs).block_until_ready())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=cores(), help="processes for every side but JAX")
    parser.add_argument("--only", default="", help="letters of the cases to run, such as bc")
    given = parser.parse_args()
    warnings.filterwarnings("ignore", message="os.fork")  # the workers never call JAX
    sides: tuple[tuple[str, Callable[[Case], Rate | None]], ...] = (
        ("ours", lambda case: ours(case, case.steps[0], given.workers)),
        ("stacked", lambda case: ours(case, case.steps[0] // 2, given.workers, "stacked")),
        ("loop", lambda case: loop(case, case.steps[1], given.workers)),
        ("vmap", lambda case: by_vmap(case, case.steps[2], given.workers)),
        ("jax", lambda case: by_jax(case, case.steps[3])),
    )
    print(f"{given.workers} process(es), torch {torch.__version__}, medians of {given.rounds} rounds")
    for case in CASES:
        if given.only and case.name[1] not in given.only:
            continue
        for first in (loop, by_vmap):
            first(case, 2, 1)  # in this process: torch imports much of itself at the first step, and forks inherit it
        ours(case, 1, 1)
        seen: dict[str, list[Rate]] = {name: [] for name, _ in sides}
        for _ in range(given.rounds):
            for name, side in sides:
                rate = side(case)
                if rate is not None:
                    seen[name].append(rate)
        print(f"{case.name}, {case.order} batches: thousands of member-steps per second")
        for title, value in (("of processor time", lambda r: r.core), ("of wall clock", lambda r: r.wall)):
            rates = "  ".join(f"{name} {median(map(value, found)) / 1e3:.1f}" for name, found in seen.items() if found)
            ratios = "  ".join(
                f"ours/{name} {median(value(a) / value(b) for a, b in zip(seen['ours'], found, strict=True)):.1f}"
                for name, found in seen.items()
                if found and name != "ours"
            )
            print(f"    {title:17}: {rates}   {ratios}", flush=True)
    if not seen["jax"]:
        print("JAX is not installed here: no comparison with it.")


if __name__ == "__main__":
    main()
