"""One writer for each folder of results."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainability.lab.sweep.errors import StoreError

NAME = "sweep.lock"
_held: set[Path] = set()  # the system's locks are by process, so two calls in one process would both get one


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock inside; the system lets it go when this process ends, however it ends.

    Args:
        folder: exists.

    Raises:
        StoreError: another process, or another call in this one, holds it; the message says which.
        OSError: the file cannot be written.
    """
    path = folder.resolve() / NAME
    if path in _held:
        raise StoreError(f"{str(folder)!r} is being written by another call in this process; wait for it.")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not inherited by forked workers
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise StoreError(
                f"{str(folder)!r} is being written by {_told(file)}. Wait until it is done, stop it, or give another folder."
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
    finally:
        os.close(file)


def _told(file: int) -> str:
    try:
        found = json.loads(os.pread(file, 1000, 0))
        return f"process {found['pid']} on {found['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
