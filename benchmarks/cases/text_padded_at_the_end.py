"""Sentiment from the last state of an LSTM after a hundred padding tokens.

Source: several public questions about text classifiers that stay at 50 %: short texts are padded at the end to the
length of the longest one, and the last state has read nothing but padding for a long time. Fixed: padding in front.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("inputs-not-seen", "vanishing-gradient")
PASSES = "test accuracy >= 0.85"


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(61, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 16, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0][:, -1])


def build(in_front):
    random = np.random.RandomState(8)
    y = random.randint(0, 2, 600)
    X = np.zeros((600, 110), dtype=np.int64)
    for row, label in zip(X, y, strict=True):
        words = random.randint(21, 61, random.randint(5, 11))
        words[random.permutation(len(words))[:3]] = random.randint(1, 11, 3) + 10 * label
        if in_front:
            row[-len(words) :] = words
        else:
            row[: len(words)] = words
    X, y = torch.tensor(X), torch.tensor(y[:, None], dtype=torch.float32)
    model = Sentiment()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(X[:480], y[:480]),
        batch_size=32,
        epochs=8,
        validation=(X[480:], y[480:]),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
