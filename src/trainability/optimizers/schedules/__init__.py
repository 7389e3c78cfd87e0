"""Learning-rate schedules: a step number in, the factor on the lr out, a float or one per member.

A schedule knows no rule; `trainability.optimizers.scheduled` puts one on any rule. Steps count updates from 0.
"""

from trainability.optimizers.schedules._schedule import Schedule
from trainability.optimizers.schedules.constant import Constant
from trainability.optimizers.schedules.cosine import Cosine
from trainability.optimizers.schedules.inverse_time import InverseTime
from trainability.optimizers.schedules.step import Step
from trainability.optimizers.schedules.warmup import Warmup

__all__ = ["Constant", "Cosine", "InverseTime", "Schedule", "Step", "Warmup"]
