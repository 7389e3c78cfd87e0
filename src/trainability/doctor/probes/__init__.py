"""Probes measure: each reads one side of a Setup into a record and changes nothing."""

from trainability.doctor.probes.curvature import curvature
from trainability.doctor.probes.data import data_reading
from trainability.doctor.probes.optimizer import optimizer_reading
from trainability.doctor.probes.snapshot import snapshot

__all__ = ["curvature", "data_reading", "optimizer_reading", "snapshot"]
