"""What watching costs: the same training with and without, in turns, in one process.

    python -m benchmarks.watch                # about 5 minutes
    python -m benchmarks.watch --peers        # in an environment that has torchmortem and torch-audit too

Every round trains the same network from the same weights on the same batches, once for each way, in an order that moves
on from round to round; the figure is the median over rounds of each way's time over the plain loop's. Processor time of
the training thread is what is compared, since other work on the machine does not count in it; wall-clock time is printed
beside it.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

import trainability as tr

Way = Callable[[nn.Module, torch.optim.Optimizer], AbstractContextManager[Any]]


def digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.tensor(data.data / 16).float(), torch.tensor(data.target)


def mlp() -> tuple[nn.Module, Tensor, Tensor, int, int]:
    x, y = digits()
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)), x, y, 32, 4000


def conv() -> tuple[nn.Module, Tensor, Tensor, int, int]:
    x, y = digits()
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(inplace=True), nn.Linear(64, 10),
    )  # fmt: skip
    return net, x.reshape(-1, 1, 8, 8), y, 32, 1000


class Language(nn.Module):
    """GPT-2 with its loss outside, as a loop of one's own has it."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import GPT2Config, GPT2LMHeadModel

        size = {"vocab_size": 256, "n_positions": 32, "n_embd": 64, "n_layer": 2, "n_head": 2}
        self.gpt = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.gpt(tokens).logits.flatten(0, 1)


def gpt2() -> tuple[nn.Module, Tensor, Tensor, int, int]:
    tokens = torch.randint(0, 256, (512, 33))
    return Language(), tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), 4, 400


NETWORKS = {
    "MLP on digits, batch 32": mlp,
    "convolutions on digits, batch 32": conv,
    "GPT-2, 2 layers, 4 x 32 tokens": gpt2,
}
ROUNDS = {gpt2: 5}  # a round takes eight seconds

OURS: dict[str, Way] = {
    "plain": lambda net, optimizer: nullcontext(),
    "default": lambda net, optimizer: tr.watch(net, optimizer),
    "full": lambda net, optimizer: tr.watch(net, optimizer, detail="full"),
}


@contextmanager
def torchmortem(net: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[Callable[[Tensor], None]]:
    """Its default, told of every step as its page says."""
    from torchmortem import Autopsy

    with Autopsy(net, optimizer=optimizer) as autopsy:
        yield lambda loss: autopsy.step(loss=loss.item())


@contextmanager
def torch_audit(net: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Auditing every step, as its page says for that."""
    from torch_audit import autopatch

    auditor = autopatch(net, optimizer=optimizer, every_n_steps=1, reporters=[])
    try:
        yield None
    finally:
        undo = getattr(auditor, "unpatch", None) or getattr(auditor, "close", None)
        if undo is not None:
            undo()


def train(build: Callable[[], Any], way: Way) -> tuple[float, float]:
    """Seconds of the thread and of the wall, watching from the first step to the last."""
    torch.manual_seed(0)
    net, x, y, size, steps = build()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loss_fn = nn.CrossEntropyLoss()
    order = torch.randint(0, len(x), (steps, size))
    thread, wall = time.thread_time(), time.perf_counter()
    with way(net, optimizer) as told:
        tell = told if callable(told) else None
        for at in order:
            optimizer.zero_grad()
            loss = loss_fn(net(x[at]), y[at].flatten())
            loss.backward()
            optimizer.step()
            if tell is not None:
                tell(loss)
    return time.thread_time() - thread, time.perf_counter() - wall


def measure(name: str, ways: dict[str, Way], rounds: int) -> None:
    build, names = NETWORKS[name], list(ways)
    train(build, ways["plain"])
    took: dict[str, list[tuple[float, float]]] = {n: [] for n in names}
    for r in range(rounds):
        for n in names[r % len(names) :] + names[: r % len(names)]:
            took[n].append(train(build, ways[n]))
    steps = build()[4]
    plain = statistics.median(t for t, _ in took["plain"]) / steps
    print(f"\n{name}: {1e6 * plain:.0f} us a plain step, {steps} steps, {rounds} rounds")
    for n in names[1:]:
        ratios = [sorted(a[i] / b[i] for a, b in zip(took[n], took["plain"], strict=True)) for i in (0, 1)]
        thread, wall = (statistics.median(r) for r in ratios)
        low, high = ratios[0][len(ratios[0]) // 4], ratios[0][-1 - len(ratios[0]) // 4]
        print(
            f"  {n:12} {thread:.3f} of the plain loop (quartiles {low:.3f} to {high:.3f}); wall clock {wall:.3f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=0, help="15, and 5 of GPT-2, without")
    parser.add_argument("--only", default="", help="networks whose name holds this")
    parser.add_argument("--peers", action="store_true", help="torchmortem and torch-audit too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, one thread, Adam")
    ways = dict(OURS)
    if given.peers:
        ways |= {"torchmortem": torchmortem, "torch-audit": torch_audit}
    for name in NETWORKS:
        if given.only in name:
            measure(name, ways, given.rounds or ROUNDS.get(NETWORKS[name], 15))


if __name__ == "__main__":
    main()
