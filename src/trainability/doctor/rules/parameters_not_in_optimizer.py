"""The optimizer steps other tensors than the model's."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import GraphReading, OptimizerReading, Readings, RunReading, UnregisteredReading
from trainability.doctor.rules._rule import Rule

SOME = 0.1


def judge(r: Readings) -> Finding | None:
    """Fires where tensors behind the output are registered nowhere, and where the optimizer lacks the model's own.

    Of the model's own it must lack all, or some where runs fail.
    """
    if r.graph.unregistered.numbers > 0:
        return _unregistered(r)
    opt = r.optimizer
    if not opt.trainable or not opt.missing or (opt.held and not r.fails):
        return None
    none = opt.held == 0 or len(opt.missing) == opt.trainable
    names = ", ".join(opt.missing[:5]) + (", ..." if len(opt.missing) > 5 else "")
    foreign = (
        f" It holds {opt.foreign} tensors that are not the model's: it was built for another model, or before layers "
        "were replaced."
        if opt.foreign
        else ""
    )
    return Finding(
        cause="parameters-not-in-optimizer",
        where=names,
        evidence={
            "trainable tensors": float(opt.trainable),
            "missing from the optimizer": float(len(opt.missing)),
            "held but not the model's": float(opt.foreign),
        },
        says=(
            f"{'None' if none else 'Only ' + str(opt.trainable - len(opt.missing))} of the model's {opt.trainable} "
            f"trainable tensors {'is' if none else 'are'} in the optimizer (missing: {names}); their gradients are "
            f"computed and never used.{foreign} "
            "It does not mean that the gradient is 0. Build the optimizer from model.parameters() after the model is "
            "complete."
        ),
        severity="critical" if none else "warning",
        weight=1000.0 if none else 58.0,
    )


def _unregistered(r: Readings) -> Finding | None:
    """The finding about tensors that the model uses and does not know as its own."""
    seen = r.graph.unregistered
    part = seen.numbers / max(seen.numbers + seen.registered, 1)
    if not r.fails and part < SOME:
        return None
    places = ", ".join(f"self.{place}" if "." not in place else place for place in seen.places[:4])
    where = f" They are in {places}." if places else ""
    if seen.lost:
        where += f" {seen.lost} of them are held by no module."
    return Finding(
        cause="parameters-not-in-optimizer",
        where=places or "model",
        evidence={
            "numbers that nobody trains": float(seen.numbers),
            "tensors they are": float(seen.tensors),
            "trainable numbers that the model knows": float(seen.registered),
            "share that nobody trains": part,
        },
        says=(
            f"The output depends on {seen.numbers} numbers in {seen.tensors} tensors that get a gradient and are neither in "
            f"model.parameters() nor in the optimizer, against {seen.registered} that are: they keep their first values, "
            f"and .to(), state_dict() and .eval() pass them by.{where} A plain Python list or dict of layers is not "
            "searched, nor is a tensor that is no nn.Parameter. It does not mean layers frozen by requires_grad=False, "
            "which get no gradient. Hold layers in nn.ModuleList or nn.ModuleDict, tensors as nn.Parameter, and build the "
            "optimizer afterwards."
        ),
        severity="critical" if r.fails else "warning",
        weight=97.0 if r.fails else 58.0,
    )


_LISTED = GraphReading(unregistered=UnregisteredReading(1272, 6, ("layers",), 0, ("layers",), registered=25))

RULE = Rule(
    cause="parameters-not-in-optimizer",
    title="Parameters missing from the optimizer",
    why="An optimizer changes only the tensors it was given, and a model hands out only those that it has registered.",
    not_meant="Layers frozen on purpose have requires_grad=False and are not counted.",
    source="torch.optim.Optimizer: parameters are fixed when it is built. torch.nn.ModuleList. A tenth: chosen.",
    judge=judge,
    sick=(
        Readings(optimizer=OptimizerReading(held=0, foreign=8, missing=tuple("abcdefgh"))),
        Readings(optimizer=OptimizerReading(held=7, missing=("a",)), runs=(RunReading("stalled", score=0.1),)),
        Readings(graph=_LISTED),
    ),
    healthy=(
        Readings(),
        Readings(optimizer=OptimizerReading(held=7, missing=("a",))),
        Readings(graph=GraphReading(unregistered=UnregisteredReading(numbers=50, tensors=1))),
    ),
)
