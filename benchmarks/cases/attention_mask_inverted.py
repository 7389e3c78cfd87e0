"""Self-attention whose padding mask is the wrong way round.

Source: a public question about nn.MultiheadAttention after Keras: True in `key_padding_mask` means "leave out" in
PyTorch and "keep" in Keras, so attention reads only the padding and every text gets one answer. Fixed: the mask marks
the padding.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("inputs-not-seen",)
PASSES = "test accuracy >= 0.85"


class Classifier(nn.Module):
    def __init__(self, leave_out):
        super().__init__()
        self.leave_out = leave_out
        self.embedding = nn.Embedding(50, 16, padding_idx=0)
        self.query = nn.Parameter(torch.randn(1, 1, 16) * 0.1)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, tokens):
        x = self.embedding(tokens)
        query = self.query.expand(len(x), 1, 16)
        return self.head(self.attention(query, x, x, key_padding_mask=self.leave_out(tokens))[0][:, 0])


def build(leave_out):
    random = np.random.RandomState(17)
    y = random.randint(0, 3, 800)
    X = np.zeros((800, 16), dtype=np.int64)
    for row, label in zip(X, y, strict=True):
        n = random.randint(6, 15)
        row[:n] = random.randint(16, 50, n)
        row[random.permutation(n)[:2]] = 1 + 5 * label + random.randint(0, 5, 2)
    X, y = torch.tensor(X), torch.tensor(y)
    model = Classifier(leave_out)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(X[:640], y[:640]),
        batch_size=32,
        epochs=15,
        validation=(X[640:], y[640:]),
    )


def setup():
    return build(lambda tokens: tokens != 0)


def fixed():
    return build(lambda tokens: tokens == 0)
