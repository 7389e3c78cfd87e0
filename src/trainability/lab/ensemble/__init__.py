"""Ensembles: many trainings of one structure, advanced together in one step.

`train_ensemble` has three paths that agree with a plain `torch.optim` loop member by member: stacked tensors with a backward
pass by hand for an `MLP`, the same in a compiled kernel for some of them, and `torch.func` (or a loop, where members could
not be told apart) for any `nn.Module`.
"""

from trainability.lab.ensemble._chunk import Snapshot
from trainability.lab.ensemble.data import Data, Online
from trainability.lab.ensemble.groups import Groups
from trainability.lab.ensemble.mlp import MLP
from trainability.lab.ensemble.retire import REASONS, Retire
from trainability.lab.ensemble.run import OUTCOMES, EnsembleRun
from trainability.lab.ensemble.train import train_ensemble

__all__ = [
    "MLP",
    "OUTCOMES",
    "REASONS",
    "Data",
    "EnsembleRun",
    "Groups",
    "Online",
    "Retire",
    "Snapshot",
    "train_ensemble",
]
