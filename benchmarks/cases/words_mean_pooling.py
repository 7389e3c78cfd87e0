"""Word numbers, an embedding, its mean, and a linear layer: integer inputs; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


class MeanOfWords(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(200, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.words(x).mean(1))


def data():
    draw = np.random.RandomState(0)
    topics = draw.dirichlet(np.full(200, 0.5), size=3)
    y = draw.randint(3, size=900)
    X = np.stack([draw.choice(200, size=20, p=topics[topic]) for topic in y])
    X, y = torch.tensor(X), torch.tensor(y)
    return (X[:600], y[:600]), (X[600:], y[600:])


def setup():
    model = MeanOfWords()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
    )
