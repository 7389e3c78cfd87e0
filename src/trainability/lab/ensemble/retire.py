"""When a member may leave the ensemble before its last step, and what its remaining losses count as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STAYED, LOST, DIVERGED, CONVERGED, STILL = range(5)
REASONS = ("", "lost", "diverged", "converged", "still")
"""Index -> why a member left; "" for a member that was trained to the last step."""

LOST_STEPS = 20  # losses in a row that are not finite, as in `setup.train`


@dataclass(frozen=True)
class Retire:
    """Which members leave early; looked at every `window` steps, over the last `window` losses.

        diverged    all losses above 10 max(L0, Lc), and the second half of the window no lower than the first
        converged   all losses at or below the target, and the means of both halves within a relative `flat`
        still       all losses the same to the last bit, and no parameter has changed: nothing will change any more

    "still" is for data that stay the same (a full batch); it catches dead networks. A member that left is given its
    last loss ("still"), the mean ("converged") or the least ("diverged") of its window for the steps that are left, so
    that the outcome is judged over the whole budget. "still" never changes an outcome; the others could, if a run came
    back from above the bound or left its minimum again.

    Args:
        diverged: whether members above the bound leave.
        converged: whether members that are trained and flat leave.
        still: whether members at rest leave.
        window: steps, at least 20.
        flat: relative change that counts as none, 0 or more.

    Raises:
        ValueError: a window below 20 or a negative `flat`.

    >>> Retire(window=50).diverged
    True
    """

    diverged: bool = True
    converged: bool = True
    still: bool = True
    window: int = 100
    flat: float = 1e-3

    def __post_init__(self) -> None:
        if isinstance(self.window, bool) or not isinstance(self.window, int) or self.window < LOST_STEPS:
            raise ValueError(f"window: given {self.window!r}, needed a whole number of steps from {LOST_STEPS}.")
        if not self.flat >= 0:
            raise ValueError(f"flat: given {self.flat}, needed a number from 0.")

    def judge(
        self, losses: np.ndarray, bound: np.ndarray, target: np.ndarray, unmoved: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the reason to leave and the loss to go on with, for each member.

        Args:
            losses: (window, M), the last losses, oldest first.
            bound: (M,) above it a run has diverged.
            target: (M,) at or below it a run has trained.
            unmoved: (M,) whether all parameters are the same as one window ago.

        Returns:
            (index into `REASONS` (M,), loss (M,)).

        >>> w = np.full((20, 2), [0.1, 0.5])
        >>> Retire(window=20).judge(w, np.full(2, 9.0), np.full(2, 0.2), np.full(2, False))[0].tolist()
        [3, 0]
        """
        half = len(losses) // 2
        with np.errstate(all="ignore"):
            early, late = losses[:half].mean(0), losses[half:].mean(0)
            reason = np.full(losses.shape[1], STAYED)
            if self.converged:
                level = (losses <= target).all(0) & (np.abs(late - early) <= self.flat * np.abs(early))
                reason[level] = CONVERGED
            if self.diverged:
                reason[(losses > bound).all(0) & np.isfinite(losses).all(0) & (late >= early)] = DIVERGED
            if self.still:
                reason[(losses == losses[:1]).all(0) & unmoved] = STILL
            level = np.where(reason == CONVERGED, losses.mean(0), losses.min(0))
        return reason, np.where(reason == STILL, losses[-1], level)


def lost(losses: np.ndarray) -> np.ndarray:
    """Which members had no finite loss in the last 20 steps.

    Args:
        losses: (t, M), oldest first.

    >>> lost(np.full((20, 1), np.nan)).tolist(), lost(np.full((19, 1), np.nan)).tolist()
    ([True], [False])
    """
    tail = losses[-LOST_STEPS:]
    if len(tail) < LOST_STEPS:
        return np.zeros(losses.shape[1], dtype=bool)
    never: np.ndarray = ~np.isfinite(tail).any(0)
    return never


def divergence_bound(start_loss: np.ndarray, constant_loss: np.ndarray) -> np.ndarray:
    """The end loss above which `measures.outcome` calls a run diverged; infinite where there is no reference.

    >>> divergence_bound(np.array([2.0, np.nan]), np.array([3.0, np.nan])).tolist()
    [30.0, inf]
    """
    constant = np.where(constant_loss == 0, np.nan, constant_loss)
    pair = np.stack([start_loss, constant])
    pair = np.where(np.isfinite(pair), pair, -np.inf)
    worst = pair.max(0)
    return np.where(np.isfinite(worst), np.where(worst >= 0, 10 * worst, -8 * worst), np.inf)
