"""The largest eigenvalue of the Hessian and the learning rate it allows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CurvatureReading:
    """Largest algebraic eigenvalue of the Hessian (preconditioned for an adaptive rule) and the lr it allows.

    Args:
        sharpness: on the sample; batch_sharpness: on one mini-batch, the median of three.
        residual: of the sample's eigenpair, relative to it.
        converged: whether the residual is within tolerance.
        stable_lr: the largest lr that does not grow at this point on the sample's loss; batch_stable_lr likewise.
        step: optimizer steps taken before it was measured.
        preconditioned: whether it is of the preconditioned Hessian.
    """

    sharpness: float = 5.0
    batch_sharpness: float = 8.0
    residual: float = 1e-3
    converged: bool = True
    stable_lr: float = 0.4
    batch_stable_lr: float = 0.25
    step: int = 0
    preconditioned: bool = False

    @property
    def limit(self) -> float:
        """The smaller of the two stable learning rates."""
        return min(self.stable_lr, self.batch_stable_lr)
