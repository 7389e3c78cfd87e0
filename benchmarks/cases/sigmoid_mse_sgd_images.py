"""Ten sigmoid outputs, mean squared error and SGD 0.01 for a ten-class problem.

Source: SO MNIST programs in DeepLocalize / DeepFD: activation="sigmoid" throughout, loss="mean_squared_error",
optimizer="sgd". Two faults: the loss (and output) for the task, and a learning rate far too low for it.
Fails: all outputs sink to 0.1 (Adam 0.003 alone cures it; cross-entropy alone reaches 0.67).
Fixed: softmax cross-entropy and Adam 0.003.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps", "loss-does-not-fit-the-task", "vanishing-gradient")
PASSES = "test accuracy >= 0.85"


def data():
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(55).permutation(1797)
    x, y = torch.tensor(x[order] / 16, dtype=torch.float32), torch.eye(10)[torch.tensor(y[order])]
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def network(*last):
    model = nn.Sequential(nn.Linear(64, 100), nn.Sigmoid(), nn.Linear(100, 10), *last)
    for i in (0, 2):
        nn.init.xavier_uniform_(model[i].weight)
        nn.init.zeros_(model[i].bias)
    return model


def setup():
    train, test = data()
    model = network(nn.Sigmoid())
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    return Setup(model, nn.MSELoss(), sgd, train, batch_size=32, epochs=20, validation=test)


def fixed():
    train, test = data()
    model = network()
    adam = torch.optim.Adam(model.parameters(), lr=0.003)
    return Setup(model, nn.CrossEntropyLoss(), adam, train, batch_size=32, epochs=20, validation=test)
