"""The weights as they were drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from trainability.doctor.probes.weights import weight_readings
from trainability.doctor.readings import NAN, WeightReading
from trainability.watch.state import Sample, State

KEPT = 2_000_000  # numbers up to which they are kept


class FirstWeights:
    """The weights as they were drawn, kept for what only a failed run asks.

    Args:
        model: its parameters; too many of them are not kept.
        optimizer: the user's, or None.
    """

    def __init__(self, model: nn.Module, optimizer: Any) -> None:
        self._model, self._optimizer = model, optimizer
        named = list(model.named_parameters())
        few = sum(p.numel() for _, p in named) <= KEPT and not any(p.is_sparse or p.is_complex() for _, p in named)
        held = [(n, p.detach().clone().requires_grad_(p.requires_grad)) for n, p in named] if few else []
        self._held = _Named(held)
        self._first: tuple[WeightReading, ...] | None = None

    def first(self, s: State) -> tuple[WeightReading, ...]:
        """What they looked like, with the gradient and the update of the first look; () where they were not kept."""
        if self._first is None:
            self._first = self._read(self._held, s, s.first)
        return self._first

    def now(self, s: State) -> tuple[WeightReading, ...]:
        """What they look like now."""
        return self._read(self._model, s, s.last) if self._held.named_parameters() else ()

    def movement(self) -> float:
        """|weights - first weights| / |first weights|; nan where they were not kept."""
        moved = size = 0.0
        now = dict(self._model.named_parameters())
        for name, before in self._held.named_parameters():
            moved += float((now[name].detach().double() - before.detach().double()).square().sum())
            size += float(before.detach().double().square().sum())
        return math.sqrt(moved / size) if size > 0 else NAN

    def _read(self, model: Any, s: State, look: Sample) -> tuple[WeightReading, ...]:
        if self._optimizer is None:
            return ()
        seen = {w.name: w for w in look.weights}
        read = []
        for w in weight_readings(model, self._optimizer):
            at = seen.get(w.name)
            gradient, update = (at.gradient, at.update) if at is not None else (NAN, NAN)
            read.append(replace(w, gradient=gradient, update=update, held=w.name not in s.missing))
        return tuple(read)


class _Named:
    """As much of a module as a probe of weights asks for."""

    def __init__(self, held: list[tuple[str, Tensor]]) -> None:
        self._held = held

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        return self._held
