"""Many runs: executors now, ensembles and sweeps as they come."""

from trainability.lab.executor import WorkerLostError, can_fork, cores, run_all, single_thread

__all__ = ["WorkerLostError", "can_fork", "cores", "run_all", "single_thread"]
