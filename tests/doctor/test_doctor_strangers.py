"""Networks that nobody here wrote, on small tasks that they learn, raise no alarm."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup, diagnose

transformers = pytest.importorskip("transformers")


class Logits(nn.Module):
    """The logits of a model from `transformers`, with the classes in dimension 1."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        logits = self.model(x).logits
        return logits if logits.ndim == 2 else logits.transpose(1, 2)


def images():
    """The digits 0 and 1."""
    X, y = load_digits(n_class=2, return_X_y=True)
    kept = np.random.RandomState(0).permutation(len(X))[:320]
    return torch.tensor(X[kept] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y[kept])


def sequences(draw):
    """Each token is the one before plus a step that the first two tell."""
    start, step = draw.randint(0, 12, (256, 1)), draw.randint(1, 4, (256, 1))
    tokens = torch.tensor((start + step * np.arange(11)) % 12)
    return tokens[:, :-1], tokens[:, 1:]


def gpt2():
    config = transformers.GPT2Config(
        vocab_size=12, n_positions=16, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = Logits(transformers.GPT2LMHeadModel(config))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    return Setup(model, nn.CrossEntropyLoss(), optimizer, sequences(np.random.RandomState(0)), 32, 12)


def bert():
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
        num_labels=2,
    )
    draw = np.random.RandomState(1)
    X = torch.tensor(draw.randint(0, 20, (256, 8)))
    y = (X[:, 0] >= 10).long()
    model = Logits(transformers.BertForSequenceClassification(config))
    return Setup(model, nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters(), lr=2e-3), (X, y), 32, 15)


def vit():
    config = transformers.ViTConfig(
        image_size=8,
        patch_size=2,
        num_channels=1,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=2,
    )
    model = Logits(transformers.ViTForImageClassification(config))
    return Setup(model, nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters(), lr=3e-3), images(), 32, 10)


def resnet():
    config = transformers.ResNetConfig(
        num_channels=1, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic", num_labels=2
    )
    X, y = images()
    X = nn.functional.interpolate(X, scale_factor=2)
    model = Logits(transformers.ResNetForImageClassification(config))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return Setup(model, nn.CrossEntropyLoss(), optimizer, (X, y), 32, 4)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


def gru():
    draw = torch.Generator().manual_seed(2)
    frequency = 0.2 + 0.8 * torch.rand(256, 1, generator=draw)
    X = torch.sin(frequency * torch.arange(12) + 6 * torch.rand(256, 1, generator=draw))[..., None]
    model = Recurrent()
    y = (frequency - frequency.mean()) / frequency.std()
    return Setup(model, nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-2), (X, y), 32, 18)


class Graph(nn.Module):
    """Two rounds of messages over a fixed ring with chords, then a mean over the nodes."""

    def __init__(self, adjacency):
        super().__init__()
        self.register_buffer("adjacency", adjacency)
        self.first, self.second, self.head = nn.Linear(6, 32), nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, x):
        x = torch.relu(self.first(self.adjacency @ x))
        x = x + nn.functional.silu(self.second(self.adjacency @ x))
        return self.head(x.mean(1))


def graph():
    draw = torch.Generator().manual_seed(3)
    nodes = 10
    adjacency = torch.eye(nodes)
    for i in range(nodes):
        adjacency[i, (i + 1) % nodes] = adjacency[i, (i + 3) % nodes] = 1
    adjacency = adjacency / adjacency.sum(1, keepdim=True)
    X = torch.randn(384, nodes, 6, generator=draw)
    y = (adjacency @ X)[..., :3].clamp_min(0).mean(1).argmax(1)
    model = Graph(adjacency)
    return Setup(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-2), (X, y), 32, 12)


@pytest.mark.parametrize("build", [gpt2, bert, vit, resnet, gru, graph], ids=lambda f: f.__name__)
def test_no_alarm(build):
    diagnosis = diagnose(build, seeds=1, max_seconds=None, workers=1)
    assert diagnosis.steps <= 150
    assert all(run.outcome == "trained" and math.isfinite(run.end_loss) for run in diagnosis.runs), diagnosis.says
    assert [f.cause for f in diagnosis.findings] == []
    assert diagnosis.verdict == "trains"
