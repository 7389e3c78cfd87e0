"""Nine honest transactions to one fraud, with pos_weight in the loss; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.95"


def data():
    rng = np.random.RandomState(12)
    fraud = (rng.rand(3000) < 0.1).astype("float32")
    X = rng.randn(3000, 12)
    X[:, :3] += 2.6 * fraud[:, None]
    X[:, 3] = np.where(fraud == 1, X[:, 3] * 2.5, X[:, 3])
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(fraud)
    return (X[:2400], y[:2400]), (X[2400:], y[2400:])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))

    def forward(self, x):
        return self.body(x).squeeze(-1)


def setup():
    model = Net()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0)),
        optimizer=torch.optim.AdamW(model.parameters(), lr=2e-3),
        data=train,
        batch_size=64,
        epochs=20,
        validation=test,
    )
