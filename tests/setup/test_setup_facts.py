"""What cannot be trained is said in one sentence: given, needed, what to do."""

import pytest
import torch
from torch import nn

from trainability import Setup, SetupError

X, INDEX, REAL = torch.randn(20, 4), torch.arange(20) % 3, torch.randn(20, 1)


class Tuple(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x), None


def facts(model, loss_fn, data):
    return Setup(model, loss_fn, torch.optim.SGD(model.parameters(), lr=0.1), data).facts


@pytest.mark.parametrize(
    ("model", "loss_fn", "data", "words"),
    [
        (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X.long(), INDEX), r"int64.*floating-point.*X.to\(torch.float32\)"),
        (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X.double(), INDEX), r"float64.*float32: both must agree"),
        (nn.Linear(4, 3).double(), nn.CrossEntropyLoss(), (X, INDEX), r"float32.*float64: both must agree"),
        (nn.Linear(5, 3), nn.CrossEntropyLoss(), (X, INDEX), r"shape \(20, 4\).*first layer"),
        (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, INDEX + 1), r"labels run from 1 to 3.*labels from 0 to 2"),
        (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, INDEX - 1), r"labels run from -1 to 1"),
        (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, INDEX.float()), r"y.long\(\)"),
        (nn.Linear(4, 3), nn.MSELoss(), (X, INDEX), r"output does not fit the loss|does not fit"),
        (nn.Linear(4, 1), nn.MSELoss(reduction="none"), (X, REAL), r"shape \(20, 1\).*single number.*mean"),
        (nn.Linear(4, 1), lambda o, t: float((o - t).square().mean()), (X, REAL), r"returned a float.*tensor"),
        (Tuple(), nn.CrossEntropyLoss(), (X, INDEX), r"returned a tuple.*one tensor"),
        (nn.Linear(4, 1), nn.BCELoss(), (X, INDEX.float()[:, None]), r"BCELoss|loss_fn raised"),
        (nn.Linear(4, 1), nn.BCEWithLogitsLoss(), (X, (INDEX > 0).float()), r"y.reshape\(-1, 1\)"),
    ],
)
def test_errors_are_clear(model, loss_fn, data, words):
    with pytest.raises(SetupError, match=words) as caught:
        facts(model, loss_fn, data)
    assert "\n" not in str(caught.value)


def test_one_bad_label_far_down_is_found_before_training():
    y = torch.zeros(5000, dtype=torch.long)
    y[4999] = 7
    with pytest.raises(SetupError, match="from 0 to 7"):
        facts(nn.Linear(4, 3), nn.CrossEntropyLoss(), (torch.randn(5000, 4), y))


def test_ignored_labels_are_no_error():
    y = INDEX.clone()
    y[0] = -100
    assert facts(nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, y)).family.name == "cross-entropy"


def test_indices_into_an_embedding_are_fine():
    model = nn.Sequential(nn.EmbeddingBag(10, 4), nn.Linear(4, 3))
    assert facts(model, nn.CrossEntropyLoss(), (torch.randint(0, 10, (20, 6)), INDEX)).task == "multi-class"


def test_a_detached_loss_is_a_fact_and_no_error():
    assert not facts(nn.Linear(4, 1), lambda o, t: (o.detach() - t).square().mean(), (X, REAL)).differentiable
