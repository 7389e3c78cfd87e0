"""Three blobs, six dense layers initialised with RandomUniform(-1, 1), SGD 0.1.

Source: AutoTrainer's exploding-gradient cases on the blob data set, whose initialisers are widened on purpose.
Two faults: the initial scale, and a learning rate that is too high for it.
Fails: NaN or a constant answer after a few steps. Fixed: He uniform, lr 0.05.
"""

from itertools import pairwise

import torch
from sklearn.datasets import make_blobs
from torch import nn

from trainability import Setup

CAUSES = ("initial-scale-too-large", "exploding-activation", "exploding-gradient", "lr-too-high", "saturated-softmax")
PASSES = "test accuracy >= 0.9"


def blobs():
    x, y = make_blobs(n_samples=900, centers=[(-4, 0), (4, 1), (0, 5)], cluster_std=1.2, random_state=5)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    return (x[:600], y[:600]), (x[600:], y[600:])


def make(init, lr):
    sizes = [2, 40, 40, 40, 40, 40]
    layers = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(40, 3))
    for m in model:
        if isinstance(m, nn.Linear):
            init(m.weight)
            nn.init.zeros_(m.bias)
    train, test = blobs()
    return Setup(
        model,
        nn.CrossEntropyLoss(),
        torch.optim.SGD(model.parameters(), lr=lr),
        train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def setup():
    return make(lambda w: nn.init.uniform_(w, -1.0, 1.0), 0.1)


def fixed():
    return make(lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"), 0.05)
