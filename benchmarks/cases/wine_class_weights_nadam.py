"""Wine with class weights in the loss, ELU layers and NAdam, batches of 8; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train accuracy >= 0.95"


def setup():
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    counts = torch.tensor(np.bincount(y), dtype=torch.float32)
    model = nn.Sequential(nn.Linear(13, 16), nn.ELU(), nn.Linear(16, 3))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(weight=counts.sum() / (3 * counts)),
        optimizer=torch.optim.NAdam(model.parameters(), lr=2e-3),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y)),
        batch_size=8,
        epochs=20,
    )
