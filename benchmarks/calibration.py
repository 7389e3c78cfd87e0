"""Random setups, whether they trained, and what a probability made of their first readings is worth.

    python -m benchmarks.calibration draw RUNS.pkl --first 0 --count 3000   # about 1 s a setup; can be stopped and gone on
    python -m benchmarks.calibration fit RUNS.pkl                           # writes the package's coefficients
    python -m benchmarks.calibration judge RUNS.pkl --figure calibration.png

Every setup is measured as `trainability.preflight` measures it, its first tenth is trained with one data order, and then
the whole budget with another: a user's own run will not have ours.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

import trainability.prognosis
from benchmarks.population import draw
from trainability import Run, Setup, TrainabilityError
from trainability.doctor.probes import snapshot
from trainability.doctor.readings import Snapshot
from trainability.plots import reliability
from trainability.prognosis.features import numbers
from trainability.prognosis.measure import Measured, measure, sample_size
from trainability.prognosis.model import DECIMALS, score
from trainability.prognosis.preflight import SURE
from trainability.prognosis.window import SHARE, Window, as_a_batch, movement

SHARES = (0.02, 0.05, SHARE)
FAMILIES = ("problem", "architecture", "index")
MEMBERS = 12
OPTIONS = {"max_iter": 40, "learning_rate": 0.15, "max_leaf_nodes": 8, "min_samples_leaf": 15, "l2_regularization": 5.0}
COEFFICIENTS = Path(trainability.prognosis.__file__).with_name("coefficients.json")
LEFT_OUT = (
    "features", "samples", "classes", "weights over samples", "steps", "epochs", "weights", "batch size", "depth",
    "narrowest layer", "momentum", "factor", "target size", "input rms",
)  # fmt: skip
"""Sizes and units: they would tell problems apart by name, and put a larger model or budget than any here out of range.
What is left are ratios, which mean the same in any size; leaving these out cost nothing (AUC 0.950 both ways)."""
AGAINST = (
    "end over target", "forecast by a power law", "forecast by a straight line", "end over reference", "end over start",
    "lowest over target", "critical findings", "lost", "equal units", "depth over trainable depth", "largest dead share",
    "largest dead share then", "broadcasts", "sample's loss then over target", "sample's loss then over reference",
)  # fmt: skip
FOR = (
    "promised decrease over what is open", "promised decrease of one step", "promised decrease then over what is open",
    "relative reach", "steps", "share of the way", "explained by a line", "explained by a line, held out",
    "explained by neighbours",
)  # fmt: skip
"""Numbers in which the probability may only fall, or only rise."""


def one(index: int) -> dict[str, object]:
    """Measure and train the random setup of one number."""
    drawn = draw(index)
    setup, budget = drawn.setup, drawn.setup.steps
    began = time.perf_counter()
    measured = measure(setup, curvature=index % 10 != 9)
    seconds = time.perf_counter() - began
    first, moved, seen = beginning(setup)
    run = setup.clone().train(order=1)
    return {
        "index": index, "problem": drawn.problem, "architecture": drawn.architecture, "optimizer": drawn.optimizer,
        "says": drawn.says, "measured": slim(measured), "budget": budget, "moved": moved, "seen": seen, "losses": first.losses,
        "outcome": run.outcome, "trained": run.succeeded, "end": run.end_loss, "start": run.start_loss,
        "constant": run.constant_loss, "target": run.target, "score": run.score, "constant score": run.constant_score,
        "seconds": (seconds, run.seconds),
    }  # fmt: skip


def beginning(setup: Setup) -> tuple[Run, dict[int, float], dict[int, Snapshot]]:
    """The first tenth of the budget on a private copy: the run, and at each mark how far the weights are and what is seen."""
    marks = sorted({max(round(s * setup.steps), 1) for s in SHARES})
    copy = setup.clone()
    start = [p.detach().clone() for p in copy.model.parameters()]
    x, y = copy.batches.sample(sample_size(copy))
    moved: dict[int, float] = {}
    seen: dict[int, Snapshot] = {}

    def at(mark: int) -> None:
        moved[mark] = movement(start, list(copy.model.parameters()))
        seen[mark] = without_values(as_a_batch(snapshot(copy, x, y, step=mark), copy, len(x)))

    return copy.train(steps=marks[-1], observe={m: partial(at, m) for m in marks}), moved, seen


def slim(m: Measured) -> Measured:
    """The same without the weights' own values, which no feature reads."""

    r = m.readings
    healthy = None if r.healthy is None else without_values(r.healthy)
    return replace(m, readings=replace(r, start=without_values(r.start), healthy=healthy))


def without_values(s: Snapshot) -> Snapshot:
    """A snapshot without the weights' own values."""
    return replace(s, weights=tuple(replace(w, values=()) for w in s.weights))


def draw_all(path: Path, first: int, count: int) -> None:
    """Append what is missing of `first` to `first + count` to a file of pickles."""
    done = {row["index"] for row in read(path)} if path.exists() else set()
    torch.set_num_threads(1)
    began = time.perf_counter()
    with path.open("ab") as file:
        for index in range(first, first + count):
            if index in done:
                continue
            try:
                row = one(index)
            except TrainabilityError as error:
                row = {"index": index, "error": str(error)}
            pickle.dump(row, file)
            file.flush()
            if index % 100 == 99:
                print(f"{index + 1 - first} of {count}, {time.perf_counter() - began:.0f} s", flush=True)


def read(path: Path) -> list[dict]:
    """All rows of a file of pickles; a row that was cut off at its end is left out."""
    rows = []
    with path.open("rb") as file:
        while True:
            try:
                rows.append(pickle.load(file))
            except (EOFError, pickle.UnpicklingError):
                return rows


def kept(rows: list[dict]) -> list[dict]:
    """Rows that were measured and trained."""
    return [r for r in rows if "error" not in r]


def features(row: dict, which: str, share: float = SHARE) -> dict[str, float]:
    """The numbers of one row: "before" training, or "after" the first steps."""
    if which == "before":
        return numbers(row["measured"], row["budget"])
    mark = max(round(share * row["budget"]), 1)
    return numbers(
        row["measured"],
        row["budget"],
        Window(row["losses"][:mark], row["moved"].get(mark, np.nan), row["budget"], row["seen"].get(mark)),
    )


def table(rows: list[dict], which: str) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """(names, X, y, row of each): for "after" every row comes once for each share of the budget."""
    shares = SHARES if which == "after" else (SHARE,)
    found = [(i, features(row, which, share)) for share in shares for i, row in enumerate(rows)]
    names = [n for n in found[0][1] if n not in LEFT_OUT]
    X = np.round([[f[n] for n in names] for _, f in found], DECIMALS)
    at = np.array([i for i, _ in found])
    return names, X, np.array([rows[i]["trained"] for i in at], float), at


def fitted(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int, names: Sequence[str] = ()
) -> HistGradientBoostingClassifier:
    """One member: families drawn with replacement, then boosted trees."""
    rng = np.random.RandomState(seed)
    families = np.unique(groups)
    drawn = rng.choice(families, len(families))
    rows = np.concatenate([np.flatnonzero(groups == g) for g in drawn])
    monotone = [(n in FOR) - (n in AGAINST) for n in names] or None
    model = HistGradientBoostingClassifier(**OPTIONS, random_state=seed, monotonic_cst=monotone)
    return model.fit(X[rows], y[rows])


def scores(members: list[HistGradientBoostingClassifier], X: np.ndarray) -> np.ndarray:
    """(members, n) log-odds."""
    return np.array([m.decision_function(X) for m in members])


def platt(z: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Shift a and scale b > 0 for which 1 / (1 + exp(-(a + b z))) has the smallest log loss."""
    found = LogisticRegression(C=1e6).fit(z[:, None], y)
    return float(found.intercept_[0]), float(found.coef_[0, 0])


def held_out(rows: list[dict], which: str, family: str, members: int = 6) -> dict[str, np.ndarray]:
    """Probabilities of every row from members that never saw its family; Platt's line from the other folds alone."""
    names, X, y, at = table(rows, which)
    held = np.array([rows[i][family] for i in at])
    groups = np.array([f"{rows[i]['problem']} {rows[i]['architecture']}" for i in at])
    folds = list(GroupKFold(min(10, len(set(held)))).split(X, y, held))
    z, fold = np.zeros((members, len(y))), np.zeros(len(y), int)
    for k, (train, test) in enumerate(folds):
        fold[test] = k
        z[:, test] = scores([fitted(X[train], y[train], groups[train], s, names) for s in range(members)], X[test])
    p, low, high = np.zeros(len(y)), np.zeros(len(y)), np.zeros(len(y))
    for k in range(len(folds)):
        a, b = platt(z.mean(0)[fold != k], y[fold != k])
        here = fold == k
        all_ = 1 / (1 + np.exp(-(a + b * z[:, here])))
        p[here] = 1 / (1 + np.exp(-(a + b * z[:, here].mean(0))))
        low[here], high[here] = np.quantile(all_, [0.05, 0.95], axis=0)
    share = np.repeat(SHARES, len(rows)) if which == "after" else np.full(len(y), SHARE)
    return {"p": p, "low": low, "high": high, "y": y, "row": at, "share": share, "z": z.mean(0)}


def exported(model: HistGradientBoostingClassifier) -> list:
    """A member as plain lists, as `trainability.prognosis.model.score` reads it."""

    def node(nodes: np.ndarray, i: int) -> object:
        n = nodes[i]
        if n["is_leaf"]:
            return round(float(n["value"]), 4)
        threshold = round(float(n["num_threshold"]), DECIMALS + 1)
        kids = node(nodes, n["left"]), node(nodes, n["right"])
        return [int(n["feature_idx"]), threshold, int(n["missing_go_to_left"]), *kids]

    trees = [node(predictor.nodes, 0) for (predictor,) in model._predictors]
    return [round(float(np.ravel(model._baseline_prediction)[0]), 5), trees]


def fit(rows: list[dict], path: Path) -> None:
    """Fit on all rows, with Platt's line from families held out, and write the coefficients."""
    found: dict[str, object] = {"made by": f"python -m benchmarks.calibration fit, {len(rows)} setups"}
    for which in ("before", "after"):
        names, X, y, at = table(rows, which)
        groups = np.array([f"{rows[i]['problem']} {rows[i]['architecture']}" for i in at])
        out = [held_out(rows, which, family, members=6) for family in ("problem", "architecture")]
        a, b = platt(np.concatenate([o["z"] for o in out]), np.concatenate([o["y"] for o in out]))
        models = [fitted(X, y, groups, s, names) for s in range(MEMBERS)]
        members = [exported(m) for m in models]
        check = np.array([[score(m, list(x)) for x in X[:50]] for m in members])
        assert np.abs(check - scores(models, X[:50])).max() < 0.05, "the exported trees differ from the fitted ones"
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            medians = [None if np.isnan(v) else round(float(v), 4) for v in np.nanmedian(X, 0)]
            ranges = [[round(float(v), 4) for v in np.nanquantile(x, [0.0, 1.0])] for x in X.T]
        found[which] = {
            "features": names, "medians": medians, "ranges": ranges, "shift": round(a, 4), "scale": round(b, 4),
            "members": members,
        }  # fmt: skip
        print(f"{which}: Platt shift {a:.3f}, scale {b:.3f}, {len(names)} numbers")
    path.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def bootstrap(
    p: np.ndarray, y: np.ndarray, groups: np.ndarray, draws: int = 300
) -> dict[str, tuple[float, float, float]]:
    """AUC and Brier score, each with a 95% interval over families drawn with replacement."""
    rng, families = np.random.RandomState(0), np.unique(groups)
    places = {g: np.flatnonzero(groups == g) for g in families}
    found: dict[str, list[float]] = {"AUC": [], "Brier": []}
    for _ in range(draws):
        rows = np.concatenate([places[g] for g in rng.choice(families, len(families))])
        found["AUC"].append(roc_auc_score(y[rows], p[rows]))
        found["Brier"].append(float(np.mean((p[rows] - y[rows]) ** 2)))
    whole = {"AUC": roc_auc_score(y, p), "Brier": float(np.mean((p - y) ** 2))}
    return {k: (whole[k], *np.quantile(v, [0.025, 0.975])) for k, v in found.items()}


def judge(rows: list[dict], figure: Path | None) -> None:
    """Print the calibration on families that were held out, and draw it."""
    outcomes = Counter(r["outcome"] for r in rows)
    print(f"{len(rows)} setups: {', '.join(f'{n} {word}' for word, n in outcomes.most_common())}\n")
    print("| held out | known | AUC | Brier | verdicts | of them right | bins within the mean interval |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    sources = []
    for family in FAMILIES:
        groups = np.array([r[family] for r in rows])
        kinds = "single setups" if family == "index" else f"{len(set(groups))} families: {family}"
        for which in ("before", "after"):
            out = held_out(rows, which, family)
            for share in SHARES if which == "after" else (SHARE,):
                here = out["share"] == share
                p, y, g = out["p"][here], out["y"][here] > 0.5, groups[out["row"][here]]
                low, high = out["low"][here], out["high"][here]
                said = bootstrap(p, y, g)
                numbers_ = [f"{said[k][0]:.3f} ({said[k][1]:.3f} to {said[k][2]:.3f})" for k in ("AUC", "Brier")]
                yes, no = (p >= SURE) & (low >= 0.5), (p <= 1 - SURE) & (high <= 0.5)
                right = (y & yes).sum() + (~y & no).sum()
                verdicts = (yes | no).sum()
                known = "before training" if which == "before" else f"first {share:.0%} of the steps"
                print(
                    f"| {kinds} | {known} | {numbers_[0]} | {numbers_[1]} | {verdicts / len(p):.0%} | "
                    f"{right / max(verdicts, 1):.1%} | {_covered(p, low, high, y)} |"
                )
                if family == "problem" and share in (SHARES[0], SHARE):
                    sources.append((known, reliability.binned(p.tolist(), y.tolist())))
    if figure is not None:
        from matplotlib.figure import Figure

        picture = Figure(figsize=(5.2, 5.2), layout="constrained")
        reliability.draw_matplotlib(reliability.Reliability(tuple(sources)), [picture.subplots()])
        picture.savefig(figure, dpi=150)
        print(f"\n{figure}")


def _covered(p: np.ndarray, low: np.ndarray, high: np.ndarray, y: np.ndarray) -> str:
    """Of ten bins of equal counts, how many have their share of trained setups within the mean interval."""
    parts = np.array_split(np.argsort(p), 10)
    inside = sum(low[i].mean() <= y[i].mean() <= high[i].mean() for i in parts)
    return f"{inside} of {len(parts)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    drawing = verbs.add_parser("draw")
    drawing.add_argument("runs", type=Path)
    drawing.add_argument("--first", type=int, default=0)
    drawing.add_argument("--count", type=int, default=3000)
    for verb in ("fit", "judge"):
        verbs.add_parser(verb).add_argument("runs", type=Path)
    verbs.choices["judge"].add_argument("--figure", type=Path)
    verbs.choices["fit"].add_argument("--out", type=Path, default=COEFFICIENTS)
    options = parser.parse_args()
    if options.verb == "draw":
        draw_all(options.runs, options.first, options.count)
    elif options.verb == "fit":
        fit(kept(read(options.runs)), options.out)
    else:
        judge(kept(read(options.runs)), options.figure)


if __name__ == "__main__":
    main()
