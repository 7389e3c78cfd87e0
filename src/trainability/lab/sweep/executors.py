"""Who trains the boxes: this process, forked workers on this machine, or a dask cluster.

Each gives (number, arrays) as boxes finish, in any order, and keeps only a few of them waiting, so that memory does not grow
with the number of runs. Only the process that asked writes; a cluster needs no disk in common with it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from trainability.errors import TrainabilityError
from trainability.lab.executor import WorkerLostError, become_worker, single_thread
from trainability.lab.sweep.blocks import Blocks
from trainability.lab.sweep.sweep import Sweep
from trainability.lab.sweep.train import train

Results = Iterator[tuple[int, dict[str, np.ndarray]]]

ANSWER = "15s"  # how long a scheduler may take to answer
TRIES = 3  # losses of workers in a row, with nothing done in between, before the sweep is given up
_work: tuple[Sweep, Blocks] | None = None  # set in a worker as it is forked


def here(sweep: Sweep, blocks: Blocks, numbers: Sequence[int]) -> Results:
    """In this process, one after another."""
    for number in numbers:
        with single_thread():
            found = train(sweep, blocks.runs(number))
        yield number, found


def forked(sweep: Sweep, blocks: Blocks, numbers: Sequence[int], workers: int) -> Results:
    """In single-threaded worker processes, which end with this one; a lost worker's boxes are trained again.

    Raises:
        WorkerLostError: workers were lost again and again.
    """
    waiting, losses = deque(numbers), 0
    while waiting:
        before = len(waiting)
        yield from _one_pool(sweep, blocks, waiting, workers)
        losses = losses + 1 if len(waiting) == before else 0
        if losses >= TRIES:
            raise WorkerLostError(
                f"worker processes ended {losses} times before a chunk was done: killed, or out of memory. Free some "
                "memory, or give fewer workers or smaller chunks. What was done is stored; run the same command to go on."
            )


def _one_pool(sweep: Sweep, blocks: Blocks, waiting: deque[int], workers: int) -> Results:
    """Take boxes from `waiting` until there are none or a worker is lost; boxes under way are then put back."""
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_adopt, initargs=((sweep, blocks), os.getpid()))
    flying: dict[Future[Any], int] = {}
    try:
        while waiting or flying:
            while waiting and len(flying) < 2 * workers:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads; see lab.executor
                    flying[pool.submit(_train, waiting[0])] = waiting[0]
                waiting.popleft()
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                found = future.result()
                yield flying.pop(future), found
    except BrokenProcessPool:
        waiting.extendleft(sorted(flying.values(), reverse=True))
    finally:
        for process in list((pool._processes or {}).values()):
            if not waiting and not flying:
                break
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _adopt(work: tuple[Sweep, Blocks], parent: int) -> None:
    global _work
    become_worker(parent)
    _work = work


def _train(number: int) -> dict[str, np.ndarray]:
    assert _work is not None
    sweep, blocks = _work
    return train(sweep, blocks.runs(number))


def distributed(sweep: Sweep, blocks: Blocks, numbers: Sequence[int], address: str) -> Results:
    """On the workers of a dask cluster; a chunk is a task, trained again elsewhere when its worker dies.

    Args:
        sweep: whose runs they are.
        blocks: its boxes.
        numbers: of those to train.
        address: of the scheduler, such as "tcp://10.0.0.1:8786". Its workers have this package installed; give them one
            thread each (`dask worker ADDRESS --nworkers -1 --nthreads 1`).

    Raises:
        TrainabilityError: dask is not installed, or no scheduler or no worker answers.
        WorkerLostError: one box lost its worker again and again.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError as error:
        raise TrainabilityError(
            "--scheduler needs the package distributed; install trainability[distributed]."
        ) from error
    try:
        packed = pickle.dumps(sweep)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TrainabilityError(
            f"the problem cannot be sent to other processes ({error}). Put the function that builds the Setup at the top "
            "level of a module that the workers can import."
        ) from error
    try:
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TrainabilityError(f"no dask scheduler answers at {address!r}: {error}.") from error
    waiting = deque(numbers)
    try:
        _await_worker(client, address)
        # A task of its own, so that whoever is left can make it again; scattered data would be lost with their worker.
        held = client.submit(pickle.loads, packed, pure=False)
        numbered: dict[Any, int] = {}

        def more() -> list[Any]:
            most = max(4, 2 * sum(client.nthreads().values()))
            fresh = []
            while waiting and len(numbered) < most:
                fresh.append(client.submit(train, held, blocks.runs(waiting[0]), pure=False))
                numbered[fresh[-1].key] = waiting.popleft()
            return fresh

        done = as_completed(more(), loop=client.loop)
        for future in done:
            number = numbered.pop(future.key)
            try:
                found = future.result()
            except KilledWorker as error:
                raise WorkerLostError(
                    f"a chunk lost its worker again and again ({error}). What was done is stored; run the same command to "
                    "go on."
                ) from error
            except ModuleNotFoundError as error:
                raise TrainabilityError(
                    f"the workers of {address!r} lack a package: {error}. Give them the same environment as this process."
                ) from error
            yield number, found
            done.update(more())
    finally:
        client.close()


def _await_worker(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=30)
    except TimeoutError as error:
        raise TrainabilityError(
            f"the scheduler at {address!r} has no workers. Start some: dask worker {address} --nworkers -1 --nthreads 1."
        ) from error
