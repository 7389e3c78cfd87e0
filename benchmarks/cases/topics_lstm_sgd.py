"""Topic classification with an embedding and an LSTM, compiled with plain SGD.

Source: the Reuters group of AutoTrainer (slow convergence) and DeepFD's optimizer faults: loss categorical
cross-entropy, optimizer "sgd" at Keras' default 0.01. News wires are replaced by sentences of 20 words, a third of
them from the topic's own vocabulary.
Fails: stays at chance over 8 topics. Fixed: Adam 0.003.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps", "vanishing-gradient")
PASSES = "test accuracy >= 0.8"

WORDS, TOPICS = 400, 8


def wires():
    rng = np.random.RandomState(11)
    topic = rng.randint(TOPICS, size=1200)
    words = rng.randint(160, WORDS, size=(1200, 20))
    own = topic[:, None] * 20 + rng.randint(20, size=words.shape)
    words = np.where(rng.rand(*words.shape) < 0.35, own, words)
    x, y = torch.tensor(words), torch.tensor(topic)
    return (x[:1000], y[:1000]), (x[1000:], y[1000:])


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.head = nn.Linear(32, TOPICS)
        nn.init.uniform_(self.embed.weight, -0.05, 0.05)
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        with torch.no_grad():
            self.lstm.bias_ih_l0[32:64] = 1.0  # unit_forget_bias
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        states, _ = self.lstm(self.embed(x))
        return self.head(states[:, -1])


def run(optimizer):
    train, test = wires()
    model = Reader()
    return Setup(
        model, nn.CrossEntropyLoss(), optimizer(model.parameters()), train, batch_size=32, epochs=10, validation=test
    )


def setup():
    return run(lambda p: torch.optim.SGD(p, lr=0.01))


def fixed():
    return run(lambda p: torch.optim.Adam(p, lr=0.003))
