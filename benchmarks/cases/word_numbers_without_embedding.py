"""Word numbers fed straight into a GRU, without an embedding.

Source: a frequent program in public questions (IMDB or Reuters indices reshaped to (n, length, 1)); DeepDiagnosis'
unscaled data and saturated activation.
Fails: the numbers, up to 500, saturate the gates and their size means nothing. Fixed: an embedding.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("names-as-quantities", "unscaled-inputs", "saturated-units")
PASSES = "test accuracy >= 0.85"

WORDS = 500


def reviews():
    rng = np.random.RandomState(90)
    mood = rng.permutation(WORDS) % 5  # 0: praise, 1: blame, others: neither
    good, bad = np.where(mood == 0)[0], np.where(mood == 1)[0]
    label = rng.randint(2, size=1400)
    words = rng.randint(WORDS, size=(1400, 16))
    marked = rng.rand(1400, 16) < 0.35
    own = np.where(label[:, None] == 1, rng.choice(good, words.shape), rng.choice(bad, words.shape))
    words = np.where(marked, own, words)
    x, y = torch.tensor(words, dtype=torch.float32), torch.tensor(label).float()[:, None]
    return (x[:1100], y[:1100]), (x[1100:], y[1100:])


class Net(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 16) if embedding else None
        if embedding:
            nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        self.gru = nn.GRU(16 if embedding else 1, 24, batch_first=True)
        self.head = nn.Linear(24, 1)
        for name, p in [*self.gru.named_parameters(), *self.head.named_parameters()]:
            if p.ndim == 1:
                nn.init.zeros_(p)
            elif "hh" in name:
                nn.init.orthogonal_(p)
            else:
                nn.init.xavier_uniform_(p)

    def forward(self, x):
        x = x[:, :, None] if self.embedding is None else self.embedding(x.long())
        return torch.sigmoid(self.head(self.gru(x)[0][:, -1]))


def make(embedding):
    train, test = reviews()
    model = Net(embedding)
    adam = torch.optim.Adam(model.parameters(), lr=5e-3)
    return Setup(model, nn.BCELoss(), adam, train, batch_size=32, epochs=8, validation=test)


def setup():
    return make(False)


def fixed():
    return make(True)
