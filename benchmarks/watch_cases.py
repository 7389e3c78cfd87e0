"""What a watch says of plain training loops: how many failing ones it names, and how many healthy ones it leaves alone.

    python -m benchmarks.watch_cases              # every case at the default detail, seed 0, about four minutes
    python -m benchmarks.watch_cases lr-ten digits-mlp --detail full

Each case's setup is trained with the loop that anybody writes, for its whole budget, under
`trainability.watch(model, optimizer, loss_fn)`. A failing form counts as flagged where anything is found, and as named where
the strongest finding is a cause that the case accepts; a healthy control or a repaired form should have none. One line per
form; !! where it went otherwise. What a watch cannot know (validation data, what other seeds do) is in the cases too.
"""

from __future__ import annotations

import argparse
import time
import warnings

import torch

import trainability as tr
from benchmarks.cases import CASES
from trainability import Setup
from trainability.setup import as_setup
from trainability.setup.batches import steps


def loop(setup: Setup) -> None:
    """A user's own loop, with the Setup's own step where it has one."""
    setup.model.train()
    for _, (x, y) in zip(range(setup.steps), steps(setup.batches, 0), strict=False):
        if setup.step is not None:
            setup.step(setup.model, (x, y), setup.optimizer)
            continue
        setup.optimizer.zero_grad()
        setup.loss_fn(setup.model(x), y).backward()
        setup.optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases; all without")
    parser.add_argument("--detail", default="default", choices=["default", "full"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    cases = [CASES[n] for n in given.names] if given.names else list(CASES.values())
    failing = flagged = named = healthy = alarmed = 0
    for case in cases:
        for form, build in (("", case.setup), (", repaired", case.fixed)):
            if build is None:
                continue
            well = case.healthy or bool(form)
            torch.manual_seed(given.seed)
            setup, began, ended = as_setup(build), time.perf_counter(), ""
            w = tr.watch(setup.model, setup.optimizer, setup.loss_fn, detail=given.detail)
            try:
                with w:
                    loop(setup)
            except Exception as error:  # a failing loop may raise; what was found before counts
                ended = f"  raised {type(error).__name__}"
            found = [f.cause for f in w.findings]
            right = bool(found) and found[0] in case.causes
            failing, healthy = failing + (not well), healthy + well
            flagged, named, alarmed = (
                flagged + (bool(found) and not well), named + (right and not well), alarmed + (bool(found) and well),
            )  # fmt: skip
            wrong = bool(found) if well else not right
            print(
                f"{'!!' if wrong else '  '} {case.name + form:50} {w.outcome or '-':9} {time.perf_counter() - began:5.1f} s  "
                f"{', '.join(found) or '-'}{ended}{'' if well else '   accepted: ' + ', '.join(case.causes)}"
                + (f"   {w.error}" if w.error and not ended else ""),
                flush=True,
            )
    print(f"failing: {flagged} of {failing} flagged, {named} named right; healthy: {alarmed} of {healthy} flagged")


if __name__ == "__main__":
    main()
