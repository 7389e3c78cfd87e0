"""Raw columns up to 4000, and a softmax before the cross-entropy; two faults at once.

Source: a public question (PyTorch forum 43814) about a cross-entropy loss that does not move: the softmax in the
model is one part, and columns of very different size under SGD 0.1 drive it to certainty at once. Fixed:
standardised, logits.
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = (
    "unscaled-inputs",
    "softmax-before-cross-entropy",
    "saturated-softmax",
    "lr-too-high",
    "dying-relu",
    "exploding-activation",
    "constant-output",
)
PASSES = "test accuracy >= 0.93"


def build(scaled, head):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(1))
    X, y = X[order], y[order]
    if scaled:
        X = (X - X[:400].mean(0)) / X[:400].std(0)
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2), *head)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=(X[:400], y[:400]),
        batch_size=20,
        epochs=25,
        validation=(X[400:], y[400:]),
    )


def setup():
    return build(False, [nn.Softmax(1)])


def fixed():
    return build(True, [])
