"""A loss is recognised by what it does."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainability.setup.constant_answer import constant_answer, constant_loss
from trainability.setup.loss_family import loss_family

INDEX = torch.tensor([0, 2, 1, 1, 0, 2, 2, 1])
ONE_HOT = F.one_hot(INDEX, 3).float()
BITS = torch.tensor([[0.0], [1.0], [1.0], [0.0], [1.0], [0.0], [0.0], [1.0]])
REAL = torch.tensor([[0.3], [-1.2], [2.0], [0.1], [5.0], [0.0], [-0.7], [1.1]])
THREE, ONE, FLAT = torch.zeros(8, 3), torch.zeros(8, 1), torch.zeros(8)


@pytest.mark.parametrize(
    ("loss_fn", "output", "target", "name", "extra"),
    [
        (nn.MSELoss(), ONE, REAL, "mse", {"factor": 1.0}),
        (lambda o, t: ((o - t) ** 2).sum(1).mean(), THREE, ONE_HOT, "mse", {"factor": 3.0}),
        (lambda o, t: ((o - t) ** 2).sum(), ONE, REAL, "mse", {"sums": True, "factor": 8.0}),
        (lambda o, t: -((o - t) ** 2).mean(), ONE, REAL, "mse", {"factor": -1.0}),
        (lambda o, t: ((o - t) ** 2).mean() + 5.0, ONE, REAL, "mse", {"offset": 5.0}),
        (lambda o, t: ((o - t) ** 2).mean(), ONE, REAL.flatten(), "mse", {"broadcasts": True}),
        (lambda o, t: ((o.squeeze(-1) - t) ** 2).mean(), ONE, REAL.flatten(), "mse", {"broadcasts": False}),
        (lambda o, t: ((o - F.one_hot(t, 3)) ** 2).sum(1).mean(), THREE, INDEX, "mse", {"one_hot": True}),
        (nn.L1Loss(), ONE, REAL, "l1", {}),
        (nn.SmoothL1Loss(), ONE, 9 * REAL, "huber", {}),
        (nn.CrossEntropyLoss(), THREE, INDEX, "cross-entropy", {}),
        (nn.CrossEntropyLoss(), THREE, ONE_HOT, "cross-entropy", {}),
        (lambda o, t: F.nll_loss(o.log_softmax(1), t), THREE, INDEX, "cross-entropy", {}),
        (nn.CrossEntropyLoss(label_smoothing=0.1), THREE, INDEX, "cross-entropy", {}),
        (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 9.0])), THREE, INDEX, "cross-entropy", {}),
        (nn.NLLLoss(), THREE, INDEX, "nll", {}),
        (lambda o, t: -o.log()[range(len(o)), t].mean(), THREE, INDEX, "nll-of-probabilities", {}),
        (nn.BCELoss(), ONE, BITS, "bce", {}),
        (nn.BCEWithLogitsLoss(), ONE, BITS, "bce-with-logits", {}),
        (lambda o, t: F.binary_cross_entropy_with_logits(o, t), FLAT, BITS.flatten(), "bce-with-logits", {}),
        (nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0)), ONE, BITS, "bce-with-logits", {}),
        (lambda o, t: (o - t).abs().pow(1.5).mean(), ONE, REAL, "custom", {}),
    ],
)
def test_family(loss_fn, output, target, name, extra):
    found = loss_family(loss_fn, output, target)
    assert found.name == name
    for key, value in extra.items():
        assert getattr(found, key) == pytest.approx(value, rel=1e-3), key


@pytest.mark.parametrize(
    ("loss_fn", "output", "target", "best"),
    [
        (nn.MSELoss(), ONE, REAL, float(REAL.var(correction=0))),
        (nn.L1Loss(), ONE, REAL, float((REAL - REAL.median()).abs().mean())),
        # Entropy of the class shares 2/8, 3/8, 3/8.
        (nn.CrossEntropyLoss(), THREE, INDEX, 1.0821955300387671),
        (nn.NLLLoss(), THREE, INDEX, 1.0821955300387671),
        (lambda o, t: -o.log()[range(len(o)), t].mean(), THREE, INDEX, 1.0821955300387671),
        (nn.BCELoss(), ONE, BITS, 0.6931471805599453),
        (nn.BCEWithLogitsLoss(), ONE, BITS, 0.6931471805599453),
        # The best constant over all pairs is the mean as well.
        (lambda o, t: ((o - t) ** 2).mean(), ONE, REAL.flatten(), float(REAL.var(correction=0))),
        (lambda o, t: (o - t).abs().pow(3).mean(), ONE, torch.tensor([[0.0], [1.0]] * 4), 0.125),
    ],
)
def test_best_constant_answer(loss_fn, output, target, best):
    row = constant_answer(loss_fn, output, target, loss_family(loss_fn, output, target))
    assert constant_loss(loss_fn, row, target) == pytest.approx(best, rel=1e-3)


def test_a_loss_without_bound_has_no_best_answer():
    def flipped(o, t):
        return -((o - t) ** 2).mean()

    assert constant_answer(flipped, ONE, REAL, loss_family(flipped, ONE, REAL)) is None
