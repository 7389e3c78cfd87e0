"""Random setups of many families, of which about half train: what a calibrated probability is learned and judged on.

`draw(index)` builds one Setup from one number: a problem, an architecture, weights of any scale, an optimizer with any
learning rate, a batch size, data scaled or not, and now and then one of the common mistakes. Nothing in it looks at
whether the setup will train.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import sklearn.datasets
import torch
from torch import Tensor, nn

from trainability import Setup

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "leaky": lambda: nn.LeakyReLU(0.1),
    "elu": nn.ELU, "selu": nn.SELU, "silu": nn.SiLU,
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """One random setup and what it was drawn as.

    `problem`, `architecture` and `optimizer` are the families that are held out; `says` tells the rest.
    """

    setup: Setup
    problem: str
    architecture: str
    optimizer: str
    says: dict[str, object]


@dataclass(frozen=True)
class Data:
    x: Tensor
    y: Tensor
    kind: str  # "classes", "binary", "regression", "multi-label", "words"
    outputs: int
    image: tuple[int, int, int] | None = None


def _standard(x: np.ndarray) -> Tensor:
    x = np.asarray(x, dtype=np.float64)
    return torch.tensor((x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1.0), dtype=torch.float32)


def _classes(x: np.ndarray, y: np.ndarray, n: int = 600) -> Data:
    order = np.random.RandomState(0).permutation(len(x))[:n]
    return Data(_standard(x[order]), torch.tensor(y[order]), "classes", int(y.max()) + 1)


def _regression(x: np.ndarray, y: np.ndarray) -> Data:
    return Data(_standard(x), _standard(y.reshape(len(y), -1)), "regression", y.reshape(len(y), -1).shape[1])


@cache
def problem(name: str) -> Data:
    """The data of one problem, standardised."""
    rng = np.random.RandomState(7)
    if name == "digits":
        x, y = sklearn.datasets.load_digits(return_X_y=True)
        order = np.random.RandomState(0).permutation(len(x))[:700]
        return Data(torch.tensor(x[order] / 16, dtype=torch.float32), torch.tensor(y[order]), "classes", 10, (1, 8, 8))
    if name == "wine":
        return _classes(*sklearn.datasets.load_wine(return_X_y=True))
    if name == "iris":
        return _classes(*sklearn.datasets.load_iris(return_X_y=True))
    if name == "breast-cancer":
        x, y = sklearn.datasets.load_breast_cancer(return_X_y=True)
        return Data(_standard(x), torch.tensor(y[:, None], dtype=torch.float32), "binary", 1)
    if name == "circles":
        x, y = sklearn.datasets.make_circles(300, noise=0.05, factor=0.5, random_state=0)
        return Data(_standard(x), torch.tensor(y[:, None], dtype=torch.float32), "binary", 1)
    if name == "moons":
        x, y = sklearn.datasets.make_moons(400, noise=0.15, random_state=0)
        return Data(_standard(x), torch.tensor(y[:, None], dtype=torch.float32), "binary", 1)
    if name == "spirals":
        n, k = 120, 3
        t = np.linspace(0.1, 1, n)
        arms = [np.c_[t * np.cos(6 * t + 2.1 * c), t * np.sin(6 * t + 2.1 * c)] for c in range(k)]
        x = np.concatenate(arms) + rng.randn(n * k, 2) * 0.02
        return _classes(x, np.repeat(np.arange(k), n))
    if name == "blobs":
        x, y = sklearn.datasets.make_blobs(500, n_features=16, centers=8, cluster_std=4.0, random_state=1)
        return _classes(x, y)
    if name == "diabetes":
        return _regression(*sklearn.datasets.load_diabetes(return_X_y=True))
    if name == "friedman":
        return _regression(*sklearn.datasets.make_friedman1(400, noise=0.5, random_state=0))
    if name == "sine":
        x = rng.uniform(-3, 3, (256, 1))
        return _regression(x, np.sin(2 * x[:, 0]))
    if name == "teacher":
        x = rng.randn(400, 20)
        hidden = np.maximum(x @ rng.randn(20, 8) / math.sqrt(20), 0)
        return _regression(x, hidden @ rng.randn(8, 3))
    if name == "distance":
        x = rng.randn(400, 6)
        return _regression(x, np.linalg.norm(x[:, :3] - x[:, 3:], axis=1))
    if name == "linear":
        x = rng.randn(300, 30)
        return _regression(x, x @ (rng.randn(30) * (rng.rand(30) < 0.2)) + 0.1 * rng.randn(300))
    if name == "autoencoder":
        x = sklearn.datasets.load_digits().data[:500] / 16
        return Data(torch.tensor(x, dtype=torch.float32), torch.tensor(x, dtype=torch.float32), "regression", 64)
    if name == "multi-label":
        x = rng.randn(400, 24)
        y = (x @ rng.randn(24, 6) + 0.3 * rng.randn(400, 6) > 0.5).astype(np.float32)
        return Data(_standard(x), torch.tensor(y), "multi-label", 6)
    if name == "parity":
        x = rng.choice([-1.0, 1.0], (400, 10))
        y = (x[:, 0] * x[:, 1] * x[:, 2] > 0).astype(np.float32)
        return Data(torch.tensor(x, dtype=torch.float32), torch.tensor(y[:, None]), "binary", 1)
    if name == "noise":
        x = rng.randn(300, 12)
        return Data(_standard(x), torch.tensor(rng.randint(0, 4, 300)), "classes", 4)
    if name == "words":
        x = rng.randint(0, 50, (400, 12))
        score = rng.randn(50)[x].mean(1)
        y = np.digitize(score, np.quantile(score, [1 / 3, 2 / 3]))
        return Data(torch.tensor(x), torch.tensor(y), "words", 3)
    if name == "order":
        x = rng.randn(300, 10, 3)
        y = (x[:, :5, 0].mean(1) > x[:, 5:, 0].mean(1)).astype(np.int64)
        return Data(torch.tensor(x, dtype=torch.float32), torch.tensor(y), "sequence", 2)
    raise ValueError(f"no problem {name!r}")


PROBLEMS = (
    "digits", "wine", "iris", "breast-cancer", "circles", "moons", "spirals", "blobs", "diabetes", "friedman", "sine",
    "teacher", "distance", "linear", "autoencoder", "multi-label", "parity", "noise", "words", "order",
)  # fmt: skip


class Residual(nn.Module):
    def __init__(self, width: int, activation: Callable[[], nn.Module], norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.first, self.act, self.second = nn.Linear(width, width), activation(), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.act(self.first(self.norm(x))))


class MeanOfWords(nn.Module):
    def __init__(self, words: int, width: int, rest: nn.Module) -> None:
        super().__init__()
        self.embedding, self.rest = nn.Embedding(words, width), rest

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.embedding(x).mean(1))


class LastState(nn.Module):
    def __init__(self, features: int, width: int, outputs: int, cell: str) -> None:
        super().__init__()
        kinds = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}
        self.cell, self.head = kinds[cell](features, width, batch_first=True), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self, features: int, width: int, outputs: int) -> None:
        super().__init__()
        self.into = nn.Linear(features, width)
        self.norm, self.attend = nn.LayerNorm(width), nn.MultiheadAttention(width, 2, batch_first=True)
        self.after, self.ff = (
            nn.LayerNorm(width),
            nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)),
        )
        self.head = nn.Linear(width, outputs)
        self.places = nn.Parameter(torch.randn(1, 10, width) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.into(x) + self.places
        y = self.norm(x)
        x = x + self.attend(y, y, y, need_weights=False)[0]
        return self.head((x + self.ff(self.after(x))).mean(1))


class Dice:
    """A seeded source of the choices that a setup consists of."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.RandomState(np.random.SeedSequence(seed).generate_state(4))

    def of(self, options: list | tuple | dict, p: list[float] | None = None):
        options = list(options)
        return options[self.rng.choice(len(options), p=p)]

    def chance(self, p: float) -> bool:
        return bool(self.rng.rand() < p)

    def decades(self, low: float, high: float) -> float:
        return float(10 ** self.rng.uniform(low, high))

    def whole(self, low: float, high: float) -> int:
        """A whole number, uniform in its logarithm."""
        return round(math.exp(self.rng.uniform(math.log(low), math.log(high))))


def _network(dice: Dice, data: Data, said: dict[str, object]) -> tuple[nn.Module, str]:
    features = data.x[0].numel()
    name = dice.of(ACTIVATIONS, [0.36, 0.16, 0.12, 0.09, 0.08, 0.07, 0.06, 0.06])
    act = ACTIVATIONS[name]
    width = dice.whole(4, 128)
    said |= {"activation": name, "width": width}
    if data.kind == "sequence":
        kind = dice.of(["gru", "lstm", "rnn", "attention"])
        width = max(4, width // 4 * 4 // 2 * 2)
        width = min(width - width % 2, 48)
        if kind == "attention":
            return Attention(data.x.shape[2], width, data.outputs), "attention"
        return LastState(data.x.shape[2], width, data.outputs, kind), "recurrent"
    if data.image and dice.chance(0.45):
        return _convolutions(dice, data, act, said), "convolution"
    kind = dice.of(["plain", "batch-norm", "layer-norm", "residual"], [0.64, 0.12, 0.08, 0.16])
    if kind == "residual":
        blocks = dice.whole(1, 10)
        said["depth"] = 2 * blocks + 2
        norm = dice.chance(0.4)
        into = nn.Linear(width if data.kind == "words" else features, width)
        net: nn.Module = nn.Sequential(
            into, *(Residual(width, act, norm) for _ in range(blocks)), nn.Linear(width, data.outputs)
        )
    else:
        depth = dice.of([1, dice.whole(2, 6), dice.whole(2, 21)], [0.08, 0.62, 0.3])
        said["depth"] = depth
        layers: list[nn.Module] = []
        size = width if data.kind == "words" else features
        norms = {"batch-norm": nn.BatchNorm1d, "layer-norm": nn.LayerNorm}
        drop = dice.of([0.1, 0.3, 0.5, 0.8]) if dice.chance(0.08) else 0.0
        for i in range(depth - 1):
            bottleneck = 1 if dice.chance(0.01) else width
            layers.append(nn.Linear(size, bottleneck))
            size = bottleneck
            if kind in norms:
                layers.append(norms[kind](size))
            if not (name == "relu" and kind == "plain" and dice.chance(0.01) and i == 0):
                layers.append(act())
            if drop:
                layers.append(nn.Dropout(drop))
        said["dropout"] = drop
        net = nn.Sequential(*layers, nn.Linear(size, data.outputs))
        if depth == 1:
            kind = "plain"
    if data.kind == "words":
        return MeanOfWords(50, width, net), kind
    if kind == "plain":
        kind = "deep" if said["depth"] > 7 else "saturating" if name in ("sigmoid", "tanh") else "rectifying"  # type: ignore[operator]
    return net, kind


def _convolutions(dice: Dice, data: Data, act: Callable[[], nn.Module], said: dict[str, object]) -> nn.Module:
    channels, depth = dice.whole(4, 12), dice.of([1, 2, 3, 6])
    said |= {"depth": depth + 1, "width": channels}
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8))]
    size = 1
    norm = dice.chance(0.35)
    for i in range(depth):
        layers += [nn.Conv2d(size, channels, 3, padding=1, stride=2 if i in (0, 1) else 1)]
        layers += [nn.BatchNorm2d(channels)] if norm else []
        layers += [act()]
        size = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(data.outputs))


def _initialize(dice: Dice, net: nn.Module, said: dict[str, object]) -> None:
    scheme = dice.of(["default", "he", "xavier", "lecun", "orthogonal", "uniform", "normal", "constant"],
                     [0.38, 0.18, 0.15, 0.08, 0.06, 0.07, 0.06, 0.02])  # fmt: skip
    scale = dice.decades(-2, 1.3) if dice.chance(0.18) else dice.decades(-0.3, 0.3) if dice.chance(0.3) else 1.0
    spread = dice.decades(-3, 0.3)
    said |= {
        "scheme": scheme,
        "scale": scale,
        "spread": spread if scheme in ("uniform", "normal", "constant") else None,
    }
    for name, p in net.named_parameters():
        if p.ndim < 2 or "norm" in name:
            continue
        with torch.no_grad():
            if scheme == "he":
                nn.init.kaiming_normal_(p)
            elif scheme == "xavier":
                nn.init.xavier_uniform_(p)
            elif scheme == "lecun":
                nn.init.normal_(p, std=1 / math.sqrt(max(p[0].numel(), 1)))
            elif scheme == "orthogonal":
                nn.init.orthogonal_(p)
            elif scheme == "uniform":
                nn.init.uniform_(p, -spread, spread)
            elif scheme == "normal":
                nn.init.normal_(p, std=spread)
            elif scheme == "constant":
                nn.init.constant_(p, 0.0 if dice.chance(0.3) else spread)
            p.mul_(scale)
    if dice.chance(0.2):
        bias = dice.of([0.0, 0.0, 0.1, -1.0, 1.0, -10.0], [0.5, 0.1, 0.15, 0.1, 0.1, 0.05])
        said["bias"] = bias
        for module in net.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)) and module.bias is not None:
                nn.init.constant_(module.bias, bias)


def _optimizer(dice: Dice, parameters, said: dict[str, object]) -> tuple[torch.optim.Optimizer, str]:
    kind = dice.of(["sgd", "momentum", "adam", "adamw", "rmsprop", "adagrad"], [0.32, 0.2, 0.28, 0.06, 0.09, 0.05])
    usual = dice.chance(0.62)
    middle = {"sgd": -1.0, "momentum": -1.7, "adam": -2.6, "adamw": -2.6, "rmsprop": -2.7, "adagrad": -1.5}[kind]
    lr = dice.decades(middle - 1, middle + 1) if usual else dice.decades(middle - 4, middle + 2)
    decay = dice.decades(-4, 0.3) if dice.chance(0.12) else 0.0
    said |= {"lr": lr, "weight decay": decay}
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=lr, weight_decay=decay), kind
    if kind == "momentum":
        beta = dice.of([0.9, 0.9, 0.9, 0.5, 0.99])
        said["momentum"] = beta
        return torch.optim.SGD(parameters, lr=lr, momentum=beta, nesterov=dice.chance(0.3), weight_decay=decay), kind
    kinds = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
        "adagrad": torch.optim.Adagrad,
    }
    return kinds[kind](parameters, lr=lr, weight_decay=decay), kind


def _loss(
    dice: Dice, data: Data, net: nn.Module, said: dict[str, object]
) -> tuple[nn.Module, Callable[..., Tensor], Tensor]:
    """The network with its ending, the loss, and the targets as the loss takes them; one in eight has a mistake."""
    wrong, y = dice.chance(0.12), data.y
    if data.kind in ("classes", "words", "sequence"):
        hot = nn.functional.one_hot(y, data.outputs).float()
        if wrong:
            said["mistake"] = fault = dice.of(
                ["softmax, cross-entropy", "sigmoid, cross-entropy", "log of softmax", "relu end"]
            )
            if fault == "log of softmax":
                return nn.Sequential(net, nn.Softmax(1)), lambda p, t: -(p.log()[torch.arange(len(t)), t]).mean(), y
            ending = {
                "softmax, cross-entropy": nn.Softmax(1),
                "sigmoid, cross-entropy": nn.Sigmoid(),
                "relu end": nn.ReLU(),
            }[fault]
            return nn.Sequential(net, ending), nn.CrossEntropyLoss(), y
        kind = dice.of(["cross-entropy", "nll", "squared softmax", "squared one-hot"], [0.66, 0.1, 0.14, 0.1])
        said["loss"] = kind
        if kind == "nll":
            return nn.Sequential(net, nn.LogSoftmax(1)), nn.NLLLoss(), y
        if kind == "squared softmax":
            return nn.Sequential(net, nn.Softmax(1)), nn.MSELoss(), hot
        return (
            net,
            (nn.CrossEntropyLoss(), y)[0] if kind == "cross-entropy" else nn.MSELoss(),
            y if kind == "cross-entropy" else hot,
        )
    if data.kind in ("binary", "multi-label"):
        if wrong:
            said["mistake"] = fault = dice.of(["sigmoid, logits", "softmax of one", "relu end"])
            ending = {"sigmoid, logits": nn.Sigmoid(), "softmax of one": nn.Softmax(1), "relu end": nn.ReLU()}[fault]
            loss: nn.Module = nn.BCELoss() if fault == "softmax of one" else nn.BCEWithLogitsLoss()
            return nn.Sequential(net, ending), loss, y
        kind = dice.of(["logits", "sigmoid", "squared sigmoid"], [0.6, 0.25, 0.15])
        said["loss"] = kind
        if kind == "logits":
            return net, nn.BCEWithLogitsLoss(), y
        return nn.Sequential(net, nn.Sigmoid()), nn.BCELoss() if kind == "sigmoid" else nn.MSELoss(), y
    if wrong:
        said["mistake"] = fault = dice.of(["relu end", "sigmoid end", "tanh end", "broadcast", "sum"])
        if fault == "sum":
            return net, nn.MSELoss(reduction="sum"), y
        if fault == "broadcast":
            return net, nn.MSELoss(), y[:, 0] if data.outputs == 1 else y
        ending = {"relu end": nn.ReLU(), "sigmoid end": nn.Sigmoid(), "tanh end": nn.Tanh()}[fault]
        return nn.Sequential(net, ending), nn.MSELoss(), y
    kind = dice.of(["mse", "l1", "huber"], [0.78, 0.1, 0.12])
    said["loss"] = kind
    return net, {"mse": nn.MSELoss(), "l1": nn.L1Loss(), "huber": nn.HuberLoss()}[kind], y


def _scaled(dice: Dice, data: Data, said: dict[str, object]) -> Data:
    x, y = data.x, data.y
    if x.is_floating_point() and dice.chance(0.22):
        factor = dice.decades(-2, 2.7)
        offset = dice.of([0.0, 0.0, 0.5, 3.0])
        x = (x + offset) * factor
        if dice.chance(0.25) and x.ndim == 2:
            x = x * torch.tensor(10 ** dice.rng.uniform(-1.5, 1.5, x.shape[1]), dtype=x.dtype)
        said |= {"input factor": factor, "input offset": offset}
    if data.kind == "regression" and dice.chance(0.22):
        factor, offset = dice.decades(-2, 2.5), dice.of([0.0, 0.0, 2.0])
        y = (y + offset) * factor
        said |= {"target factor": factor, "target offset": offset}
    return Data(x, y, data.kind, data.outputs, data.image)


def draw(index: int) -> Drawn:
    """The random setup of one number; the same number gives the same setup."""
    dice = Dice(index)
    torch.manual_seed(index)
    said: dict[str, object] = {}
    name = PROBLEMS[index % len(PROBLEMS)]
    data = _scaled(dice, problem(name), said)
    net, architecture = _network(dice, data, said)
    with torch.no_grad():
        net(data.x[:2])  # gives lazy layers their shapes
    _initialize(dice, net, said)
    model, loss, y = _loss(dice, data, net, said)
    if dice.chance(0.02):
        frozen = [p for p in model.parameters() if p.ndim >= 2][:1]
        for p in frozen:
            p.requires_grad_(False)
        said["frozen"] = True
    if dice.chance(0.01):
        original = loss
        loss = lambda out, target: -original(out, target)  # noqa: E731
        said["mistake"] = "sign"
    optimizer, kind = _optimizer(dice, [p for p in model.parameters() if p.requires_grad], said)
    n = len(data.x)
    batch = n if dice.chance(0.15) else min(dice.whole(4, 128), n)
    wanted = dice.whole(100, 1500)
    epochs = max(round(wanted / -(-n // batch)), 1)
    said |= {"batch": batch, "epochs": epochs}
    setup = Setup(model, loss, optimizer, (data.x, y), batch_size=batch, epochs=epochs)
    return Drawn(setup, name, architecture, kind, said)
