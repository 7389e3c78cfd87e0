"""y = x^4 on x in -100..100 fed and predicted raw; two faults at once.

Source: a public question (Stack Overflow 52800582) about a Keras network that learns small cubics but not x^4: a
sigmoid layer and an ELU layer, glorot weights, RMSprop 1e-3. The inputs saturate the sigmoids and the targets reach
1e8, so the outputs never get near. Fixed: inputs and targets standardised.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-targets", "unscaled-inputs", "lr-too-low", "saturated-units")
PASSES = "train r2 >= 0.9"


def build(scaled):
    x = np.linspace(-100, 100, 400)[:, None]
    y = x**4
    if scaled:
        x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    model = nn.Sequential(nn.Linear(1, 50), nn.Sigmoid(), nn.Linear(50, 50), nn.ELU(), nn.Linear(50, 1))
    for layer in model[::2]:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7),
        data=(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)),
        batch_size=20,
        epochs=150,
    )


def setup():
    return build(False)


def fixed():
    return build(True)
