"""The losses of a run as they come, and what has become of it so far."""

from __future__ import annotations

import math
import statistics
from array import array
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.measures.outcome import Outcome, outcome

FIRST, EARLY = 5, 10


class Losses:
    """One loss per optimizer step, in time; those on an accelerator are fetched in groups, so that nothing waits for them.

    Args:
        constant: loss of the best constant answer; nan when it is not known.
        target: the loss to reach; None for half of the constant answer's, or of the first losses.

    Example:
        >>> losses = Losses()
        >>> losses.parts += [2.0] * 5 + [0.2] * 45
        >>> losses.take(50)
        >>> losses.outcome(), losses.start, losses.recent
        ('trained', 2.0, 0.2)
    """

    def __init__(self, constant: float = math.nan, target: float | None = None) -> None:
        self.constant, self.target = constant, target
        self._given = math.isfinite(constant)
        self.parts: list[float] = []  # of backward passes since `take`
        self.values = array("d")
        self.seen_nonfinite = 0
        self._told = 0  # how many values `fresh` has handed out
        self._waiting: list[Tensor] = []

    def learn_constant(self, constant: float) -> None:
        """Take what the batches say of the best constant answer, where the user has said nothing."""
        if not self._given:
            self.constant = constant

    def wait(self, value: Tensor) -> int:
        """Keep one number that lies on an accelerator. Returns how many wait."""
        self._waiting.append(value.detach().reshape(()))
        return len(self._waiting)

    def take(self, steps: int) -> None:
        """Share out what came since the last call among the optimizer steps since then.

        Args:
            steps: how many; where every step had as many backward passes as the others, each gets the mean of its own.
        """
        if self._waiting:
            self.parts += torch.stack([w.float() for w in self._waiting]).tolist()
            self._waiting = []
        if not self.parts or steps < 1:
            return
        parts, self.parts = self.parts, []
        if len(parts) > steps:
            parts = [sum(group) / len(group) for group in (g.tolist() for g in np.array_split(parts, steps))]
        self.values.extend(parts)
        self.seen_nonfinite += sum(not math.isfinite(v) for v in parts)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nonfinite(self) -> int:
        """Losses in a row, up to now, that are not finite."""
        count = 0
        if self.seen_nonfinite:
            for value in reversed(self.values):
                if math.isfinite(value):
                    break
                count += 1
        return count

    def fresh(self) -> tuple[float, int]:
        """The mean of the losses since the last call and how many there were; nan for none."""
        new = self.values[self._told :]
        self._told = len(self.values)
        return (sum(new) / len(new) if new else math.nan), len(new)

    @property
    def start(self) -> float:
        """Median of the first losses, which neither one odd batch nor a first explosion moves; nan before any."""
        return statistics.median(self.values[:FIRST]) if self.values else math.nan

    def mean(self, begin: float, end: float) -> float:
        """The mean over a part of the run, given by shares of its length; nan where that is empty."""
        n = len(self.values)
        part = np.array(self.values[int(begin * n) : max(int(end * n), int(begin * n) + 1)])
        with np.errstate(all="ignore"):
            return float(part.mean()) if len(part) else math.nan

    @property
    def recent(self) -> float:
        """The mean of the last tenth."""
        return self.mean(0.9, 1.0)

    @property
    def peak(self) -> float:
        """The largest finite mean over a twentieth of the run; nan before any."""
        if not self.values:
            return math.nan
        values = np.array(self.values)
        edges = np.unique(np.linspace(0, len(values), 21).astype(int)[:-1])
        with np.errstate(all="ignore"):
            parts = np.add.reduceat(values, edges) / np.diff(np.append(edges, len(values)))
        parts = parts[np.isfinite(parts)]
        return float(parts.max()) if len(parts) else math.nan

    @property
    def trend(self) -> float:
        """Relative change of the loss from the third quarter of the run to its last; nan where that is not known."""
        before, after = self.mean(0.5, 0.75), self.mean(0.75, 1.0)
        return (after - before) / abs(before) if before else math.nan

    def outcome(self) -> Outcome | None:
        """What has become of the run so far, by the rules for whole runs; None before ten losses."""
        if len(self.values) < EARLY:
            return None
        tail = self.values[-max(1, len(self.values) // 10) :].tolist()
        filler = [tail[0]] * (9 * len(tail))  # the rule looks at the last tenth alone
        return outcome([*filler, *tail], self.start, self.constant, self.target)

    def state(self) -> dict[str, Any]:
        """What is needed to go on after a restart."""
        return {"values": self.values.tobytes(), "seen_nonfinite": self.seen_nonfinite}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.values = array("d")
        self.values.frombytes(state["values"])
        self.seen_nonfinite = int(state["seen_nonfinite"])
        self._told = len(self.values)
        self.parts, self._waiting = [], []
