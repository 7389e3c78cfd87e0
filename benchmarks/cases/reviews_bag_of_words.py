"""Good and bad reviews as counts of 400 words, most never or hardly used, by logistic regression; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def data():
    rng = np.random.RandomState(31)
    y = rng.randint(0, 2, 1500)
    often = 1 / np.arange(1, 301)
    X = np.zeros((1500, 400))  # the last 100 words occur in no review
    tone = rng.randn(300)
    for row, label in enumerate(y):
        p = often * np.exp((0.7 if label else -0.7) * tone)
        X[row, :300] = rng.multinomial(40, p / p.sum())
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


def setup():
    model = nn.Linear(400, 1)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-4),
        data=train,
        batch_size=50,
        epochs=15,
        validation=test,
    )
