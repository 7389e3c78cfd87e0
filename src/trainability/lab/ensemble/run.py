"""What became of an ensemble: one value per member, in the order of the seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from trainability.lab.ensemble.retire import REASONS
from trainability.measures.outcome import Outcome

OUTCOMES: tuple[str, ...] = get_args(Outcome)


@dataclass(frozen=True, eq=False)
class EnsembleRun:
    """E trainings of one structure, as arrays.

    Args:
        seeds: (E,) of the members.
        outcome: (E,) index into `OUTCOMES`, by `measures.outcome`.
        start_loss: (E,) L0, mean loss before the first step over the batches that `Setup.train` takes.
        constant_loss: (E,) Lc, the loss of the best constant answer; nan where there is none.
        target: (E,) at or below it a run has trained.
        end_loss: (E,) mean of the last tenth of the losses.
        final_loss: (E,) loss of the last step's batch, before that step.
        best_loss: (E,) smallest finite loss of any step; nan where none was finite.
        score: (E,) accuracy or R2 at the end on (a fixed sample of) the training data; nan where lost.
        steps_to_target: (E,) steps taken when a batch's loss was first at or below the target; -1 for never.
        curve: (E, K) losses at `curve_steps`.
        curve_steps: (K,) step numbers from 0.
        steps: the budget.
        steps_run: (E,) steps really taken; fewer where a member left early.
        retired: (E,) index into `retire.REASONS`.
        measured: what each measure gave, (E, len(measured_at), ...); nan after a member left.
        measured_at: steps before which it was measured.
        params: parameters at the end by name, (E, ...), where they were asked for.
        path: "stacked", "fused", "vmap" or "loop".
        seconds: wall-clock time.
    """

    seeds: np.ndarray
    outcome: np.ndarray
    start_loss: np.ndarray
    constant_loss: np.ndarray
    target: np.ndarray
    end_loss: np.ndarray
    final_loss: np.ndarray
    best_loss: np.ndarray
    score: np.ndarray
    steps_to_target: np.ndarray
    curve: np.ndarray
    curve_steps: np.ndarray
    steps: int
    steps_run: np.ndarray
    retired: np.ndarray
    measured: dict[str, np.ndarray] = field(default_factory=dict)
    measured_at: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    params: dict[str, np.ndarray] = field(default_factory=dict)
    path: str = "stacked"
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def outcomes(self) -> list[str]:
        """The outcomes in words."""
        return [OUTCOMES[i] for i in self.outcome]

    @property
    def reasons(self) -> list[str]:
        """Why each member left before the last step, "" where it did not."""
        return [REASONS[i] for i in self.retired]

    def share(self, outcome: Outcome) -> float:
        """The share of members with this outcome.

        Raises:
            ValueError: no outcome has that name.
        """
        if outcome not in OUTCOMES:
            raise ValueError(f"outcome: given {outcome!r}, needed one of {', '.join(OUTCOMES)}.")
        return float((self.outcome == OUTCOMES.index(outcome)).mean())
