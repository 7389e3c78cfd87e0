"""Fine-tuning: a body of principal directions at a hundredth of the head's learning rate, with weight decay; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(106).permutation(len(X))
    return X[order] / 16, y[order]


def setup():
    X, y = data()
    pca = PCA(30, whiten=True, random_state=0).fit(X[:1400])
    body = nn.Linear(64, 30)
    weight = pca.components_ / np.sqrt(pca.explained_variance_)[:, None]
    with torch.no_grad():
        body.weight.copy_(torch.tensor(weight))
        body.bias.copy_(torch.tensor(-weight @ pca.mean_))
    head = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 10))
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return Setup(
        model=nn.Sequential(body, head),
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW(
            [{"params": body.parameters(), "lr": 2e-5}, {"params": head.parameters(), "lr": 2e-3}], weight_decay=0.1
        ),
        data=(X[:1400], y[:1400]),
        batch_size=50,
        epochs=15,
        validation=(X[1400:], y[1400:]),
    )
