"""A transformer encoder without positions is asked which of two symbols comes first.

Source: a public question about an encoder that cannot learn a task on the order of its tokens and answers 50 %:
self-attention and the mean over tokens do not see where a token stands. Fixed: learned positions added.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("order-not-seen",)
PASSES = "test accuracy >= 0.85"


class Encoder(nn.Module):
    def __init__(self, positions):
        super().__init__()
        self.embedding = nn.Embedding(12, 24)
        self.positions = nn.Parameter(torch.randn(1, 10, 24)) if positions else 0.0
        layer = nn.TransformerEncoderLayer(24, 2, 48, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(24, 1)

    def forward(self, tokens):
        return self.head(self.encoder(self.embedding(tokens) + self.positions).mean(1))


def build(positions):
    random = np.random.RandomState(21)
    X, y = random.randint(2, 12, (1400, 10)), random.randint(0, 2, 1400)
    for row, label in zip(X, y, strict=True):
        places = np.sort(random.permutation(10)[:2])
        row[places] = (0, 1) if label else (1, 0)
    X, y = torch.tensor(X), torch.tensor(y[:, None], dtype=torch.float32)
    model = Encoder(positions)
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=(X[:1100], y[:1100]),
        batch_size=32,
        epochs=15,
        validation=(X[1100:], y[1100:]),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
