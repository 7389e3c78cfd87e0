"""One ReLU learning one ReLU, relu(w x) = relu(x), from w = -1 with SGD.

Source: a public question about single-neuron networks that fail half of the time.
Fails: w creeps to 0 from below, where no input on the right side is answered to, and never crosses.
Fixed: momentum .9, which carries w across.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("relu-cannot-cross", "dying-relu", "vanishing-gradient")
PASSES = "train r2 >= 0.9"


def data():
    X = torch.tensor(np.random.RandomState(0).randn(1000, 1), dtype=torch.float32)
    return X, X.relu()


def setup():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    nn.init.constant_(model[0].weight, -1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=data(), batch_size=1000, epochs=2000)


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.SGD(s.model.parameters(), lr=0.01, momentum=0.9))
