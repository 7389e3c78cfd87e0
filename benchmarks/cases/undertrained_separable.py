"""35 steps of Adam with lr 1e-3 on two classes that a line separates.

Source: Stack Overflow 50306988; DeepLocalize, DeepFD, Defects4ML-078.
Fails: lr times steps is too small to get anywhere. Fixed: lr .1 for 10 epochs.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "unscaled-inputs")
PASSES = "train accuracy >= 0.95"


def data():
    draw = np.random.RandomState(0)
    X = np.concatenate([draw.uniform(0.2, 0.4, (100, 2)), draw.uniform(0.5, 0.7, (100, 2))])
    return torch.tensor(X, dtype=torch.float32), torch.tensor([0] * 100 + [1] * 100)


def setup():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 2))
    for layer in (model[0], model[2]):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model=model, loss_fn=nn.CrossEntropyLoss(), optimizer=optimizer, data=data(), batch_size=32, epochs=5)


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.Adam(s.model.parameters(), lr=0.1), epochs=10)
