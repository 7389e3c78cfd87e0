"""Tags of each token, padding marked -100 and left out of the loss, by a convolution along the sentence; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= 0.3"


def data():
    rng = np.random.RandomState(73)
    words, tags = np.zeros((1000, 14), dtype=int), np.full((1000, 14), -100)
    for row in range(1000):
        n = rng.randint(4, 15)
        w = rng.randint(1, 40, n)
        before = np.concatenate([[0], w[:-1]])
        words[row, :n] = w
        tags[row, :n] = w % 3 + 2 * (before % 2)  # five tags, which hang on the word and the one before
    X, y = torch.tensor(words), torch.tensor(tags)
    return (X[:800], y[:800]), (X[800:], y[800:])


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(40, 24, padding_idx=0)
        self.conv = nn.Conv1d(24, 48, 3, padding=1)
        self.head = nn.Conv1d(48, 5, 1)

    def forward(self, x):
        return self.head(torch.relu(self.conv(self.words(x).transpose(1, 2))))


def setup():
    model = Tagger()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(ignore_index=-100),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )
