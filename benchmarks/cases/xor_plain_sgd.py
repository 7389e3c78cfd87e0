"""XOR with a sigmoid network and Keras' plain "sgd".

Source: two public questions: four points, binary cross-entropy, optimizer="sgd" (lr 0.01), 500 epochs of one batch.
(Their 2 hidden units have bad valleys besides, so 8 are used here.)
Fails: every answer stays near 0.5. Fixed: lr 1 with momentum 0.9.
"""

import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps")
PASSES = "train loss <= 0.1"

X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])


def net():
    model = nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 1), nn.Sigmoid())
    for i in (0, 2):
        nn.init.xavier_uniform_(model[i].weight)
        nn.init.zeros_(model[i].bias)
    return model


def setup():
    model = net()
    return Setup(model, nn.BCELoss(), torch.optim.SGD(model.parameters(), lr=0.01), (X, Y), batch_size=4, epochs=500)


def fixed():
    model = net()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    return Setup(model, nn.BCELoss(), sgd, (X, Y), batch_size=4, epochs=500)
