"""The loss compares targets with outputs that stand for other places."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import AlignmentReading, GraphReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule

PLACES, SHARE = 3, 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and most targets change the gradient at other places of the output and not at their own."""
    seen = r.graph.alignment
    if not r.fails or seen.places < PLACES or seen.misplaced < SHARE * seen.places:
        return None
    stays = "within the same sample" if seen.same_sample > 1 - 1e-6 else "in other samples too"
    order = f" In the order {seen.repair} of the output's dimensions every target meets its own." if seen.repair else ""
    return Finding(
        cause="outputs-and-targets-misaligned",
        where="loss",
        evidence={
            "targets changed, one at a time": float(seen.places),
            "of them without effect at their own place": float(seen.misplaced),
            "share of the effect within the same sample": seen.same_sample,
            "output shape": str(seen.output_shape),
            "target shape": str(seen.target_shape),
        },
        says=(
            f"Of {seen.places} targets that were changed one at a time, {seen.misplaced} changed the loss's gradient not "
            f"at their own place of the output but at others, {stays}, and at the same ones whatever the output was: "
            f"outputs of shape {seen.output_shape} meet targets of shape {seen.target_shape} in another order. A view or "
            "reshape keeps the order of the numbers and not of the dimensions; .permute() or .movedim() turns them."
            f"{order} It does not mean that inputs and labels were read in another order. Bring the classes to the last "
            "dimension before flattening, or give nn.CrossEntropyLoss the shape (N, C, ...) as it is."
        ),
        weight=91.0,
    )


_VIEWED = GraphReading(alignment=AlignmentReading(8, 8, 1.0, (5, 3, 12, 12), (5, 12, 12), (0, 2, 3, 1)))
_FAILED = (RunReading("stalled", score=0.4),)

RULE = Rule(
    cause="outputs-and-targets-misaligned",
    title="Outputs and targets misaligned in the loss",
    why="A target beside another place's output is a random target.",
    not_meant="Losses that couple places (Dice), ignore some, or compare with the next token are not this.",
    source="torch.Tensor.view: the order of the elements stays. Half of the places: a few meet their own by chance.",
    judge=judge,
    sick=(Readings(graph=_VIEWED, runs=_FAILED),),
    healthy=(
        Readings(),
        Readings(graph=_VIEWED),
        Readings(graph=GraphReading(alignment=AlignmentReading(8, 0)), runs=_FAILED),
    ),
)
