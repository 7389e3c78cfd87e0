"""Data in one form: mini-batches in a seeded order, a fixed sample, and the user's own container left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    default_collate,
)

from trainability.errors import SetupError, TrainabilityError

Pair = tuple[Tensor, Tensor]


class Batches(Protocol):
    """What training and probing need of data, whatever it was given as."""

    @property
    def batch_size(self) -> int:
        """Samples per step."""
        ...

    @property
    def n(self) -> int | None:
        """Number of samples, None where the data cannot say."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """Number of mini-batches in one pass."""
        ...

    def epoch(self, generator: torch.Generator) -> Iterator[Pair]:
        """One pass over the data in the order that `generator` decides."""
        ...

    def sample(self, n: int) -> Pair:
        """At most `n` samples, the same ones at every call."""
        ...


@dataclass(frozen=True)
class TensorBatches:
    """Two tensors of equal length, reshuffled every epoch unless `shuffle` is off."""

    inputs: Tensor
    targets: Tensor
    batch_size: int
    shuffle: bool = True
    drop_last: bool = False

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.inputs)

    @property
    def steps_per_epoch(self) -> int:
        """Number of mini-batches in one pass."""
        if self.drop_last:
            return max(self.n // self.batch_size, 1)
        return -(-self.n // self.batch_size)

    def epoch(self, generator: torch.Generator) -> Iterator[Pair]:
        """One pass; a full batch keeps the given order, since no order is left to choose."""
        if self.batch_size >= self.n:
            yield self.inputs, self.targets
            return
        order = torch.randperm(self.n, generator=generator) if self.shuffle else torch.arange(self.n)
        order = order.to(self.inputs.device)
        for rows in order.split(self.batch_size):
            if self.drop_last and len(rows) < self.batch_size:
                return
            yield self.inputs[rows], self.targets[rows]

    def sample(self, n: int) -> Pair:
        """At most `n` samples, spread over the data by a fixed permutation."""
        if n >= self.n:
            return self.inputs, self.targets
        rows = torch.randperm(self.n, generator=torch.Generator().manual_seed(0))[:n]
        rows = rows.to(self.inputs.device)
        return self.inputs[rows], self.targets[rows]


@dataclass(frozen=True)
class LoaderBatches:
    """A DataLoader, iterated as the user built it, with the random state that orders it set and put back."""

    loader: DataLoader[Any]
    batch_size: int

    @property
    def n(self) -> int | None:
        """Number of samples, None for a stream."""
        try:
            return len(self.loader.dataset)  # type: ignore[arg-type]
        except TypeError:
            return None

    @cached_property
    def steps_per_epoch(self) -> int:
        """Number of mini-batches in one pass; a stream that cannot say is read once, up to 10,000 batches or 5 s."""
        try:
            return len(self.loader)
        except TypeError:
            began, number = time.perf_counter(), 0
            for number, _ in enumerate(self.epoch(torch.Generator().manual_seed(0)), 1):
                if number >= STREAM or time.perf_counter() - began > STREAM_SECONDS:
                    break
            return number

    def epoch(self, generator: torch.Generator) -> Iterator[Pair]:
        """One pass in an order that depends on `generator` alone; what the data raise names the batch."""
        return numbered(self._epoch(generator))

    def _epoch(self, generator: torch.Generator) -> Iterator[Pair]:
        seed = int(torch.randint(2**62, (), generator=generator))
        own = self.loader.generator
        kept = own.get_state() if own is not None else None
        sampler_generator = getattr(self.loader.sampler, "generator", None)
        sampler_kept = sampler_generator.get_state() if sampler_generator is not None else None
        try:
            for one in (own, sampler_generator):
                if one is not None:
                    one.manual_seed(seed)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                batches = iter(self.loader)
                first = next(batches, None)  # a sampler draws its order when the first batch is asked for
            if first is not None:
                yield pair(first)
            for batch in batches:
                yield pair(batch)
        finally:
            if own is not None and kept is not None:
                own.set_state(kept)
            if sampler_generator is not None and sampler_kept is not None:
                sampler_generator.set_state(sampler_kept)

    def sample(self, n: int) -> Pair:
        """The first `n` samples of the pass that seed 0 gives."""
        inputs, targets, have = [], [], 0
        for x, y in self.epoch(torch.Generator().manual_seed(0)):
            inputs.append(x)
            targets.append(y)
            have += len(x)
            if have >= n:
                break
        if not inputs:
            raise SetupError(EMPTY)
        return torch.cat(inputs)[:n], torch.cat(targets)[:n]


STREAM, STREAM_SECONDS = 10_000, 5.0  # an endless stream has no pass; this much of it counts as one
EMPTY = "the data hold no samples; at least one is needed. Check the filter or the path that fills them."


def batches(data: object, batch_size: int | None) -> Batches:
    """`data` (a pair of tensors, a Dataset or a DataLoader) as Batches.

    Args:
        data: `(X, y)` with samples along the first dimension, a `Dataset` of such pairs, or a `DataLoader`.
        batch_size: samples per step; None takes all at once. A DataLoader keeps its own.

    Returns:
        Batches.

    Raises:
        SetupError: another type, unequal lengths, no samples, or items that are not (input, target).

    Example:
        >>> b = batches((torch.zeros(10, 3), torch.zeros(10)), 4)
        >>> b.n, b.steps_per_epoch
        (10, 3)
    """
    if isinstance(data, DataLoader):
        return _from_loader(data)
    if isinstance(data, TensorDataset):
        data = data.tensors
    if isinstance(data, Dataset):
        return _from_dataset(data, batch_size)
    if isinstance(data, (tuple, list)) and len(data) == 2:
        return _from_pair(data[0], data[1], batch_size)
    raise SetupError(f"data is {_describe(data)}; needed is a pair of tensors (X, y), a torch Dataset or a DataLoader.")


def _from_pair(inputs: object, targets: object, batch_size: int | None) -> TensorBatches:
    x, y = _tensor(inputs, "inputs"), _tensor(targets, "targets")
    if x.ndim == 0 or y.ndim == 0:
        raise SetupError(
            f"data holds tensors of shapes {tuple(x.shape)} and {tuple(y.shape)}; both need samples "
            "along a first dimension."
        )
    if len(x) != len(y):
        raise SetupError(
            f"data holds {len(x)} inputs and {len(y)} targets; each input needs one target. "
            f"Shapes: inputs {tuple(x.shape)}, targets {tuple(y.shape)}."
        )
    if len(x) == 0:
        raise SetupError(EMPTY)
    return TensorBatches(x.detach(), y.detach(), len(x) if batch_size is None else batch_size)


def _from_dataset(dataset: Dataset[Any], batch_size: int | None) -> Batches:
    if isinstance(dataset, IterableDataset):
        return _from_loader(DataLoader(dataset, batch_size=batch_size or 32))
    size = len(dataset)  # type: ignore[arg-type]
    if size == 0:
        raise SetupError(EMPTY)
    pair(default_collate([dataset[0]]))
    return _from_loader(DataLoader(dataset, batch_size=batch_size or size, shuffle=True))


def _from_loader(loader: DataLoader[Any]) -> Batches:
    dataset, sampler = loader.dataset, loader.sampler
    size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None) or 1
    try:
        if len(loader) == 0:
            raise SetupError(EMPTY)
    except TypeError:
        pass
    ordered = type(sampler) is SequentialSampler
    shuffled = type(sampler) is RandomSampler and not sampler.replacement
    plain = loader.collate_fn is default_collate and loader.batch_size is not None
    if type(dataset) is TensorDataset and len(dataset.tensors) == 2 and plain and (ordered or shuffled):
        full = _from_pair(*dataset.tensors, batch_size=size)
        return TensorBatches(full.inputs, full.targets, size, shuffle=shuffled, drop_last=loader.drop_last)
    return LoaderBatches(loader, size)


def pair(batch: object) -> Pair:
    """A batch as (inputs, targets); SetupError for anything else."""
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        x, y = batch
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            return x, y
    raise SetupError(
        f"the data give {_describe(batch)} for a batch; needed is a pair of tensors (inputs, targets). "
        "Wrap the Dataset so that an item is (input, target)."
    )


def steps(data: Batches, seed: int) -> Iterator[Pair]:
    """Mini-batches without end, epoch after epoch, in an order that `seed` alone decides."""
    generator = torch.Generator().manual_seed(seed)
    for _ in count():
        empty = True
        for batch in data.epoch(generator):
            empty = False
            yield batch
        if empty:
            raise SetupError(EMPTY)


def numbered(given: Iterator[Pair]) -> Iterator[Pair]:
    """The same batches, with what their source raises said with the number of the batch.

    Example:
        >>> list(numbered(iter([(torch.zeros(1), torch.ones(1))])))
        [(tensor([0.]), tensor([1.]))]
    """
    for number in count():
        try:
            batch = next(given, None)
        except TrainabilityError as error:
            raise SetupError(f"batch {number} of a pass over the data: {error}") from error
        except Exception as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise SetupError(
                f"the data raised {type(error).__name__} at batch {number} of a pass: "
                f"{lines[-1].strip() if lines else 'without a message'}. Needed are batches of (inputs, targets) to the "
                "end of the data; try reading them once, without training: for batch in loader: pass."
            ) from error
        if batch is None:
            return
        yield batch


def _tensor(value: object, what: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if hasattr(value, "__array__"):
        return torch.as_tensor(value)
    raise SetupError(f"the {what} in data are {_describe(value)}; needed is a tensor.")


def _describe(value: object) -> str:
    kind = type(value).__name__
    if isinstance(value, (tuple, list)):
        return f"a {kind} of {len(value)} ({', '.join(type(v).__name__ for v in value[:4])})"
    return f"a {kind}"
