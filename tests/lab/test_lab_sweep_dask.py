"""A sweep on a real dask cluster of worker processes, one of which is killed while it trains."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from trainability.errors import TrainabilityError
from trainability.lab.sweep import Sweep

distributed = pytest.importorskip("distributed")


def same(a, b):
    for name in b.variables:
        np.testing.assert_array_equal(a[name].values, b[name].values, err_msg=name)


OPTIONS = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--preload"]
DYING = """
import os, signal, sys
import trainability.lab.sweep
def train(sweep, runs):
    open({flag!r}, "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
sys.modules["trainability.lab.sweep.train"].train = train
"""


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two processes of its workers, the second of which dies at its first chunk; and the sign of that."""
    flag, dying = tmp_path / "died", tmp_path / "dying.py"
    dying.write_text(DYING.format(flag=str(flag)))
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50) as scheduler:
        workers = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "distributed.cli.dask_worker",
                    scheduler.scheduler_address,
                    *OPTIONS,
                    str(preload),
                ],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stderr=subprocess.DEVNULL,
                cwd=tmp_path,
            )
            for preload in ("trainability.lab.sweep", dying)
        ]
        with distributed.Client(scheduler.scheduler_address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield scheduler.scheduler_address, flag, workers[1]
        for worker in workers:
            worker.kill()
            worker.wait()


@pytest.mark.filterwarnings("ignore")
def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path, cluster):
    address, flag, victim = cluster
    sweep = Sweep("abs", {"lr": [0.01, 0.1, 30.0], "width": [2, 3], "seed": 10}, steps=100)
    found = sweep.run(tmp_path / "out", scheduler=address, chunk=5)
    assert flag.exists()
    assert victim.wait(10) == -signal.SIGKILL
    same(found, sweep.run(workers=1))


def test_no_scheduler_answers(tmp_path, monkeypatch):
    from trainability.lab.sweep import executors

    monkeypatch.setattr(executors, "ANSWER", "1s")
    with pytest.raises(TrainabilityError, match=r"no dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        Sweep("abs", {"seed": 2}, steps=5).run(tmp_path, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(TrainabilityError, match=r"no dask scheduler answers at 'nonsense://x'"):
        Sweep("abs", {"seed": 2}, steps=5).run(tmp_path, scheduler="nonsense://x")
