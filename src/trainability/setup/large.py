"""Data and models too large to be read whole: known by a sample, and said to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from trainability.setup.batches import Batches, Pair, TensorBatches

READ = 4096  # samples that readings of the data rest on
WHOLE = 2**28  # numbers, 1 GB in single precision; more is not searched through
WEIGHTS = 5_000_000  # from which a model is large: what is read of it before training is read on one mini-batch or less


def is_large(model: nn.Module) -> bool:
    """Whether a model has so many weights that a pass over hundreds of inputs takes long.

    Example:
        >>> is_large(nn.Linear(64, 10))
        False
    """
    return sum(p.numel() for p in model.parameters()) >= WEIGHTS


@dataclass(frozen=True)
class Sampled:
    """Batches that can be drawn from and are not to be read whole.

    Args:
        data: the batches themselves.
    """

    data: Batches

    @property
    def batch_size(self) -> int:
        """Samples per step."""
        return self.data.batch_size

    @property
    def n(self) -> int | None:
        """Number of samples."""
        return self.data.n

    @property
    def steps_per_epoch(self) -> int:
        """Number of mini-batches in one pass."""
        return self.data.steps_per_epoch

    def epoch(self, generator: torch.Generator) -> Iterator[Pair]:
        """One pass over the data."""
        return self.data.epoch(generator)

    def sample(self, n: int) -> Pair:
        """At most `n` samples, the same ones at every call."""
        return self.data.sample(n)


def readable(data: Batches) -> Batches:
    """The batches, without access to the whole where that is too large.

    Example:
        >>> small = TensorBatches(torch.zeros(3, 1), torch.zeros(3), 1)
        >>> readable(small) is small
        True
    """
    return Sampled(data) if isinstance(data, TensorBatches) and data.inputs.numel() > WHOLE else data


def sampled(data: Batches) -> str:
    """A sentence that says so where data are read on a sample: streams, datasets, tensors too large to read whole.

    Example:
        >>> sampled(TensorBatches(torch.zeros(3, 1), torch.zeros(3), 1))
        ''
    """
    known = readable(data)
    if isinstance(known, TensorBatches) or (known.n is not None and known.n <= READ):
        return ""
    of = f"{known.n} samples" if known.n is not None else "a stream"
    return f"The data were read on a sample of {READ} of {of}."
