"""Train every case with a plain loop: failing forms must fail, fixed forms and healthy controls must pass.

    python -m benchmarks.cases.check                # all cases, seeds 0 to 2, about three minutes on one core
    python -m benchmarks.cases.check lr-zero digits-mlp --seeds 5

One line per form: how many seeds pass, what must be reached, the slowest run in seconds, the value on each
seed; !! where a run went against expectation, and then the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import torch

from benchmarks.cases import CASES, Metric
from trainability import Setup


def train(setup: Setup, seed: int) -> None:
    """Train for the setup's epochs, reshuffled each epoch, as anybody's first training loop does."""
    order = torch.Generator().manual_seed(seed)
    X, y = setup.data
    setup.model.train()
    for _ in range(setup.epochs):
        for rows in torch.randperm(len(X), generator=order).split(setup.batch_size):
            if setup.step:
                setup.step(setup.model, (X[rows], y[rows]), setup.optimizer)
                continue
            setup.optimizer.zero_grad()
            setup.loss_fn(setup.model(X[rows]), y[rows]).backward()
            setup.optimizer.step()


def run(build: Callable[[], Setup], metric: Metric, seeds: int) -> tuple[list[bool], list[float], float]:
    """Return for each seed whether it passes and the metric's value, and the seconds of the slowest run."""
    passed, values, slowest = [], [], 0.0
    for seed in range(seeds):
        torch.manual_seed(seed)
        setup = build()
        start = time.perf_counter()
        train(setup, seed)
        slowest = max(slowest, time.perf_counter() - start)
        passed.append(metric(setup))
        values.append(metric.value(setup))
    return passed, values, slowest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="case", help="names of cases; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}. Known: {', '.join(CASES)}.")
    torch.set_num_threads(1)
    wrong = 0
    for name in arguments.names or CASES:
        case = CASES[name]
        forms = {"healthy": case.setup} if case.healthy else {"failing": case.setup, "fixed": case.fixed}
        for form, build in forms.items():
            passed, values, slowest = run(build, case.metric, arguments.seeds)
            unexpected = sum(p == (form == "failing") for p in passed)
            wrong += unexpected
            print(
                f"{'!!' if unexpected else '  '} {name:34} {form:8} {sum(passed)}/{len(passed)}",
                f"{case.metric!s:24} {slowest:4.1f} s ",
                *(f"{value:.3g}" for value in values),
                flush=True,
            )
    print(f"{wrong} runs against expectation" if wrong else "all as expected")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
