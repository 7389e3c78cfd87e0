"""Probes measure: each reads one side of a Setup into a record and changes nothing."""

from trainability.doctor.probes.answers import answers_reading
from trainability.doctor.probes.averages import averages_reading
from trainability.doctor.probes.biases import bias_reading
from trainability.doctor.probes.capacity import capacity_reading
from trainability.doctor.probes.curvature import curvature
from trainability.doctor.probes.data import data_reading
from trainability.doctor.probes.graph import graph_reading
from trainability.doctor.probes.held_out import held_out_reading
from trainability.doctor.probes.labels import label_reading
from trainability.doctor.probes.loop import loop_reading, scheduled_lrs
from trainability.doctor.probes.motion import MotionProbe
from trainability.doctor.probes.noise import noise_reading
from trainability.doctor.probes.optimizer import optimizer_reading
from trainability.doctor.probes.pull import pull_reading
from trainability.doctor.probes.response import response
from trainability.doctor.probes.schedule import ScheduleProbe
from trainability.doctor.probes.sight import sight
from trainability.doctor.probes.snapshot import snapshot
from trainability.doctor.probes.split import split_reading
from trainability.doctor.probes.values import values_reading

__all__ = [
    "MotionProbe",
    "ScheduleProbe",
    "answers_reading",
    "averages_reading",
    "bias_reading",
    "capacity_reading",
    "curvature",
    "data_reading",
    "graph_reading",
    "held_out_reading",
    "label_reading",
    "loop_reading",
    "noise_reading",
    "optimizer_reading",
    "pull_reading",
    "response",
    "scheduled_lrs",
    "sight",
    "snapshot",
    "split_reading",
    "values_reading",
]
