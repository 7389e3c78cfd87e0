"""The next letter of a random chain, whose entropy no model gets below, by an embedding and one layer; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= 2.5"  # the chain itself gives 2.3, the letters alone 3.2


def data():
    rng = np.random.RandomState(67)
    chain = rng.dirichlet(np.full(26, 0.25), 26)
    text = [0]
    for _ in range(6000):
        text.append(rng.choice(26, p=chain[text[-1]]))
    text = torch.tensor(text)
    X, y = text[:-1], text[1:]
    return (X[:5000], y[:5000]), (X[5000:], y[5000:])


def setup():
    model = nn.Sequential(nn.Embedding(26, 24), nn.Linear(24, 26))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        data=train,
        batch_size=100,
        epochs=15,
        validation=test,
    )
