"""Seven kinds of segments, Sigmoid as the last layer under NLLLoss.

Kind of public question (PyTorch forum: "NLLLoss gives negative loss and the accuracy does not move").
Fails: NLLLoss wants log-probabilities; every sigmoid runs to 1. Fixed: LogSoftmax.
"""

import torch
from sklearn.datasets import make_classification
from torch import nn

from trainability import Setup

CAUSES = ("log-of-unnormalised-output", "loss-does-not-fit-the-task", "output-range", "saturated-output")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = make_classification(
        900, 19, n_informative=9, n_redundant=4, n_classes=7, n_clusters_per_class=1, class_sep=2.0, random_state=13
    )
    X = (X - X.mean(0)) / X.std(0)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:700], y[:700]), (X[700:], y[700:])


def build(last):
    train, test = data()
    model = nn.Sequential(nn.Linear(19, 40), nn.ReLU(), nn.Linear(40, 7), last)
    return Setup(
        model=model,
        loss_fn=nn.NLLLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=train,
        batch_size=20,
        epochs=20,
        validation=test,
    )


def setup():
    return build(nn.Sigmoid())


def fixed():
    return build(nn.LogSoftmax(dim=1))
