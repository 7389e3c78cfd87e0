"""What published debugging tools say of the same setups: how many failing ones they flag, and how many healthy ones.

    python -m venv peers
    peers/bin/pip install -c constraints.txt -e . torchtest2==0.1.0 torchmortem==0.1.1 torch-audit==0.3.0
    peers/bin/python -m benchmarks.peers

Each runs as its own documentation shows, on seed 0:

    torchtest2    one call of check_model on one batch before training; "fail or warn", and "fail" alone
    torchmortem   Autopsy around the loop, for at most 400 steps; a finding of severity warning or worse, and critical alone
    torch-audit   autopatch around the loop, every step, at most 400; findings of any severity outside "Performance"
    ours          trainability.preflight, which trains nothing, and preflight with the first tenth of the steps

A tool that raises an error has not flagged anything; how many did is printed. `diagnose` is measured by
`benchmarks.diagnose_cases`: it needs many runs, and names causes and remedies, which none of these does.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

import torch

from benchmarks.cases import CASES
from trainability import Setup, preflight
from trainability.setup import as_setup
from trainability.setup.batches import steps

STEPS = 400
SILENT = ("INFO", "info", "PASS", "SKIP")


@dataclass
class Said:
    """What one reading of a tool's answer came to."""

    failing: int = 0
    healthy: int = 0
    errors: int = 0
    seconds: list[float] = field(default_factory=list)


def torchtest2(setup: Setup) -> dict[str, bool]:
    import torchtest2 as tool

    x, y = setup.batches.sample(min(setup.batches.batch_size, 64))
    report = tool.check_model(setup.model, x, y, loss_fn=setup.loss_fn, optimizer=setup.optimizer)
    words = {r.status.value for r in report.results}
    return {"torchtest2, fail or warn": bool(words & {"FAIL", "WARN"}), "torchtest2, fail": "FAIL" in words}


def torchmortem(setup: Setup) -> dict[str, bool]:
    from torchmortem import Autopsy
    from torchmortem.types import Severity

    with Autopsy(setup.model, optimizer=setup.optimizer) as autopsy:
        loop(setup, lambda loss: autopsy.step(loss=loss))
    report = autopsy.get_report()
    worst = max((f.severity for f in report.findings), default=Severity.INFO) if report else Severity.INFO
    return {
        "torchmortem, warning or worse": worst >= Severity.WARNING,
        "torchmortem, critical": worst >= Severity.CRITICAL,
    }


def torch_audit(setup: Setup) -> dict[str, bool]:
    from torch_audit import autopatch

    auditor = autopatch(setup.model, optimizer=setup.optimizer, every_n_steps=1, reporters=[])
    try:
        loop(setup, lambda loss: None)
        result = auditor.finish(report=False)
    finally:
        auditor.unpatch()
    loud = [f for f in result.findings if result.rules[f.rule_id].category != "Performance"]
    return {"torch-audit, outside performance": bool(loud)}


def ours(setup: Setup, share: float) -> dict[str, bool]:
    found = preflight(setup, steps=share or None)
    name = "trainability.preflight" + (", first tenth of the steps" if share else ", no step")
    return {name: found.verdict == "will-not-train"}


def loop(setup: Setup, after: Callable[[float], None]) -> None:
    """A user's own loop, with the Setup's own step where it has one."""
    setup.model.train()
    for _, (x, y) in zip(range(min(setup.steps, STEPS)), steps(setup.batches, 0), strict=False):
        if setup.step is not None:
            loss = setup.step(setup.model, (x, y), setup.optimizer)
        else:
            setup.optimizer.zero_grad()
            loss = setup.loss_fn(setup.model(x), y)
            if loss.requires_grad:
                loss.backward()
            setup.optimizer.step()
        after(float(torch.as_tensor(loss).detach()))


TOOLS: dict[str, tuple[str | None, Callable[[Setup], dict[str, bool]]]] = {
    "torchtest2": ("torchtest2", torchtest2),
    "torchmortem": ("torchmortem", torchmortem),
    "torch-audit": ("torch_audit", torch_audit),
    "ours, no step": (None, partial(ours, share=0.0)),
    "ours, a tenth": (None, partial(ours, share=0.1)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases; all without")
    parser.add_argument("--tools", nargs="*", default=list(TOOLS))
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    cases = [CASES[n] for n in options.names] if options.names else list(CASES.values())
    forms = [(c.name, c.setup, c.healthy) for c in cases]
    forms += [(f"{c.name}, repaired", c.fixed, True) for c in cases if c.fixed is not None]
    failing = sum(not healthy for _, _, healthy in forms)
    rows: dict[str, Said] = {}
    for key in options.tools:
        module, tool = TOOLS[key]
        if module and find_spec(module) is None:
            print(f"{key}: not installed, left out", file=sys.stderr)
            continue
        for name, build, healthy in forms:
            torch.manual_seed(0)
            setup = as_setup(build)
            began = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    answers = tool(setup)
            except Exception as error:
                print(f"{key} on {name}: {type(error).__name__}: {str(error).splitlines()[0][:90]}", file=sys.stderr)
                rows.setdefault(key, Said()).errors += 1
                continue
            for reading, flagged in answers.items():
                row = rows.setdefault(reading, Said())
                row.seconds.append(time.perf_counter() - began)
                row.failing += flagged and not healthy
                row.healthy += flagged and healthy
    print(f"{'':50} failing of {failing:3}  healthy of {len(forms) - failing:3}  seconds, median")
    for name, row in rows.items():
        if row.seconds:
            print(f"{name:50} {row.failing:14} {row.healthy:15} {statistics.median(row.seconds):16.2f}")
        if row.errors:
            print(f"{name:50} raised an error on {row.errors}")


if __name__ == "__main__":
    main()
