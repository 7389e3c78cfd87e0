"""Probes measure: each reads one side of a Setup into a record and changes nothing."""

from trainability.doctor.probes.capacity import capacity_reading
from trainability.doctor.probes.curvature import curvature
from trainability.doctor.probes.data import data_reading
from trainability.doctor.probes.labels import label_reading
from trainability.doctor.probes.loop import loop_reading, scheduled_lrs
from trainability.doctor.probes.motion import MotionProbe
from trainability.doctor.probes.optimizer import optimizer_reading
from trainability.doctor.probes.response import response
from trainability.doctor.probes.snapshot import snapshot
from trainability.doctor.probes.split import split_reading

__all__ = [
    "MotionProbe",
    "capacity_reading",
    "curvature",
    "data_reading",
    "label_reading",
    "loop_reading",
    "optimizer_reading",
    "response",
    "scheduled_lrs",
    "snapshot",
    "split_reading",
]
