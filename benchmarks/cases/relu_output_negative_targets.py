"""A ReLU on the output of a regression whose standardised targets are negative half of the time.

Fails: no answer below 0 is possible. Fixed: linear output.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

from trainability import Setup

CAUSES = ("output-range", "dying-relu")
PASSES = "train r2 >= 0.7"


def data():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def build(*output_activation):
    model = nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), *output_activation
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=data(), batch_size=32, epochs=60)


def setup():
    return build(nn.ReLU())


def fixed():
    return build()
