"""-sum(t log p) written by hand over a softmax, with weights drawn from U[-1, 1].

Fails: a probability that underflows to 0 makes 0 * log 0 = NaN. Fixed: CrossEntropyLoss on logits, Kaiming.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("log-of-softmax", "initial-scale-too-large", "saturated-softmax", "exploding-gradient")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(init, loss_fn, *output_activation):
    model = nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        *output_activation,
    )
    for layer in model[:7:2]:
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def cross_entropy(output, target):
    t = nn.functional.one_hot(target, 10)
    return -(t * output.log()).sum(1).mean()


def setup():
    return build(lambda weight: nn.init.uniform_(weight, -1, 1), cross_entropy, nn.Softmax(dim=1))


def fixed():
    return build(lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"), nn.CrossEntropyLoss())
