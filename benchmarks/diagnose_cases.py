"""Diagnose every case and print what was flagged, named and cured.

    python -m benchmarks.diagnose_cases                 # all cases
    python -m benchmarks.diagnose_cases lr-ten digits-mlp
    python -m benchmarks.diagnose_cases --forms fixed   # the repaired forms: any alarm there is a false one

A remedy is judged by the case's own metric on five seeds that the diagnosis has not used.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial

from benchmarks.cases import CASES, Case
from trainability import SetupError, diagnose
from trainability.lab import run_all

UNSEEN = range(9001, 9006)


@dataclass
class Row:
    name: str
    healthy: bool
    verdict: str
    causes: tuple[str, ...]
    accepted: tuple[str, ...]
    remedies: int
    remedy: str
    passes: int
    seconds: float

    @property
    def flagged(self) -> bool:
        return self.verdict != "trains" if not self.healthy else self.verdict == "will-not-train" or bool(self.causes)


def unseen_passes(remedy, case: Case, seed: int) -> bool:
    changed = remedy.apply(case.setup)
    changed.train(seed=seed)
    return bool(case.metric(changed))


def diagnose_case(case: Case, form: str) -> Row:
    build = case.setup if form == "setup" else case.fixed
    began = time.perf_counter()
    d = diagnose(build)
    seconds = time.perf_counter() - began
    passes = -1
    if d.remedies and form == "setup":
        passes = sum(run_all([partial(unseen_passes, d.remedies[0], case, s) for s in UNSEEN]))
    return Row(
        name=case.name,
        healthy=case.healthy or form == "fixed",
        verdict=d.verdict,
        causes=tuple(f.cause for f in d.findings),
        accepted=case.causes if form == "setup" else (),
        remedies=len(d.remedies),
        remedy=d.remedies[0].change.name if d.remedies else "-",
        passes=passes,
        seconds=seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--forms", choices=["setup", "fixed"], default="setup")
    options = parser.parse_args()
    chosen = [CASES[n] for n in options.names] if options.names else list(CASES.values())
    if options.forms == "fixed":
        chosen = [c for c in chosen if c.fixed]
    rows = []
    for case in chosen:
        try:
            row = diagnose_case(case, options.forms)
        except SetupError as error:
            print(f"{case.name}: {error}", flush=True)
            continue
        rows.append(row)
        first = "ok" if row.accepted and row.causes[:1] and row.causes[0] in row.accepted else "  "
        three = "ok" if row.accepted and set(row.causes[:3]) & set(row.accepted) else "  "
        print(
            f"{row.name:38} {row.verdict:15} first {first} three {three} passes {row.passes:2d} "
            f"{row.seconds:5.1f}s  {row.remedy} | {', '.join(row.causes)}",
            flush=True,
        )
    sick = [r for r in rows if not r.healthy]
    well = [r for r in rows if r.healthy]
    if sick:
        print(
            f"\nfailing {len(sick)}: flagged {sum(r.flagged for r in sick)} "
            f"(will-not-train {sum(r.verdict == 'will-not-train' for r in sick)}), "
            f"cause first {sum(bool(r.causes) and r.causes[0] in r.accepted for r in sick)}, "
            f"in three {sum(bool(set(r.causes[:3]) & set(r.accepted)) for r in sick)}, "
            f"remedy passes on 4 of 5 {sum(r.passes >= 4 for r in sick)}"
        )
    if well:
        print(f"healthy {len(well)}: alarms {sum(r.flagged for r in well)}")
    seconds = [r.seconds for r in rows]
    print(f"seconds: median {statistics.median(seconds):.1f}, most {max(seconds):.1f}", file=sys.stdout)


if __name__ == "__main__":
    main()
