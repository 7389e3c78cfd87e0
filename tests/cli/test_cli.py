"""Bad input gives one clear sentence and exit code 2; good input gives the reports."""

import json
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from trainability.cli.app import run

GOOD = """
import torch
from torch import nn
import trainability as tr

X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
y = X @ torch.tensor([[1.0], [2.0], [-1.0]])
model = None

def setup():
    model = nn.Linear(3, 1)
    return tr.Setup(model=model, loss_fn=nn.MSELoss(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
                    data=(X, y), batch_size=20, epochs=20, name="a <b>bold</b> [red]name[/red]")

def step():
    return 3

def broken():
    raise RuntimeError("no data today")

def number():
    return 3
number_7 = 7

def built(**change):
    model = nn.Linear(3, 1)
    fields = dict(model=model, loss_fn=nn.MSELoss(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
                  data=(X, y), batch_size=20, epochs=20)
    return tr.Setup(**{**fields, **change})

def empty():
    return built(data=(X[:0], y[:0]))

def integers():
    return built(data=(X.long(), y))

def doubles():
    return built(data=(X.double(), y.double()))

def vector_loss():
    return built(loss_fn=nn.MSELoss(reduction="none"))

def misfit():
    return built(loss_fn=nn.CrossEntropyLoss(), data=(X, torch.arange(60) % 3))

def labels():
    model = nn.Linear(3, 3)
    return built(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), loss_fn=nn.CrossEntropyLoss(),
                 data=(X, 1 + torch.arange(60) % 3))
"""


@pytest.fixture
def train(tmp_path):
    file = tmp_path / "train.py"
    file.write_text(GOOD)
    return file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "has no 'nothing'; needed is a function that returns a trainability.Setup"),
        ("setpu", "Did you mean 'setup'?"),
        ("number", "returned a int; needed is a trainability.Setup"),
        ("number_7", "is a int; needed is a function"),
        ("broken", "broken() raised RuntimeError: no data today"),
        ("empty", "the data hold no samples"),
        ("integers", "the inputs are torch.int64"),
        ("doubles", "the inputs are torch.float64"),
        ("vector_loss", "a single number"),
        ("misfit", "loss needs labels from 0 to 0"),
        ("labels", "the labels run from 1 to 3 and the model has 3 outputs"),
        ("not-a-name", "is no name of a function"),
    ],
)
def test_bad_setups(train, capsys, name, words):
    assert run(["diagnose", f"{train}:{name}", "--out", str(train.parent / "out")]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("def setup(:", "is not valid Python: invalid syntax in line 1"),
        ("raise ValueError('at import')", "raised ValueError when it was loaded: at import"),
        ("import sys; sys.exit(3)", "raised SystemExit when it was loaded"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("x = 1", "It has no functions."),
    ],
)
def test_bad_files(tmp_path, capsys, content, words):
    file = tmp_path / "bad_file.py"
    file.write_text(content)
    assert run(["diagnose", str(file)]) == 2
    assert words in capsys.readouterr().err


def test_missing_files_and_folders(train, capsys):
    for target, words in [
        (train.parent / "trian.py", "Did you mean 'train.py'?"),
        (train.parent, "is a folder"),
        (train.parent / "nowhere" / "x.py", "there is no file"),
    ]:
        assert run(["diagnose", f"{target}:setup"]) == 2
        assert words in capsys.readouterr().err
    text = train.with_suffix(".txt")
    text.write_text("")
    assert run(["diagnose", f"{text}:setup"]) == 2
    assert "is not a Python file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["diagnose"], ["nothing"], ["diagnose", "a.py", "--steps", "many"], ["demo", "nope"]]
)
def test_bad_arguments(words):
    assert run(words) == 2


@pytest.mark.parametrize("option", [["--seeds", "0"], ["--steps", "0"]])
def test_bad_numbers(train, capsys, option):
    assert run(["diagnose", f"{train}:setup", *option, "--out", str(train.parent / "out")]) == 2
    assert "needed is a whole number from 1" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(train, capsys):
    (train.parent / "file").write_text("")
    assert run(["diagnose", f"{train}:setup", "--out", str(train.parent / "file" / "out")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_reports_are_written_and_the_users_text_is_escaped(train, capsys):
    out = train.parent / "out"
    assert run(["diagnose", f"{train}:setup", "--out", str(out), "--seeds", "2"]) == 0
    printed = capsys.readouterr()
    assert "[red]name[/red]" in printed.out
    data = json.loads((out / "report.json").read_text())
    assert data["verdict"] == "trains"
    assert data["schema_version"]
    page = (out / "report.html").read_text()
    assert "<b>bold</b>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert (out / "report.png").read_bytes().startswith(b"\x89PNG")


def test_explain(capsys):
    assert run(["explain", "saturated-softmax"]) == 0
    page = capsys.readouterr().out
    assert "What it does not mean" in page
    assert "cross-entropy" in page
    assert run(["explain"]) == 0
    assert "dying-relu" in capsys.readouterr().out
    assert run(["explain", "saturated-sofmax"]) == 2
    assert "Did you mean 'saturated-softmax'" in capsys.readouterr().err


def test_reproduce(tmp_path, capsys):
    assert run(["reproduce", "--list"]) == 0
    assert "saturated-softmax" in capsys.readouterr().out
    assert run(["reproduce"]) == 2
    assert "no experiment is named" in capsys.readouterr().err
    assert run(["reproduce", "saturated-softmax", "--smoke", "--out", str(tmp_path)]) == 0
    assert "holds" in capsys.readouterr().out
    assert (tmp_path / "saturated-softmax.png").exists()


def test_a_claim_that_fails_fails_the_command(tmp_path, monkeypatch, capsys):
    from trainability.gallery import Claim, saturated_softmax

    claim = Claim("The moon is a cheese", "cheese", "rock", False)
    monkeypatch.setattr(saturated_softmax, "claims", lambda cells: (claim,))
    assert run(["reproduce", "saturated-softmax", "--smoke", "--out", str(tmp_path)]) == 1
    assert "FAILS" in capsys.readouterr().out


def _heed_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job starts with the signal ignored


def test_ctrl_c_leaves_with_a_sentence(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(
        textwrap.dedent(
            """
            import time, torch, trainability as tr
            from torch import nn

            class Slow(nn.Linear):
                def forward(self, x):
                    time.sleep(0.05)
                    return super().forward(x)

            def setup():
                model = Slow(3, 1)
                return tr.Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1),
                                (torch.randn(64, 3), torch.randn(64, 1)), batch_size=1, epochs=100)
            """
        )
    )
    command = [sys.executable, "-m", "trainability.cli", "diagnose", f"{file}:setup", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=_heed_ctrl_c
    )
    time.sleep(8)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "Stopped by Ctrl-C" in err
    assert "Traceback" not in err
    left = subprocess.run(["pgrep", "-f", str(file)], capture_output=True, text=True).stdout.strip()
    assert left == ""
