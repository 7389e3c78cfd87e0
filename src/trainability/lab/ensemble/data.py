"""What members are trained on: one data set or one per member, in a shared or their own order, or fresh samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]
Own = bool | Tensor
"""Whether there is a batch for each slot; rows (S, B) of the inputs and targets where the engine picks them itself."""


@dataclass(frozen=True, eq=False)
class Data:
    """Samples to train on, epoch after epoch, each epoch in a new order with every sample once.

    Args:
        X: inputs (N, ...); one data set per member with `per_member`, (E, N, ...).
        y: targets (N, ...) or (E, N, ...), as the loss takes them.
        batch_size: samples per step, 1 to N; None for all of them. The last batch of an epoch may be smaller.
        order: "own" shuffles with each member's seed, as `Setup.train(seed=...)` does; "shared" gives all members the
            same batches, those of `order_seed`.
        order_seed: of the shared order.
        per_member: whether the first dimension of X and y counts members.

    Raises:
        ValueError: unequal lengths, no samples, a batch size out of range, an unknown order, numbers not finite.

    >>> Data(torch.zeros(10, 3), torch.zeros(10), batch_size=4).steps_per_epoch
    3
    """

    X: Tensor
    y: Tensor
    batch_size: int | None = None
    order: str = "own"
    order_seed: int = 0
    per_member: bool = False

    def __post_init__(self) -> None:
        X, y = torch.as_tensor(self.X).detach(), torch.as_tensor(self.y).detach()
        lead = 2 if self.per_member else 1
        if X.ndim < lead + 1 or y.ndim < lead or X.shape[:lead] != y.shape[:lead]:
            what = "(E, N, ...)" if self.per_member else "(N, ...)"
            raise ValueError(
                f"data: given X {tuple(X.shape)} and y {tuple(y.shape)}, needed both {what} of the same lengths, X with "
                "one dimension more for the features. Reshape them."
            )
        if 0 in X.shape[:lead]:
            raise ValueError(f"data: given X {tuple(X.shape)}, needed at least one sample. Check what fills it.")
        for name, values in (("X", X), ("y", y)):
            bad = int((~values.isfinite()).sum()) if values.is_floating_point() else 0
            if bad:
                raise ValueError(
                    f"data: given {bad} numbers in {name} that are not finite, needed all finite. Leave these samples "
                    "out or fill them in."
                )
        n = X.shape[lead - 1]
        size = n if self.batch_size is None else self.batch_size
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= n:
            raise ValueError(
                f"batch_size: given {self.batch_size!r} for {n} samples, needed a whole number from 1 to {n}, or None "
                "for all of them."
            )
        if self.order not in ("own", "shared"):
            raise ValueError(f"order: given {self.order!r}, needed 'own' or 'shared'.")
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "y", y)

    @property
    def n(self) -> int:
        """Samples per member."""
        return int(self.X.shape[1 if self.per_member else 0])

    @property
    def size(self) -> int:
        """Samples per step."""
        return self.n if self.batch_size is None else self.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return -(-self.n // self.size)


@dataclass(frozen=True, eq=False)
class Online:
    """Fresh samples at every step.

    Args:
        draw: generator -> (X (B, ...), y (B, ...)); must draw from this generator only, always the same shapes.
        own: whether each member draws from a generator of its own seed; otherwise all see the batches of `order_seed`.
        order_seed: of the shared stream.

    >>> def teacher(generator):
    ...     x = torch.randn(8, 2, generator=generator)
    ...     return x, x.sum(1)
    >>> Online(teacher).draw(torch.Generator().manual_seed(0))[0].shape
    torch.Size([8, 2])
    """

    draw: Callable[[torch.Generator], Pair]
    own: bool = True
    order_seed: int = 0


class Feed(Protocol):
    """Batches for the slots of one chunk: (B, ...) for all alike, or (S, B, ...), a batch for each slot."""

    def next(self) -> tuple[Tensor, Tensor, Own]:
        """Inputs and targets of the next step, and whether there is a batch for each slot."""
        ...

    def take(self, slots: Tensor) -> None:
        """Keep these slots."""
        ...


class _Shared:
    """The same batches for every slot."""

    def __init__(self, batches: Iterator[Pair]) -> None:
        self.batches = batches

    def next(self) -> tuple[Tensor, Tensor, bool]:
        return *next(self.batches), False

    def take(self, slots: Tensor) -> None:
        pass


class _Own:
    """Batches of each slot's own, from the orders of its member's seed; slots may repeat a member."""

    def __init__(
        self,
        n: int,
        size: int,
        seeds: Sequence[int],
        rows: Tensor,
        pick: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Own]],
    ) -> None:
        self.n, self.size, self.rows, self.pick = n, size, rows, pick
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.members = torch.arange(len(seeds))
        self.order, self.at = torch.empty(len(seeds), 0, dtype=torch.int64), n

    def next(self) -> tuple[Tensor, Tensor, Own]:
        if self.at >= self.n:  # all members begin an epoch at the same step, each as `orders` has it
            self.order = torch.stack([torch.randperm(self.n, generator=g) for g in self.generators])
            self.at = 0
        order = self.order[:, self.at : self.at + self.size]
        self.at += self.size
        return self.pick(self.members[self.rows], order[self.rows])

    def take(self, slots: Tensor) -> None:
        kept, self.rows = self.rows[slots].unique(return_inverse=True)
        self.generators = [self.generators[i] for i in kept.tolist()]
        self.members, self.order = self.members[kept], self.order[kept]


class _Drawn:
    """Fresh samples of each slot's own."""

    def __init__(self, draw: Callable[[torch.Generator], Pair], seeds: Sequence[int], rows: Tensor) -> None:
        self.draw, self.rows = draw, rows
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def next(self) -> tuple[Tensor, Tensor, bool]:
        pairs = [self.draw(generator) for generator in self.generators]
        x, y = (torch.stack([pair[i] for pair in pairs]) for i in range(2))
        return x[self.rows], y[self.rows], True

    def take(self, slots: Tensor) -> None:
        kept, self.rows = self.rows[slots].unique(return_inverse=True)
        self.generators = [self.generators[i] for i in kept.tolist()]


def orders(n: int, size: int, seed: int) -> Iterator[Tensor]:
    """Row numbers of every batch without end, as `setup.batches` shuffles them with the same seed.

    >>> [rows.tolist() for rows, _ in zip(orders(3, 2, seed=0), range(2))]
    [[2, 0], [1]]
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(n, generator=generator).split(size)


def feed(
    data: Data | Online, members: Tensor, seeds: Sequence[int], rows: Tensor, device: torch.device, picks: bool = False
) -> Feed:
    """The batches of one chunk.

    Args:
        data: with targets as the engine takes them.
        members: (M,) which members of the ensemble these are.
        seeds: their seeds.
        rows: (S,) which of the M each slot holds; padding repeats one.
        device: where the batches are put.
        picks: whether the engine takes rows of the data set instead of batches gathered for each slot.
    """
    if isinstance(data, Online):
        if data.own:
            return _Drawn(_to(data.draw, device), seeds, rows)
        draw, generator = _to(data.draw, device), torch.Generator().manual_seed(data.order_seed)
        return _Shared(iter(lambda: draw(generator), None))
    X, y, size = data.X.to(device), data.y.to(device), data.size
    if data.per_member:
        X, y = X[members.to(device)], y[members.to(device)]
    if size == data.n:
        return _Fixed(X, y, rows) if data.per_member else _Shared(iter(lambda: (X, y), None))
    if data.order == "shared" and not data.per_member:
        return _Shared((X[order], y[order]) for order in orders(data.n, size, data.order_seed))
    own = [data.order_seed] * len(seeds) if data.order == "shared" else seeds
    return _Own(data.n, size, own, rows, _picker(X, y, data, picks))


def _picker(X: Tensor, y: Tensor, data: Data, picks: bool) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Own]]:
    """(members (S,), row numbers (S, B)) -> batches (S, B, ...), in whole rows and into the same memory every time."""
    flat = [t.flatten(0, 1) if data.per_member else t for t in (X, y)]
    kept: dict[torch.Size, list[Tensor]] = {}

    def pick(which: Tensor, order: Tensor) -> tuple[Tensor, Tensor, Own]:
        rows = order + which[:, None] * data.n if data.per_member else order
        if picks:
            return flat[0], flat[1], rows
        at = rows.flatten().to(X.device)
        if order.shape not in kept:
            kept[order.shape] = [t.new_empty(len(at), *t.shape[1:]) for t in flat]
        into = kept[order.shape]
        for source, result in zip(flat, into, strict=True):
            torch.index_select(source, 0, at, out=result)
        x, y = (t.reshape(*order.shape, *t.shape[1:]) for t in into)
        return x, y, True

    return pick


class _Fixed:
    """All samples of each slot's own data at every step."""

    def __init__(self, X: Tensor, y: Tensor, rows: Tensor) -> None:
        self.X, self.y = X[rows], y[rows]

    def next(self) -> tuple[Tensor, Tensor, bool]:
        return self.X, self.y, True

    def take(self, slots: Tensor) -> None:
        self.X, self.y = self.X[slots], self.y[slots]


def _to(draw: Callable[[torch.Generator], Pair], device: torch.device) -> Callable[[torch.Generator], Pair]:
    def drawn(generator: torch.Generator) -> Pair:
        x, y = draw(generator)
        return x.to(device), y.to(device)

    return drawn
