"""Validation data that were drawn, scaled or labelled differently from the training data."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import HeldOutReading, Readings, RunReading, SplitReading
from trainability.doctor.rules._rule import Rule, fmt

LEVEL = 0.01
FACTOR, OFFSET = 2.0, 1.0  # of the features' spread, and in standard deviations
TOLD_APART, LABELS, LABEL_OFFSET = 0.8, 0.3, 1.0
HELD, LOST, TIMES = 0.5, 0.5, 4.0  # skill on rows left out; its share left on validation rows; standard deviations


def judge(r: Readings) -> Finding | None:
    """Fires where runs learn their training data, fail on validation data, and the two differ clearly."""
    s = r.split
    lost = next((run for run in r.runs if _learned_but_lost(run, r.labels.network_skill)), None)
    if lost is None:
        return None
    if s is None:
        return _told_by_the_network(r, lost)
    seen, scaled = [], s.factor > FACTOR or s.factor < 1 / FACTOR or s.offset > OFFSET
    if scaled:
        seen.append(
            f"the validation inputs spread {fmt(s.factor)} times as widely as the training inputs and a typical "
            f"feature's mean is {fmt(s.offset)} standard deviations off (rms {fmt(s.rms)} against {fmt(s.train_rms)}; "
            f"feature {s.worst_feature} by {fmt(s.worst_offset)})"
        )
    elif s.auc >= TOLD_APART and s.auc_p <= LEVEL:
        seen.append(
            f"a forest tells validation from training inputs with an AUC of {fmt(s.auc)} on held-out ones, where inputs "
            f"drawn alike give 0.5 (p {fmt(s.auc_p)}; feature {s.worst_feature} is off by {fmt(s.worst_offset)} "
            "standard deviations)"
        )
    if s.label_p <= LEVEL and s.label_distance >= LABELS:
        seen.append(f"their classes' shares differ by {fmt(s.label_distance)} in total, where 1 is no class in common")
    if s.label_p <= LEVEL and abs(s.label_offset) >= LABEL_OFFSET:
        seen.append(f"their targets' means differ by {fmt(s.label_offset)} standard deviations")
    if not seen:
        return _told_by_the_network(r, lost)
    run = lost
    text = "; ".join(seen)
    do = (
        "Give the validation data the training data's preprocessing, with the training data's statistics."
        if scaled
        else "Shuffle before splitting; where that is not wanted (time, groups), this is what there is to learn."
    )
    return Finding(
        cause="train-and-validation-differ",
        where="validation data",
        evidence={
            "validation inputs' spread over training's": s.factor,
            "difference of a typical feature's mean in standard deviations": s.offset,
            "AUC of validation against training inputs": s.auc,
            "p of that AUC": s.auc_p,
            "distance of the classes' shares": s.label_distance,
            "validation samples": float(s.n),
            "validation loss": run.validation_loss,
            "validation loss of a constant answer": run.validation_constant_loss,
            "best skill on validation data": r.labels.network_skill,
        },
        says=(
            f"{text[0].upper()}{text[1:]}, over {s.n} validation samples. The runs learn their training data (score "
            f"{fmt(run.score)}) and fail on the validation data: loss {fmt(run.validation_loss)}, a constant answer's "
            f"{fmt(run.validation_constant_loss)}; best skill {fmt(r.labels.network_skill)} of what that leaves open. "
            f"It does not mean that the network overfits or that training fails. {do}"
        ),
        weight=83.0,
    )


def _told_by_the_network(r: Readings, run: RunReading) -> Finding | None:
    """Fires where training rows left out of training are answered well and validation rows are not."""
    h = r.held_out
    if h is None or not h.held_skill >= HELD or not h.validation_skill < LOST * h.held_skill:
        return None
    noise = math.hypot(h.noise(h.held, h.n), h.noise(h.validation, h.validation_n))
    if not h.held_skill - h.validation_skill > TIMES * noise:
        return None
    what = "accuracy" if h.classification else "R2"
    evidence: dict[str, float | str] = {
        f"{what} on training rows left out": h.held,
        f"{what} on validation rows": h.validation,
        f"{what} of a constant answer there": h.validation_constant,
        "training rows left out": float(h.n),
        "validation rows": float(h.validation_n),
        "validation loss": run.validation_loss,
        "validation loss of a constant answer": run.validation_constant_loss,
    }
    do = (
        "Look at how the two were coded: a vocabulary, an encoder or a scaler that was fitted twice, columns or classes in "
        "another order; or rows that are near-copies of one another on the training side."
    )
    if h.renumbered:
        pairs = [f"{old} for what training calls {new}" for old, new in h.relabelling]
        evidence["accuracy with the validation classes renumbered"] = h.relabelled
        evidence["renumbering"] = ", ".join(f"{old}->{new}" for old, new in h.relabelling)
        do = (
            f"The classes are numbered differently: the validation data say {', '.join(pairs[:12])}"
            f"{', ...' if len(pairs) > 12 else ''}. Renumbered so, the {what} on {h.relabelled_n} validation rows that this "
            f"was not read from is {fmt(h.relabelled)} instead of {fmt(h.as_given)}. Give both one table of class numbers."
        )
    return Finding(
        cause="train-and-validation-differ",
        where="validation data",
        evidence=evidence,
        says=(
            f"Trained on four fifths of the {h.rows} training rows, the network has an {what} of {fmt(h.held)} on {h.n} "
            f"training rows it has not seen, and of {fmt(h.validation)} on {h.validation_n} validation rows (a constant "
            f"answer: {fmt(h.validation_constant)}). What holds for one holds no more for the other. It does not mean "
            f"that the network overfits: it is right on new rows of the training kind. {do}"
        ),
        weight=83.0,
    )


def _learned_but_lost(run: RunReading, skill: float) -> bool:
    """Learned on training data; on validation data worse than a constant answer, by the loss or by the best score."""
    return (run.outcome == "trained" or run.skill >= 0.5) and (not run.generalises or skill <= 0)


_LOST = (RunReading(validation_loss=9.0, validation_constant_loss=2.3),)
_NUMBERED = HeldOutReading(
    validation=0.08, relabelling=((0, 9), (9, 0)), relabelled=0.97, as_given=0.08, relabelled_n=200
)

RULE = Rule(
    cause="train-and-validation-differ",
    title="Training and validation data differ",
    why="A network answers for inputs like those it was trained on; scaled or chosen differently, others are new to it.",
    not_meant="Validation data are a sample: means differ a little by chance, and more features differ more.",
    source=(
        "Where the network itself tells: cross-validation on the training rows, Stone 1974. "
        "Two-sample test by a classifier: Lopez-Paz and Oquab 2017, section 3; permutation p-values. Thresholds: beyond "
        "the most that 20 random splits each of digits, wine, breast cancer and diabetes showed (factor 1.17, offset "
        "0.45, AUC 0.72, class shares 0.22, target means 0.24, no p at or below 0.01)."
    ),
    judge=judge,
    sick=(
        Readings(split=SplitReading(factor=16.0, offset=0.5, auc=1.0, auc_p=0.001), runs=_LOST),
        Readings(split=SplitReading(auc=0.95, auc_p=0.001, label_distance=1.0, label_p=0.005), runs=_LOST),
        Readings(split=SplitReading(), runs=_LOST, held_out=_NUMBERED),
        Readings(runs=_LOST, held_out=HeldOutReading(validation=0.3)),
    ),
    healthy=(
        Readings(),
        Readings(split=SplitReading(), runs=_LOST),
        Readings(split=SplitReading(factor=16.0)),
        Readings(runs=_LOST, held_out=HeldOutReading()),
        Readings(runs=_LOST, held_out=HeldOutReading(held=0.2, validation=0.2)),
        Readings(held_out=_NUMBERED),
        Readings(split=SplitReading(factor=16.0), runs=(RunReading(outcome="stalled", score=math.nan),)),
    ),
)
