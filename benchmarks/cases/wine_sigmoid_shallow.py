"""Wine with one layer of sigmoid units and SGD with momentum; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_wine(return_X_y=True)
    order = np.random.RandomState(1).permutation(len(X))
    X, y = X[order], y[order]
    scaler = StandardScaler().fit(X[:130])
    X, y = torch.tensor(scaler.transform(X), dtype=torch.float32), torch.tensor(y)
    return (X[:130], y[:130]), (X[130:], y[130:])


def setup():
    model = nn.Sequential(nn.Linear(13, 20), nn.Sigmoid(), nn.Linear(20, 3))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        data=train,
        batch_size=16,
        epochs=40,
        validation=test,
    )
