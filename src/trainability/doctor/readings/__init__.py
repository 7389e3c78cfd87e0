"""What was measured of a Setup, as plain records: the only thing that rules ever see.

Every field has a default, and the defaults together are those of a small healthy classifier, so that an
example for a rule states just what is special about it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trainability.doctor.readings.capacity import CapacityReading
from trainability.doctor.readings.curvature import CurvatureReading
from trainability.doctor.readings.data import DataReading
from trainability.doctor.readings.labels import LabelReading, LearnerReading
from trainability.doctor.readings.loop import LoopReading
from trainability.doctor.readings.loss import LossReading
from trainability.doctor.readings.motion import MotionReading
from trainability.doctor.readings.optimizer import OptimizerReading
from trainability.doctor.readings.response import ResponseReading
from trainability.doctor.readings.run import NAN, RunReading
from trainability.doctor.readings.snapshot import LayerReading, OutputReading, Role, Snapshot, WeightReading
from trainability.doctor.readings.split import SplitReading

__all__ = [
    "NAN",
    "CapacityReading",
    "CurvatureReading",
    "DataReading",
    "LabelReading",
    "LayerReading",
    "LearnerReading",
    "LoopReading",
    "LossReading",
    "MotionReading",
    "OptimizerReading",
    "OutputReading",
    "Readings",
    "ResponseReading",
    "Role",
    "RunReading",
    "Snapshot",
    "SplitReading",
    "WeightReading",
]


@dataclass(frozen=True)
class Readings:
    """All that rules may look at.

    Args:
        task: what is learned.
        data, loss, optimizer: the Setup's parts.
        start, early, end: the run on the weights as given: before the first step, at a tenth of the budget at most,
            and at its end; `healthy` is the start of the same network with He's initializer.
        curvature: at the start, or early for an adaptive rule; None where it could not be measured.
        response: how the untrained network answers to inputs that are mixed and scaled.
        motion: the last steps of the run on the weights as given; None where it broke before.
        runs: the unchanged Setup's runs, the weights as given first, then one per fresh seed.
        labels: what ties labels to inputs; capacity: how much of the input the network lets through.
        split: how validation data differ from training data; None where it was not asked, which is so unless runs failed.
        loop: what the user's own training step does; None where the Setup is trained by the standard step.
        cut: whether the runs had fewer steps than the budget; what still learns then has not failed.
    """

    task: str = "multi-class"
    data: DataReading = field(default_factory=DataReading)
    loss: LossReading = field(default_factory=LossReading)
    optimizer: OptimizerReading = field(default_factory=OptimizerReading)
    start: Snapshot = field(default_factory=Snapshot)
    early: Snapshot | None = None
    end: Snapshot | None = None
    healthy: Snapshot | None = None
    curvature: CurvatureReading | None = field(default_factory=CurvatureReading)
    response: ResponseReading = field(default_factory=ResponseReading)
    motion: MotionReading | None = field(default_factory=MotionReading)
    runs: tuple[RunReading, ...] = (RunReading(),)
    labels: LabelReading = field(default_factory=LabelReading)
    capacity: CapacityReading = field(default_factory=CapacityReading)
    split: SplitReading | None = None
    loop: LoopReading | None = None
    cut: bool = False

    @property
    def failed(self) -> float:
        """Share of runs that ended diverged or stalled, learned little, or lost to a constant answer on new data."""
        bad = [not _fine(run) and not (self.cut and run.outcome == "learning") for run in self.runs]
        return sum(bad) / max(len(bad), 1)

    @property
    def stable_lr(self) -> float:
        """The largest stable learning rate on the sample and on mini-batches; nan where it is not known."""
        return self.curvature.limit if self.curvature else NAN

    @property
    def stalled(self) -> float:
        """Share of runs that stalled."""
        return sum(r.outcome == "stalled" for r in self.runs) / max(len(self.runs), 1)

    @property
    def diverged(self) -> float:
        """Share of runs that diverged."""
        return sum(r.outcome == "diverged" for r in self.runs) / max(len(self.runs), 1)

    @property
    def fails(self) -> bool:
        """Whether at least a third of the runs failed: rules about symptoms speak only then."""
        return self.failed >= 1 / 3


def _fine(run: RunReading) -> bool:
    learned = run.outcome == "trained" or (run.outcome == "learning" and run.skill >= 0.5)
    return learned and run.generalises
