"""45 % of the training labels are flipped.

Source: DeepCrime's "change labels" / "add noise to training data" operators; defect4ML's data faults.
Fails: the net learns the noise by heart and is poor on clean validation data. Fixed: the true labels.
"""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ("label-noise", "labels-independent-of-inputs", "inputs-and-labels-misaligned", "train-and-validation-differ")
PASSES = "test accuracy >= 0.9"


def data(noise):
    x, y = load_breast_cancer(return_X_y=True)
    rng = np.random.RandomState(77)
    order = rng.permutation(len(y))
    x, y = x[order], y[order]
    x = (x - x[:420].mean(0)) / x[:420].std(0)
    flip = rng.rand(420) < noise
    target = y.copy()
    target[:420] = np.where(flip, 1 - y[:420], y[:420])
    x, target = torch.tensor(x, dtype=torch.float32), torch.tensor(target)
    return (x[:420], target[:420]), (x[420:], target[420:])


def make(noise):
    model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
    for m in model[::2]:
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
    train, test = data(noise)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model, nn.CrossEntropyLoss(), adam, train, batch_size=32, epochs=60, validation=test)


def setup():
    return make(0.45)


def fixed():
    return make(0.0)
