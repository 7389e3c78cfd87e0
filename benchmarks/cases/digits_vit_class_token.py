"""A small vision transformer: patches, a class token from zero, pre-norm blocks, weights of spread 0.02; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.87"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(88).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


class ViT(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.patches = nn.Conv2d(1, width, (4, 2), stride=(4, 2))
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Parameter(torch.randn(1, 9, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.trunc_normal_(p, std=0.02)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.place
        return self.head(self.norm(self.blocks(x)[:, 0]))


def setup():
    model = ViT()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05),
        data=train,
        batch_size=50,
        epochs=11,
        validation=test,
    )
