"""Run independent jobs on every core, in order, without pickling what they close over."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import torch

from trainability.errors import TrainabilityError

T = TypeVar("T")
Job = Callable[[], T]

_jobs: Sequence[Job[object]] = ()  # set in a worker as it is forked; empty in the parent


class WorkerLostError(TrainabilityError):
    """A worker process ended before its job did: killed from outside, or out of memory."""


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Whether jobs can run in forked workers: the platform forks, no CUDA context exists, and this is no worker."""
    if "fork" not in multiprocessing.get_all_start_methods() or os.uname().sysname == "Darwin":
        return False
    return not torch.cuda.is_initialized() and not multiprocessing.current_process().daemon


def run_all(
    jobs: Sequence[Job[T]],
    *,
    workers: int | None = None,
    done: Callable[[int], None] | None = None,
) -> list[T]:
    """Run every job once and return the results in the jobs' order.

    Jobs run in forked single-threaded workers, so that they may close over anything; only results are
    pickled. Where forking is impossible, or with `workers=1`, they run here one after another, with the
    same single thread and so with the same numbers.

    Args:
        jobs: functions of nothing; each must be safe to run in any order.
        workers: processes; None for one per core.
        done: called in this process with a job's index as it finishes.

    Returns:
        One result per job.

    Raises:
        WorkerLostError: a worker was killed. What a job itself raises is raised again here.

    Example:
        >>> run_all([lambda: 1, lambda: 2])
        [1, 2]
    """
    workers = min(workers or cores(), len(jobs))
    if workers <= 1 or not can_fork():
        with single_thread():
            return list(_here(jobs, done))
    return _forked(jobs, workers, done)


def _here(jobs: Sequence[Job[T]], done: Callable[[int], None] | None) -> Iterator[T]:
    for index, job in enumerate(jobs):
        result = job()
        if done:
            done(index)
        yield result


def _forked(jobs: Sequence[Job[T]], workers: int, done: Callable[[int], None] | None) -> list[T]:
    with warnings.catch_warnings():
        # Python 3.12 warns of forking beside threads; the workers use one thread and take no inherited lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        context = multiprocessing.get_context("fork")
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_adopt, initargs=(jobs, os.getpid()))
        futures: dict[Future[Any], int] = {pool.submit(_call, i): i for i in range(len(jobs))}
    results: dict[int, T] = {}
    try:
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            if done:
                done(futures[future])
    except BrokenProcessPool as error:
        raise WorkerLostError(
            f"a worker process ended before its run did ({len(results)} of {len(jobs)} runs were done); it was "
            "killed, or memory ran out. Free some memory, or use workers=1."
        ) from error
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [results[i] for i in range(len(jobs))]


def _adopt(jobs: Sequence[Job[object]], parent: int) -> None:
    global _jobs
    become_worker(parent)
    _jobs = jobs


def become_worker(parent: int) -> None:
    """Make this forked process a worker: one thread, deaf to Ctrl-C, and gone when its parent is, however that ends.

    Args:
        parent: process id of the one that forked it.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no orphans when the parent is killed
        if os.getppid() != parent:
            os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    torch.set_num_threads(1)


def _call(index: int) -> object:
    return _jobs[index]()


@contextmanager
def single_thread() -> Iterator[None]:
    """One torch thread inside, as many as before afterwards.

    Example:
        >>> with single_thread():
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
