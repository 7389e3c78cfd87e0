"""Weights of many networks: one stacked call per layer against a loop of torch.nn.init over the members' modules.

    python -m benchmarks.initializers                 # 4096 networks 64-64-64-10, and smaller ones
    python -m benchmarks.initializers --device cuda

He's normal law with one gain per member, biases left out, float32. The loop fills the weights of modules that exist
already, `torch.nn.init.normal_(weight, std=gain / sqrt(fan_in))`, the fastest call that torch has for this; a second
loop makes the modules too, as a plain script does. Both sides in one process, the least of a few times each, after one
run that is not counted. Bare figures for the random numbers alone (`torch.Tensor.normal_` on one vector of the same
length) say how much of our time is not overhead.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from trainability.initializers import he_normal_

SIZES = ((4096, (64, 64, 64, 10)), (4096, (10, 32, 1)), (4096, (2, 8, 8, 1)), (65536, (1, 1)))


def seconds(job: Callable[[], object], device: str, repeats: int = 3) -> float:
    job()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        job()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)


def network(sizes: Sequence[int], device: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, out, device=device), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def fill(model: nn.Sequential, gain: float) -> None:
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.in_features))


def measure(members: int, sizes: Sequence[int], device: str) -> None:
    gains = torch.linspace(0.5, 2.0, members, dtype=torch.float64)
    shapes = [(members, out, fan_in) for fan_in, out in itertools.pairwise(sizes)]
    stacks = [torch.empty(shape, device=device) for shape in shapes]
    flat = torch.empty(sum(stack.numel() for stack in stacks), device=device)

    def ours() -> None:
        for stack in stacks:
            he_normal_(stack, gains, batch_dims=1)

    # Loops are linear in the number of members: a part of them is enough, and fits into memory.
    part = min(members, 1024)
    models = [network(sizes, device) for _ in range(part)]

    def loop() -> None:
        for model, gain in zip(models, gains.tolist(), strict=False):
            fill(model, gain)

    def make() -> None:
        for gain in gains[:part].tolist():
            fill(network(sizes, device), gain)

    stacked, bare = seconds(ours, device), seconds(flat.normal_, device)
    looped, made = (seconds(job, device) * members / part for job in (loop, make))
    name = "-".join(map(str, sizes))
    print(
        f"{members:6} x {name:12} {flat.numel() / 1e6:6.2f} M weights  stacked {stacked * 1e3:8.2f} ms  "
        f"normal_ alone {bare * 1e3:8.2f} ms  loop {looped * 1e3:9.1f} ms  ratio {looped / stacked:6.1f}  "
        f"loop with modules made {made * 1e3:9.1f} ms  ratio {made / stacked:6.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch; more than one is slower beside other work")
    given = parser.parse_args()
    device = given.device
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    for members, sizes in SIZES:
        measure(members, sizes, device)


if __name__ == "__main__":
    main()
