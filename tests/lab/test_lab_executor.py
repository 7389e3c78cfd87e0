"""Jobs run in forked workers, in order, and a lost worker is said."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from trainability.lab import WorkerLostError, can_fork, run_all, single_thread


def test_results_keep_the_jobs_order_and_jobs_may_close_over_anything():
    local = {"x": torch.arange(3), "f": lambda v: v + 1}
    seen = []
    jobs = [lambda i=i: (time.sleep(0.02 * (4 - i)), local["f"](int(local["x"].sum()) + i))[1] for i in range(5)]
    assert run_all(jobs, workers=2, done=seen.append) == [4, 5, 6, 7, 8]
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_workers_and_this_process_give_the_same_numbers():
    def job():
        generator = torch.Generator().manual_seed(0)
        a = torch.randn(200, 200, generator=generator)
        return float((a @ a).sum())

    assert run_all([job, job], workers=2) == run_all([job, job], workers=1)


@pytest.mark.skipif(not can_fork(), reason="needs forking")
def test_a_killed_worker_is_named():
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorkerLostError, match="worker process ended"):
        run_all([die, lambda: 1], workers=2)


ORPHANS = """
import os, sys, time
from trainability.lab import run_all
def job():
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)
run_all([job, job], workers=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a process ask to end with its parent")
def test_workers_end_with_a_parent_that_is_killed():
    process = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True)
    workers = [int(process.stdout.readline()) for _ in range(2)]
    process.kill()
    process.wait()
    end = time.monotonic() + 20
    while any(running(w) for w in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(running(w) for w in workers)


def running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_job_raises_is_raised_here():
    def bad():
        raise ValueError("from the job")

    for workers in (1, 2):
        with pytest.raises(ValueError, match="from the job"):
            run_all([bad, lambda: 1], workers=workers)


def test_threads_are_put_back():
    before = torch.get_num_threads()

    def one_thread_then_raise():
        with single_thread():
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        one_thread_then_raise()
    assert torch.get_num_threads() == before


def test_no_jobs():
    assert run_all([]) == []
