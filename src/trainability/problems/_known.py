"""What is known of a problem before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """What a problem states about itself, for its default options.

    Args:
        says: what becomes of its training, in words.
        constant_loss: Lc, the loss of the best constant answer on the training data; 0 where no answer can beat it.
        target: the training loss at which it counts as learned; None for half the loss at the start, which the rule
            takes where Lc is 0.
    """

    says: str
    constant_loss: float
    target: float | None
