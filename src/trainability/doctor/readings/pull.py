"""Where a user's own step pulls the weights, beside where the Setup's loss pulls them."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class PullReading:
    """The gradient that the user's own step trains with, against that of the Setup's loss on the same batch.

    Args:
        own: norm of the gradient of the Setup's loss over all parameters; step: of the one that the step trains with.
        extra: norm of their difference over `own`; 0 where the step trains on the Setup's loss alone.
        cosine: between the two.
        targets: how much of what the step adds hangs on the targets, which are given to other samples for it: 0 for a
            penalty, which knows nothing of them; nan where the step does not look at the targets at all.
        own_loss, step_loss: the Setup's loss on the batch, and what the step returned; nan where it returned nothing.
    """

    own: float = 1.0
    step: float = 1.0
    extra: float = 0.0
    cosine: float = 1.0
    targets: float = NAN
    own_loss: float = 2.3
    step_loss: float = 2.3
