"""A bag of word embeddings with one vocabulary for training and another for validation.

Source: a public question about a text classifier with 99 % in training and chance in
validation: the tokenizer was fitted again on the validation texts, so the numbers mean other words there. Fixed:
one vocabulary.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("train-and-validation-differ",)
PASSES = "test accuracy >= 0.85"


class Topics(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(200, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, tokens):
        return self.head(self.bag(tokens))


def numbered(texts, vocabulary):
    """Number the words by how often they come, as tokenizers do."""
    words, counts = np.unique(vocabulary, return_counts=True)
    ranked = {word: i for i, word in enumerate(words[np.argsort(-counts, kind="stable")])}
    return torch.tensor([[ranked.get(word, 199) for word in text] for text in texts])


def build(one):
    random = np.random.RandomState(14)
    y = random.randint(0, 4, 1000)
    common, own = random.randint(0, 80, (1000, 20)), 80 + 25 * y[:, None] + random.randint(0, 25, (1000, 20))
    texts = np.where(random.rand(1000, 20) < 0.6, common, own)
    train, test = texts[:800], texts[800:]
    model = Topics()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=(numbered(train, train), torch.tensor(y[:800])),
        batch_size=32,
        epochs=15,
        validation=(numbered(test, train if one else test), torch.tensor(y[800:])),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
