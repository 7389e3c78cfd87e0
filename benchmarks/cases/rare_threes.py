"""Is it a three? Where one digit in a hundred is, with a loss that counts every sample alike.

Fails: the network answers no to everything and is right on 99%. Fixed: pos_weight.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("class-imbalance",)
PASSES = "test accuracy >= 0.75"


def data():
    X, y = load_digits(return_X_y=True)
    X, three = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y == 3)
    yes, no = torch.where(three)[0], torch.where(~three)[0]
    train = torch.cat([no[:1485], yes[:15]])
    test = torch.cat([no[1485:], yes[-len(no[1485:]) :]])  # as many threes as others
    y = three.float()[:, None]
    return (X[train], y[train]), (X[test], y[test])


def build(weighted):
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    train, test = data()
    y = train[1]
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(pos_weight=(y == 0).sum() / (y == 1).sum() if weighted else None),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        data=train,
        validation=test,
        batch_size=32,
        epochs=10,
    )


def setup():
    return build(weighted=False)


def fixed():
    return build(weighted=True)
