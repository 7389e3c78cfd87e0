"""Pre-flight every case, before training and with a tenth of the budget, and print what was said and how long it took.

python -m benchmarks.preflight_cases                # all cases and the repaired forms
python -m benchmarks.preflight_cases lr-ten digits-mlp
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.cases import CASES
from trainability import Preflight, Setup, SetupError, preflight
from trainability.setup import as_setup

WORDS = {"trains": "trains", "will-not-train": "will not", "uncertain": "uncertain"}


@dataclass
class Row:
    name: str
    kind: str
    accepted: tuple[str, ...]
    found: Preflight
    seconds: float


def one(name: str, kind: str, build: Callable[[], Setup], accepted: tuple[str, ...], steps: float | None) -> Row:
    setup = as_setup(build)
    began = time.perf_counter()
    found = preflight(setup, steps=steps)
    return Row(name, kind, accepted, found, time.perf_counter() - began)


def line(row: Row) -> str:
    found = row.found
    chance = found.probability
    named = [*(f.cause for f in found.findings), *(f"({f.cause})" for f in found.suspects)]
    mark = "*" if chance.outside else " "
    return (
        f"{row.name:34} {row.kind:8} {WORDS[found.verdict]:9} {chance.value:4.0%} {chance.low:4.0%} {chance.high:4.0%}{mark} "
        f"{row.seconds:5.2f}s  {', '.join(named[:4])}"
    )


def summary(rows: list[Row]) -> str:
    told = []
    for kind in ("failing", "healthy", "fixed"):
        chosen = [r for r in rows if r.kind == kind]
        if not chosen:
            continue
        count = {w: sum(r.found.verdict == w for r in chosen) for w in WORDS}
        wrong = sum((r.found.probability.value >= 0.5) != (kind != "failing") for r in chosen)
        found = sum(bool(r.found.findings) for r in chosen)
        cells = [f"{count[w]} {WORDS[w]}" for w in ("will-not-train", "uncertain", "trains")]
        text = f"{kind} {len(chosen)}: {', '.join(cells)}; probability on the wrong side of one half {wrong}; findings {found}"
        if kind == "failing":
            named = [[f.cause for f in (*r.found.findings, *r.found.suspects)] for r in chosen]
            first = sum(bool(n) and n[0] in r.accepted for n, r in zip(named, chosen, strict=True))
            three = sum(bool(set(n[:3]) & set(r.accepted)) for n, r in zip(named, chosen, strict=True))
            text += f"; an accepted cause first {first}, among three {three}"
        told.append(text)
    seconds = [r.seconds for r in rows]
    told.append(f"seconds: median {statistics.median(seconds):.2f}, most {max(seconds):.2f}")
    return "\n".join(told)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [CASES[n] for n in options.names] if options.names else list(CASES.values())
    for steps, title in ((None, "before training"), (0.1, "with the first tenth of the steps")):
        print(f"\n{title}: verdict, probability with interval (* outside of the fitted setups), causes (suspects)\n")
        rows = []
        for case in chosen:
            forms = [("healthy" if case.healthy else "failing", case.setup)]
            forms += [("fixed", case.fixed)] if case.fixed else []
            for kind, build in forms:
                try:
                    rows.append(one(case.name, kind, build, case.causes if kind == "failing" else (), steps))
                except SetupError as error:
                    print(f"{case.name}: {error}", flush=True)
                    continue
                print(line(rows[-1]), flush=True)
        print("\n" + summary(rows))


if __name__ == "__main__":
    main()
