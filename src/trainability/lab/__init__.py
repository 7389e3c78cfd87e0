"""Many runs: executors and ensembles now, sweeps as they come."""

from trainability.lab.ensemble import MLP, Data, EnsembleRun, Online, Retire, train_ensemble
from trainability.lab.executor import WorkerLostError, can_fork, cores, run_all, single_thread
from trainability.lab.together import train_setups

__all__ = [
    "MLP",
    "Data",
    "EnsembleRun",
    "Online",
    "Retire",
    "WorkerLostError",
    "can_fork",
    "cores",
    "run_all",
    "single_thread",
    "train_ensemble",
    "train_setups",
]
