"""`assert_trainable`, its marker under a real pytest, and the command line."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from trainability import Setup, SetupError, assert_trainable
from trainability.cli.app import run

pytest_plugins = ["pytester"]

FILE = """
import pytest, torch
from torch import nn
from trainability import Setup

def build(lr):
    torch.manual_seed(0)
    x = torch.randn(128, 4)
    model = nn.Linear(4, 1)
    return Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=lr), (x, x[:, :1]), epochs=25)

def good():
    return build(0.1)

def still():
    return build(0.0)
"""
TESTS = """
@pytest.fixture
def mine():
    return build(0.1)

@pytest.mark.trainable
def test_good(mine):
    return mine

@pytest.mark.trainable(probability=0.1, steps=0.1)
def test_function():
    return good

@pytest.mark.trainable
def test_still():
    return still

@pytest.mark.trainable
def test_forgot():
    still()

@pytest.mark.trainable
@pytest.mark.parametrize("lr", [0.1])
class TestMany:
    def test_method(self, lr):
        return build(lr)

def test_plain():
    pass
"""


def setup(lr=0.1):
    torch.manual_seed(0)
    x = torch.randn(128, 4)
    model = nn.Linear(4, 1)
    return Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=lr), (x, x[:, :1]), epochs=25, name="mine")


def test_a_good_setup_passes():
    assert_trainable(setup())
    assert_trainable(setup, steps=0.1, probability=0.6)


def test_the_first_finding_is_in_the_message():
    with pytest.raises(AssertionError, match=r"(?s)mine: will-not-train.*lr-zero.*learning rate of 0"):
        assert_trainable(setup(lr=0.0))


def test_a_probability_that_is_not_reached_fails():
    with pytest.raises(AssertionError, match="probability"):
        assert_trainable(setup(), probability=1.0)


def test_training_for_real():
    assert_trainable(setup(), train=True, seeds=1, workers=1)
    with pytest.raises(AssertionError, match=r"(?s)0% of the runs trained; needed were 50%.*Finding"):
        assert_trainable(setup(lr=1e-7), train=True, seeds=1, workers=1, max_seconds=5)


@pytest.mark.parametrize("options", [{"probability": 2}, {"seeds": 3}])
def test_bad_arguments_are_refused(options):
    with pytest.raises(SetupError):
        assert_trainable(setup(), **options)


def test_the_marker(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(FILE + TESTS)
    done = pytester.runpytest_inprocess("-p", "trainability.testing", "--strict-markers", "-W", "error")
    done.assert_outcomes(passed=4, failed=2)
    done.stdout.fnmatch_lines(["*lr-zero*", "*test_forgot*returned None*"])
    assert "another exception" not in done.stdout.str()


def test_the_plugin_is_light():
    code = "import sys, trainability.testing; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_line(tmp_path, capsys):
    (tmp_path / "train.py").write_text(FILE)
    target = str(tmp_path / "train.py")
    assert run(["check", f"{target}:still"]) == 0
    shown = capsys.readouterr().out
    assert "will not train" in shown
    assert "lr-zero" in shown
    assert run(["check", f"{target}:still", "--strict"]) == 1
    out = tmp_path / "check.json"
    assert run(["check", f"{target}:good", "--steps", "0.1", "--strict", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["steps"] == 10
    assert run(["check", f"{target}:good", "--steps", "99"]) == 2
    assert "a tenth of the budget" in " ".join(capsys.readouterr().err.split())
    assert run(["check", f"{target}:absent"]) == 2
