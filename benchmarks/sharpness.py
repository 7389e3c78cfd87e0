"""Sharpness of networks with a million weights on 1000 samples: products, residual and seconds.

    python -m benchmarks.sharpness            # ours alone where the others are not installed
    python -m benchmarks.sharpness --loads    # with the spectral density and the trace

At initialization, float32, full batch. "true" is our own longer run, to a residual of 1e-4 of the spectrum's width (which
puts its error near 1e-7), with a second search for anything larger; errors are against it. In the same process, through
import guards: scipy's `eigsh(which="LA")` on `curvlinops.HessianLinearOperator`, and
`pyhessian.hessian(...).eigenvalues(top_n=1)`, each to the same tolerance of 1e-2 and with its defaults otherwise.
PyHessian's is a power iteration: it looks for the largest magnitude. Neither belongs in this package's own environment;
install them in another one, beside torch, NumPy and SciPy.
"""

from __future__ import annotations

import argparse
import importlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trainability.measures import hessian
from trainability.measures.density import spectral_density
from trainability.measures.sharpness import sharpness
from trainability.measures.spectrum import extremes
from trainability.measures.trace import trace

TOL = 1e-2


class Attention(nn.Module):
    """One encoder layer over 16 tokens, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
        self.head = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x).mean(1))


def mlp(activation: type[nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(256, 864), activation(), nn.Linear(864, 864), activation(), nn.Linear(864, 10))


def conv() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(64, 192, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(768, 1140), nn.ReLU(), nn.Linear(1140, 10))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP relu": (lambda: mlp(nn.ReLU), (256,)),
    "MLP tanh": (lambda: mlp(nn.Tanh), (256,)),
    "conv": (conv, (1, 16, 16)),
    "attention": (Attention, (16, 256)),
}


def one_hot_mse(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.mse_loss(output, nn.functional.one_hot(target, 10).to(output.dtype))


class OneHotMSE(nn.MSELoss):
    """For tools that want a module."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return super().forward(output, nn.functional.one_hot(target, 10).to(output.dtype))


def timed(job: Callable[[], object]) -> tuple[object, float]:
    began = time.perf_counter()
    found = job()
    return found, time.perf_counter() - began


def with_scipy(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> tuple[float, int]:
    from curvlinops import HessianLinearOperator
    from scipy.sparse.linalg import LinearOperator, eigsh

    parameters = dict(model.named_parameters())
    try:
        operator = HessianLinearOperator(model, loss_fn, parameters, [(x, y)], check_deterministic=False)
    except (TypeError, AttributeError):  # older ones take a list
        operator = HessianLinearOperator(model, loss_fn, list(parameters.values()), [(x, y)], check_deterministic=False)
    whole = operator.to_scipy()
    count = 0

    def matvec(v: object) -> object:
        nonlocal count
        count += 1
        return whole @ v

    n = whole.shape[0]
    value = eigsh(
        LinearOperator((n, n), matvec=matvec, dtype=whole.dtype), k=1, which="LA", tol=TOL, return_eigenvectors=False
    )
    return float(value[0]), count


def with_pyhessian(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> tuple[float, int]:
    import pyhessian

    module_of: Any = importlib.import_module("pyhessian.hessian")  # the name in the package is the class
    model.zero_grad()
    tool = pyhessian.hessian(model, loss_fn, data=(x, y), cuda=False)
    count, inner = 0, module_of.hessian_vector_product

    def counted(*args: object) -> object:
        nonlocal count
        count += 1
        return inner(*args)

    module_of.hessian_vector_product = counted
    try:
        value = tool.eigenvalues(maxIter=100, tol=TOL, top_n=1)[0][0]
    finally:
        module_of.hessian_vector_product = inner
        model.zero_grad()
    return float(value), count


def measure(name: str, loss_name: str, loads: bool) -> None:
    build, shape = NETWORKS[name]
    torch.manual_seed(0)
    model = build()
    samples = 1000
    x, y = torch.randn(samples, *shape), torch.randint(0, 10, (samples,))
    loss_fn: nn.Module = nn.CrossEntropyLoss() if loss_name == "cross-entropy" else OneHotMSE()
    parameters = list(model.parameters())

    def loss() -> Tensor:
        return loss_fn(model(x), y)

    products = hessian.of_loss(loss, parameters)
    true = extremes(products, largest=1, smallest=1, tol=1e-4, max_steps=120)
    top, low = float(true.largest[0]), float(true.smallest[0])
    del products
    n = sum(p.numel() for p in parameters)
    print(
        f"\n{name}, {loss_name}, {n / 1e6:.2f} M weights: true {top:.6g} (settled: {bool(true.converged)}), smallest {low:.4g}"
    )
    found, seconds = timed(lambda: sharpness(loss, parameters, tol=TOL))
    report("ours", found.value, top, found.steps, seconds, f"residual {found.residual / abs(found.value):.1e}")  # type: ignore[attr-defined]
    for label, tool in (("curvlinops + eigsh", with_scipy), ("PyHessian", with_pyhessian)):
        try:
            (value, count), took = timed(lambda tool=tool: tool(model, loss_fn, x, y))  # type: ignore[misc]
        except ImportError as error:
            print(f"  {label:20} not installed ({error.name})")
            continue
        except Exception as error:
            print(f"  {label:20} {type(error).__name__}: {str(error)[:90]}")
            continue
        report(label, value, top, count, took, f"{took / seconds:.1f} times our seconds")
    if loads:
        products = hessian.of_loss(loss, parameters)
        density, took = timed(lambda: spectral_density(products, probes=2, steps=32))
        print(f"  density: {density.products} products, {took:.1f} s")  # type: ignore[attr-defined]
        estimate, took = timed(lambda: trace(products))
        print(
            f"  trace: {float(estimate.value):.4g} ± {float(estimate.standard_error):.2g}, "  # type: ignore[attr-defined]
            f"{estimate.products} products, {took:.1f} s"  # type: ignore[attr-defined]
        )


def report(label: str, value: float, top: float, count: int, seconds: float, more: str) -> None:
    print(
        f"  {label:20} {value:11.6g}  error {abs(value - top) / abs(top):8.1e}  {count:4} products  {seconds:6.2f} s  {more}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="of torch; more than one is slower beside other work")
    parser.add_argument("--only", default="", help="networks whose name holds this")
    parser.add_argument("--loads", action="store_true", help="the spectral density and the trace too")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, tolerance {TOL:g}")
    for name in NETWORKS:
        if given.only in name:
            for loss_name in ("cross-entropy", "mse"):
                measure(name, loss_name, given.loads)


if __name__ == "__main__":
    main()
