"""Killed at any moment, full disk, two writers: what was stored stays, and the end is that of an uninterrupted run."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from trainability.errors import TrainabilityError
from trainability.lab import WorkerLostError, can_fork
from trainability.lab.sweep import StoreError, Sweep, opened
from trainability.lab.sweep import executors as executors_module
from trainability.lab.sweep import store as store_module
from trainability.lab.sweep.lock import only_writer

AXES = {"lr": [0.01, 0.1, 30.0], "width": [2, 3], "seed": 6}
pytestmark = pytest.mark.skipif(not can_fork(), reason="needs forking")


def sweep(**change):
    return Sweep(**{"problem": "abs", "axes": AXES, "steps": 60, **change})


@pytest.fixture(scope="module")
def whole():
    return sweep().run(workers=1)


def same(a, b):
    for name in b.variables:
        np.testing.assert_array_equal(a[name].values, b[name].values, err_msg=name)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def between_arrays(monkeypatch):
    """Two of the arrays of the second box are written, the others are not."""
    before, calls = store_module.Store.write, []

    class Dying(dict):
        def items(self):
            for i, item in enumerate(super().items()):
                if len(calls) == 2 and i == 2:
                    die()
                yield item

    def write(self, number, arrays):
        calls.append(number)
        before(self, number, Dying(arrays))

    monkeypatch.setattr(store_module.Store, "write", write)


def before_the_note(monkeypatch):
    """All of the second box is written, and nothing says so."""
    before = store_module.Store._note

    def note(self, number):
        if self.done:
            die()
        before(self, number)

    monkeypatch.setattr(store_module.Store, "_note", note)


def in_the_note(monkeypatch):
    """Half a line of the journal is written."""
    before = store_module.Store._note

    def note(self, number):
        if not self.done:
            return before(self, number)
        with open(self.folder / store_module.JOURNAL, "ab") as file:
            file.write(b"0000")
        die()

    monkeypatch.setattr(store_module.Store, "_note", note)


def in_a_file(monkeypatch):
    """Files of the second box, which is smaller than the others, are torn, and temporary ones are left over."""
    before = store_module.Store._note

    def note(self, number):
        if not self.done:
            return before(self, number)
        for name, place in (("curve", "0/0/1/0"), ("outcome", "0/0/1")):
            path = self.folder / store_module.ZARR / name / "c" / place
            path.write_bytes(path.read_bytes()[:5])
            path.with_suffix(".0123.partial").write_bytes(b"torn")
        die()

    monkeypatch.setattr(store_module.Store, "_note", note)


def while_making(monkeypatch):
    """The store itself is half made."""
    monkeypatch.setattr(store_module, "_legend", lambda name: die() if name == "outcome" else {})


@pytest.mark.parametrize("moment", [between_arrays, before_the_note, in_the_note, in_a_file, while_making])
def test_killed_at_any_moment_it_goes_on_to_the_same_end(tmp_path, whole, moment, monkeypatch):
    chunk = 4 if moment is in_a_file else 6

    def child():
        moment(monkeypatch)
        sweep().run(tmp_path, workers=1, chunk=chunk)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    if moment not in (while_making, in_a_file):
        assert (opened(tmp_path).outcome == -1).any()
    seen = []
    same(sweep().run(tmp_path, workers=1, progress=lambda done, total: seen.append((done, total))), whole)
    assert seen[0] == ((0, 36) if moment is while_making else (chunk, 36))
    assert not list(tmp_path.rglob("*.partial"))


SCRIPT = """
import sys
from trainability.lab.sweep import Sweep, train
if __name__ == "__main__":
    Sweep("abs", {"lr": [0.01, 0.1, 30.0], "width": [2, 3], "seed": 6}, steps=60).run(sys.argv[1], workers=2, chunk=3)
"""


def test_kill_9_from_outside_leaves_no_worker_behind(tmp_path, whole):
    """A real process with two real workers, slowed so that it cannot finish, killed after its first boxes."""
    script = tmp_path / "script.py"
    slow = "\nfrom trainability.lab.sweep import executors\nimport time\nreal = executors.train\n"
    slow += "executors.train = lambda s, r: (time.sleep(0.3), real(s, r))[1]\n"
    script.write_text(SCRIPT.replace('if __name__ == "__main__":', slow + 'if __name__ == "__main__":'))
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, str(script), str(out)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    journal, children = out / store_module.JOURNAL, []
    end = time.monotonic() + 60
    while time.monotonic() < end and not (journal.exists() and len(journal.read_bytes()) >= 18):
        time.sleep(0.02)
    if sys.platform == "linux":
        children = [int(c) for c in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        assert len(children) == 2
    process.kill()
    process.wait()
    stored = int((opened(out).outcome >= 0).sum())
    assert 6 <= stored < 36
    end = time.monotonic() + 20
    while any(alive(c) for c in children) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(alive(c) for c in children)
    same(sweep().run(out, workers=1), whole)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_worker_is_replaced(tmp_path, whole, monkeypatch):
    real, flag = executors_module.train, tmp_path / "died"

    def train(plan, runs):
        if runs[0] == 18 and not flag.exists():
            flag.touch()
            die()
        return real(plan, runs)

    monkeypatch.setattr(executors_module, "train", train)
    same(sweep().run(tmp_path / "out", workers=2, chunk=6), whole)
    assert flag.exists()


def test_workers_that_always_die_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(executors_module, "train", lambda plan, runs: die())
    with pytest.raises(WorkerLostError, match="3 times before a chunk was done"):
        sweep().run(tmp_path, workers=2, chunk=6)


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "the disk of .* is full"), (errno.EACCES, "cannot be written")]
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_stops_with_a_message_and_what_was_done_stays(tmp_path, whole, monkeypatch, number, words, workers):
    from zarr.storage import LocalStore

    real, written = LocalStore.set, []

    async def set_(self, key, value):
        if key.startswith("curve/c"):
            written.append(key)
            if len(written) > 2:
                raise OSError(number, os.strerror(number))
        return await real(self, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "set", set_)
        with pytest.raises(StoreError, match=f"(?s){words}.*12 of 36 runs are stored and stay"):
            sweep().run(tmp_path, workers=workers, chunk=6)
    assert len(written) == 3
    assert int((opened(tmp_path).end_loss.notnull()).sum()) >= 12 or np.isnan(whole.end_loss).any()
    same(sweep().run(tmp_path, workers=1), whole)


def test_a_disk_that_is_full_when_the_note_is_written(tmp_path, whole, monkeypatch):
    def note(self, number):
        with open(self.folder / store_module.JOURNAL, "ab") as file:
            file.write(b"000")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_module.Store, "_note", note)
        with pytest.raises(StoreError, match="0 of 36 runs"):
            sweep().run(tmp_path, workers=1, chunk=6)
    same(sweep().run(tmp_path, workers=1), whole)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        sweep().run(tmp_path / "file" / "out", workers=1)
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if not os.access(locked, os.W_OK):  # root writes anywhere
        with pytest.raises(StoreError, match="Permission denied"):
            sweep().run(locked, workers=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 61}, "steps: 60 in the folder, 61 now"),
        ({"axes": {**AXES, "lr": [0.01, 0.1, 3.0]}}, "axes.lr: [0.01, 0.1, 30.0] in the folder, [0.01, 0.1, 3.0] now"),
        ({"fixed": {"activation": "tanh"}}, 'fixed.activation: nothing in the folder, "tanh" now'),
        (
            {"axes": dict(reversed(AXES.items()))},
            "axes: in the order lr, width, seed in the folder, seed, width, lr now",
        ),
        ({"problem": "single-relu"}, 'problem: "abs" in the folder, "single-relu" now'),
    ],
)
def test_a_changed_sweep_is_refused_with_the_difference(tmp_path_factory, whole, change, words):
    folder = tmp_path_factory.getbasetemp() / "changed"
    same(sweep().run(folder, workers=1), whole)
    with pytest.raises(StoreError) as caught:
        sweep(**change).run(folder, workers=1)
    assert words in str(caught.value)
    same(opened(folder), whole)


def test_changed_data_are_refused(tmp_path):
    X = np.arange(6.0)[:, None]
    Sweep((X, X[:, 0]), {"seed": 2}, steps=5).run(tmp_path, workers=1)
    with pytest.raises(StoreError, match="data: "):
        Sweep((X, -X[:, 0]), {"seed": 2}, steps=5).run(tmp_path, workers=1)


def test_other_versions_are_refused(tmp_path, monkeypatch):
    sweep().run(tmp_path, workers=1)
    monkeypatch.setattr(store_module, "version", lambda name: "0.0.1")
    with pytest.raises(StoreError, match=r"torch: .* in the folder, \"0.0.1\" now"):
        sweep().run(tmp_path, workers=1)


def test_a_folder_with_something_else(tmp_path):
    (tmp_path / store_module.ZARR).mkdir()
    with pytest.raises(StoreError, match="is no store of a sweep"):
        sweep().run(tmp_path, workers=1)
    with pytest.raises(StoreError, match="holds no results"):
        opened(tmp_path / "nowhere")


def test_a_finished_sweep_trains_nothing(tmp_path, whole, monkeypatch):
    sweep().run(tmp_path, workers=1)
    monkeypatch.setattr(executors_module, "train", None)
    same(sweep().run(tmp_path, workers=1), whole)


def test_two_processes_cannot_write_one_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    held, go = context.Event(), context.Event()

    def other():
        with only_writer(tmp_path):
            held.set()
            go.wait(60)

    process = context.Process(target=other)
    process.start()
    assert held.wait(60)
    with pytest.raises(StoreError, match=f"is being written by process {process.pid} on "):
        sweep().run(tmp_path, workers=1)
    process.kill()
    process.join()
    assert sweep().run(tmp_path, workers=1).outcome.min() >= 0  # the lock went with the process


def test_two_writers_in_one_process(tmp_path):
    def inside(done, total):
        if 0 < done < total:
            with pytest.raises(StoreError, match="another call in this process"):
                sweep().run(tmp_path, workers=1)
            seen.append(done)

    seen = []
    sweep().run(tmp_path, workers=1, chunk=6, progress=inside)
    assert seen


def test_store_errors_are_the_command_lines_errors():
    assert issubclass(StoreError, TrainabilityError)
