"""`trainability sweep`: stores, summarises, goes on, and says what is wrong with exit code 2."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainability.cli.app import run
from trainability.lab.sweep import Sweep, opened

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = 'problem = "abs"\nsteps = 30\n[axes]\nlr = [0.1, 1e9]\nwidth = [2, 3]\nseed = 4\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(SMALL)
    return path


def test_a_sweep_is_stored_and_summarised(file, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["sweep", str(file), "--out", str(out), "--workers", "1", "--parquet"]) == 0
    told = capsys.readouterr()
    assert "diverged" in told.out
    assert "95% interval" in told.out
    assert "runs.zarr" in told.err
    assert (out / "runs.parquet").exists()
    found = opened(out)
    assert found.sizes == {"lr": 2, "width": 2, "seed": 4, "step": 30}
    assert f"{int((found.outcome == 0).sum())}" in told.out.split("diverged")[1].split("%")[0]
    assert run(["sweep", str(file), "--out", str(out), "--workers", "1"]) == 0
    assert "16 of 16 runs were stored before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SMALL.replace("lr =", "lrr ="), "axes.lrr: there is no such axis. Did you mean 'lr'?"),
        (SMALL.replace("[0.1, 1e9]", "[]"), "axes.lr: the axis is empty"),
        (SMALL + "momentum = [0.5]\n", "axes.momentum: SGD has no momentum"),
        (SMALL + "batch_size = [-4]\n", "axes.batch_size[0]: given -4"),
        (SMALL.replace("steps = 30", "steps = -30"), "steps: given -30"),
        ("problem = ", "is not valid TOML"),
    ],
)
def test_a_bad_file_is_exit_code_2(tmp_path, capsys, text, words):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert run(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert str(path) in told
    assert not (tmp_path / "out").exists()


def test_a_changed_file_is_refused(file, tmp_path, capsys):
    assert run(["sweep", str(file), "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    file.write_text(SMALL.replace("steps = 30", "steps = 31"))
    assert run(["sweep", str(file), "--out", str(tmp_path / "out"), "--workers", "1"]) == 2
    assert "steps: 30 in the folder, 31 now" in capsys.readouterr().err


def test_a_file_that_is_not_there_and_a_folder_that_cannot_be(file, tmp_path, capsys):
    assert run(["sweep", str(tmp_path / "none.toml")]) == 2
    (tmp_path / "taken").write_text("")
    assert run(["sweep", str(file), "--out", str(tmp_path / "taken"), "--workers", "1"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def _heed_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job starts with the signal ignored


def test_ctrl_c_says_what_is_stored(tmp_path):
    path = tmp_path / "long.toml"
    path.write_text(SMALL.replace("steps = 30", "steps = 3000").replace("seed = 4", "seed = 4000"))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "trainability.cli", "sweep", str(path), "--out", str(out), "--chunk", "20"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        preexec_fn=_heed_ctrl_c,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not (out / "done.log").exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Stopped by Ctrl-C" in told
    assert "Run the same command to go on" in told
    assert "Traceback" not in told
    assert (opened(out).outcome >= 0).any()


@pytest.mark.parametrize("path", sorted(p for p in EXAMPLES.glob("*.*ml")), ids=lambda p: p.name)
def test_the_examples_are_sound(path):
    assert len(Sweep.from_file(path).points) >= 1000
