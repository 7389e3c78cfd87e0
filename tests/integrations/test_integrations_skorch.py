"""Watching inside skorch's fit."""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

from trainability.integrations import skorch_callback


def net(callback, **options):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        train_split=None,
        verbose=0,
        batch_size=16,
        callbacks=[callback],
        **options,
    )


def data():
    x = np.random.RandomState(0).randn(256, 8).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64)


def test_a_run_is_seen():
    callback = skorch_callback(every=4)
    backward = torch.autograd.backward
    net(callback, lr=0.1, max_epochs=3).fit(*data())
    found = callback.report()
    assert found.steps == 48
    assert found.findings == ()
    assert found.outcome in ("learning", "trained")
    assert torch.autograd.backward is backward


def test_an_exploding_run_is_told():
    callback = skorch_callback(every=4)
    net(callback, lr=1e6, max_epochs=3).fit(*data())
    assert callback.findings[0].cause in ("lr-too-high", "exploding-gradient")
