"""A small U-Net marks round cells in noisy pictures with a soft Dice loss on sigmoid outputs; healthy."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= 0.15"


def data():
    rng = np.random.RandomState(33)
    row, column = np.mgrid[:16, :16]
    mask = np.zeros((200, 1, 16, 16))
    for picture in mask:
        for _ in range(rng.randint(1, 3)):
            r, c, size = rng.randint(3, 13), rng.randint(3, 13), rng.uniform(2, 3.5)
            picture[0] = np.maximum(picture[0], (row - r) ** 2 + (column - c) ** 2 < size**2)
    X = mask * 1.0 + 0.4 * rng.randn(*mask.shape)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(mask, dtype=torch.float32)
    return (X[:160], y[:160]), (X[160:], y[160:])


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 8, 3, padding=1)
        self.deep = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.out = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, x):
        fine = F.relu(self.down(x))
        coarse = F.relu(self.deep(F.max_pool2d(fine, 2)))
        return torch.sigmoid(self.out(torch.cat([fine, self.up(coarse)], 1)))


def dice(p, y):
    both = (p * y).sum((1, 2, 3))
    return (1 - (2 * both + 1) / (p.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1)).mean()


def setup():
    model = UNet()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=dice,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        data=train,
        batch_size=16,
        epochs=15,
        validation=test,
    )
