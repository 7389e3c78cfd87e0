"""A recurrent cell whose state is detached after every time step.

Fails: the state is detached inside the loop over time, to be rid of "trying to backward a second time"; no gradient
reaches earlier steps, so the cell cannot learn to remember. Fixed: not detached.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("gradient-cut-inside", "gradient-never-arrives", "vanishing-gradient")
PASSES = "test accuracy >= 0.9"


class Memory(nn.Module):
    def __init__(self, detach):
        super().__init__()
        self.detach = detach
        self.cell = nn.GRUCell(6, 16)
        self.head = nn.Linear(16, 6)

    def forward(self, x):
        state = x.new_zeros(len(x), 16)
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state.detach() if self.detach else state)
        return self.head(state)


def build(detach):
    symbols = np.random.RandomState(19).randint(0, 6, (1500, 12))
    X, y = torch.tensor(np.eye(6)[symbols], dtype=torch.float32), torch.tensor(symbols[:, 4])
    model = Memory(detach)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=(X[:1200], y[:1200]),
        batch_size=32,
        epochs=15,
        validation=(X[1200:], y[1200:]),
    )


def setup():
    return build(True)


def fixed():
    return build(False)
