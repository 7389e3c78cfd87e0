"""An embedding in front of the layer that took the numbers of words as amounts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._entry import entry, put
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("names-as-quantities",)
MOST, WIDTH = 200_000, 16


class Embedded(nn.Module):
    """A layer that takes the numbers of words, behind an embedding of its own.

    Args:
        layer: recurrent or linear, made for vectors of `width` in place of each number.
        words: how many numbers there are, from 0.
        width: of the vectors.

    Example:
        >>> Embedded(nn.Linear(12, 2), 50, 4)(torch.tensor([[3.0, 7.0, 49.0]])).shape
        torch.Size([1, 2])
    """

    def __init__(self, layer: nn.Module, words: int, width: int) -> None:
        super().__init__()
        self.embedding, self.layer = nn.Embedding(words, width), layer

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """The layer's output for the words' vectors."""
        words = x.long().clamp(0, self.embedding.num_embeddings - 1)
        if isinstance(self.layer, nn.RNNBase):
            return self.layer(self.embedding(words[..., 0]), *others)
        return self.layer(self.embedding(words).flatten(-2))


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """For a recurrent layer that reads one number per step, and for a linear one that reads them all."""
    if not (r.values.distinct and r.data.input_low >= 0 and r.data.input_high < MOST):
        return
    words = int(r.data.input_high) + 1
    yield Change(
        name="embed-names",
        family="embed-names",
        summary=f"Put an embedding of the {words} numbers first",
        code=(
            f"self.embedding = nn.Embedding({words}, {WIDTH})  # in __init__; the next layer takes {WIDTH} numbers per word\n"
            "x = self.embedding(x.long())  # first in forward, in place of the numbers themselves"
        ),
        size=1.0,
        answers=ANSWERS,
        touches=("inputs",),
        transform=partial(_embed, words=words),
    )


def _embed(setup: Setup, generator: torch.Generator, *, words: int) -> Setup:
    path, _ = entry(setup, (nn.RNNBase, nn.Linear))
    old = setup.model.get_submodule(path)
    like = next(old.parameters())
    layer: nn.Module
    if isinstance(old, nn.Linear):
        fan = old.in_features * WIDTH
        layer = nn.Linear(fan, old.out_features, bias=old.bias is not None)
    elif isinstance(old, (nn.RNN, nn.LSTM, nn.GRU)) and old.input_size == 1:
        fan = old.hidden_size
        layer = _made_like(old)
    else:
        raise SetupError(
            f"{path} is {old}; needed is a linear layer, or a recurrent one that reads one number per step."
        )
    new = Embedded(layer, words, WIDTH)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(fan**-0.5 * (2 * torch.rand(parameter.shape, generator=generator) - 1))
        new.embedding.weight.copy_(torch.randn(new.embedding.weight.shape, generator=generator))
    new.to(device=like.device, dtype=like.dtype).train(old.training)
    gone = {id(p) for p in old.parameters()}
    for group in setup.optimizer.param_groups:
        group["params"] = [p for p in group["params"] if id(p) not in gone]
    setup.optimizer.param_groups[0]["params"].extend(new.parameters())
    put(setup.model, path, new)
    return setup.replaced(keep_facts=True)


def _made_like(old: nn.RNN | nn.LSTM | nn.GRU) -> nn.Module:
    """The same recurrent layer for vectors."""
    options: dict[str, Any] = {
        name: getattr(old, name) for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional")
    }
    if type(old) is nn.RNN:
        options["nonlinearity"] = old.nonlinearity
    return type(old)(WIDTH, old.hidden_size, **options)


REMEDY = Prescription("embed-names", ANSWERS, propose)
