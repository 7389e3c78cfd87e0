"""What is learned is inferred, said, and scored on one scale."""

import pytest
import torch
from sklearn.metrics import accuracy_score, r2_score
from torch import nn

from trainability import Setup, SetupError
from trainability.setup.score import constant_score, score

N = 24


def make(outputs, loss_fn, y, ending=None, task=None):
    torch.manual_seed(0)
    layers = [nn.Linear(2, outputs)] + ([ending] if ending else [])
    model = nn.Sequential(*layers)
    return Setup(model, loss_fn, torch.optim.SGD(model.parameters(), lr=0.1), (torch.randn(len(y), 2), y), task=task)


INDEX = torch.arange(N) % 3
ONE_HOT = nn.functional.one_hot(INDEX, 3).float()
BITS = (torch.arange(N) % 2).float()[:, None]


@pytest.mark.parametrize(
    ("outputs", "loss_fn", "y", "ending", "task"),
    [
        (3, nn.CrossEntropyLoss(), INDEX, None, "multi-class"),
        (3, nn.MSELoss(), ONE_HOT, nn.Softmax(1), "multi-class"),
        (3, nn.BCELoss(), (torch.rand(N, 3) < 0.7).float(), nn.Sigmoid(), "multi-label"),
        (1, nn.BCEWithLogitsLoss(), BITS, None, "binary"),
        (1, nn.MSELoss(), BITS, nn.Sigmoid(), "binary"),
        (1, nn.MSELoss(), torch.randn(N, 1), None, "regression"),
        (2, nn.MSELoss(), torch.randn(N, 2), None, "regression"),
        (1, nn.MSELoss(), torch.arange(N).float()[:, None], None, "regression"),
        (1, nn.SoftMarginLoss(), 2 * BITS - 1, None, "binary"),
    ],
)
def test_inferred(outputs, loss_fn, y, ending, task):
    setup = make(outputs, loss_fn, y, ending)
    assert setup.task == task
    assert setup.task_reason


def test_stated():
    setup = make(1, nn.MSELoss(), BITS, task="regression")
    assert (setup.task, setup.facts.task, setup.task_reason) == ("regression", "regression", "stated")
    with pytest.raises(SetupError, match="task is 'ranking'"):
        make(1, nn.MSELoss(), BITS, task="ranking")


def test_scores_agree_with_scikit_learn_whatever_the_form():
    torch.manual_seed(0)
    logits = torch.randn(N, 3)
    expected = accuracy_score(INDEX, logits.argmax(1))
    for output in (logits, logits.softmax(1), logits.log_softmax(1)):
        assert score(output, INDEX, "multi-class") == pytest.approx(expected)
        assert score(output, ONE_HOT, "multi-class") == pytest.approx(expected)
    z = torch.randn(N, 1)
    expected = accuracy_score(BITS.flatten(), (z > 0).flatten())
    assert score(z, BITS, "binary", logits=True) == pytest.approx(expected)
    assert score(z.sigmoid(), BITS, "binary") == pytest.approx(expected)
    assert score(z.sigmoid().squeeze(1), BITS, "binary") == pytest.approx(expected)
    assert score(z.tanh(), 2 * BITS - 1, "binary") == pytest.approx(expected)
    y = torch.randn(N, 2)
    assert score(y + 0.1, y, "regression") == pytest.approx(r2_score(y, y + 0.1, multioutput="variance_weighted"))
    assert score(torch.full((N, 1), float("nan")), BITS, "binary") != score(z, BITS, "binary")


def test_sequences_of_labels_are_scored_wherever_the_classes_are():
    logits, labels = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(0)), torch.arange(30).view(6, 5) % 3
    expected = accuracy_score(labels.flatten(), logits.argmax(2).flatten())
    assert score(logits, labels, "multi-class") == pytest.approx(expected)
    assert score(logits.transpose(1, 2), labels, "multi-class") == pytest.approx(expected)
    assert score(torch.zeros(6, 7, 3), labels, "multi-class") != score(logits, labels, "multi-class")  # nan


def test_the_constant_answers_score():
    assert constant_score(torch.tensor([0, 1, 1, 1]), "multi-class") == 0.75
    assert constant_score(ONE_HOT, "multi-class") == pytest.approx(1 / 3)
    assert constant_score(BITS, "binary") == 0.5
    assert constant_score(torch.randn(9, 1), "regression") == 0.0
