"""Rules around rules: a schedule for the lr, gradients no longer than a norm. Each is a rule itself, so that they nest."""

from trainability.optimizers.wrappers.clipped import Clipped, clipped
from trainability.optimizers.wrappers.scheduled import Scheduled, scheduled

__all__ = ["Clipped", "Scheduled", "clipped", "scheduled"]
