"""The report as one page that opens without network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainability.doctor.finding import Finding
from trainability.doctor.remedy import Remedy
from trainability.doctor.report import facts, figures, words
from trainability.doctor.rules._rule import fmt
from trainability.doctor.verification import Share
from trainability.plots import loss_curves, phase, signal, units, weights
from trainability.plots._plotly import GAP, ROW

if TYPE_CHECKING:
    from jinja2 import Template
    from plotly.graph_objects import Figure

    from trainability.doctor.diagnosis import Diagnosis

CAPTIONS = {
    "signal": (
        "Signal and gradient",
        "Each point is a layer. Green is what He's weights give; orange-red lines near it are healthy. A line that "
        "climbs or falls on this scale says that every layer multiplies the signal, or the gradient, by the same "
        "factor again.",
    ),
    "loss": (
        "Loss, seed by seed",
        "Each line is one training run; 1 is {unit}, and a run below the dashed target has trained. "
        "Lines at or above 1 have learned nothing; a cross marks a run that diverged.",
    ),
    "weights": (
        "Weights before training",
        "Bars: how this setup's weights are spread. Green: how He would draw them. Bars much wider than the green "
        "curve amplify the signal in every layer, much narrower ones quench it.",
    ),
    "here": (
        "You are here",
        "{says} The cross is this setup, the star the nearest place that is safe. Colours are what became of most runs; "
        "in a second picture, for several seeds, bright yellow is where every seed trained and dark blue where none did. "
        "The dark line, where there is one, is the largest stable learning rate at the start, by theory. Point at a cell "
        "for its interval.",
    ),
    "units": (
        "Dead and saturated units",
        "Dead: the unit answers 0 to every input of the sample and gets no gradient. Saturated: the activation is "
        "nearly flat there. High bars that grow during training say that the network is losing units.",
    ),
}
RAW = "Each line is one training run; lower is better, and a run that ends below the dashed target has trained."


@dataclass(frozen=True)
class Drawn:
    """A figure for the page: its id, heading, caption and plotly's JSON, safe inside a script element."""

    id: str
    title: str
    caption: str
    height: int
    data: str


def save(diagnosis: Diagnosis, path: str | Path) -> None:
    """Write the page.

    Args:
        diagnosis: any.
        path: of the file, which is replaced.
    """
    Path(path).write_text(page(diagnosis), encoding="utf-8", errors="replace")


def page(diagnosis: Diagnosis) -> str:
    """The whole page as text; everything in it that came from the user is escaped.

    Args:
        diagnosis: any.

    Returns:
        HTML.
    """
    from plotly.offline import get_plotlyjs

    drawn = _figures(diagnosis)
    return _template().render(
        d=diagnosis,
        headline=words.headline(diagnosis),
        advice=words.advice(diagnosis),
        nothing=words.nothing_found(diagnosis),
        findings=[_finding(f, diagnosis) for f in diagnosis.findings],
        remedies=[_remedy(r, diagnosis) for r in diagnosis.remedies],
        score_name="R²" if diagnosis.task == "regression" else "accuracy",
        figures=drawn,
        facts=facts.rows(diagnosis),
        outcomes=words.OUTCOMES,
        again=words.again(diagnosis),
        command=words.command(diagnosis),
        versions=words.versions(),
        plotly=get_plotlyjs() if drawn else "",
        row=ROW,
        gap=GAP,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    places = Environment(
        loader=PackageLoader("trainability.doctor", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return places.get_template("page.html.j2")


def _figures(diagnosis: Diagnosis) -> list[Drawn]:
    found: list[Drawn] = []

    def add(name: str, data: Any, draw: Any) -> None:
        if data is not None:
            figure: Figure = draw(data)
            title, caption = CAPTIONS[name]
            if name == "loss":
                unit = {"constant answer": "the loss of the best constant answer", "start": "the loss at the start"}
                caption = caption.format(unit=unit[data.unit]) if data.log else RAW
            if name == "here":
                caption = caption.replace("{says}", words.here(diagnosis))
            found.append(Drawn(name, title, caption, int(figure.layout.height), _in_script(figure.to_json())))

    add("signal", figures.signal(diagnosis), signal.draw_plotly)
    add("loss", figures.loss_curves(diagnosis), loss_curves.draw_plotly)
    if diagnosis.here is not None and not isinstance(diagnosis.here, str):
        add("here", replace(diagnosis.here.diagram, name=""), phase.draw_plotly)
    add("weights", figures.weights(diagnosis), weights.draw_plotly)
    add("units", figures.units(diagnosis), units.draw_plotly)
    return found


def _in_script(json: str) -> str:
    """JSON that no HTML parser can take for markup.

    Example:
        >>> _in_script('{"a": "</script>"}')
        '{"a": "\\\\u003c/script\\\\u003e"}'
    """
    for mark in "<>&\u2028\u2029":
        json = json.replace(mark, f"\\u{ord(mark):04x}")
    return json


def _finding(finding: Finding, diagnosis: Diagnosis) -> dict[str, object]:
    rule = words.rule(finding)
    return {
        "title": words.title(finding),
        "cause": finding.cause,
        "where": words.where(finding, diagnosis),
        "severity": finding.severity,
        "says": finding.says,
        "evidence": [(name, words.evidence(name, value)) for name, value in finding.evidence.items()],
        "why": rule.why if rule else "",
        "not_meant": rule.not_meant if rule else "",
        "source": rule.source if rule else "",
    }


def _remedy(remedy: Remedy, diagnosis: Diagnosis) -> dict[str, object]:
    proof = remedy.verification
    regression = diagnosis.task == "regression"
    return {
        "summary": remedy.summary,
        "code": remedy.code,
        "criterion": proof.criterion,
        "steps": proof.steps,
        "cost": words.cost(remedy),
        "sides": [
            {
                "name": name,
                "share": _share(share),
                "runs": [
                    {"seed": pair.seed, "outcome": outcome, "score": _score(score, regression)}
                    for pair, outcome, score in runs
                ],
            }
            for name, share, runs in (
                ("with it", proof.changed, [(p, p.changed, p.changed_score) for p in proof.pairs]),
                ("unchanged", proof.unchanged, [(p, p.unchanged, p.unchanged_score) for p in proof.pairs]),
            )
        ],
    }


def _share(share: Share) -> dict[str, object]:
    return {
        "words": f"{share.successes} of {share.n}",
        "interval": f"95% interval {100 * share.low:.0f}% to {100 * share.high:.0f}%",
        "low": round(100 * share.low, 1),
        "wide": round(100 * (share.high - share.low), 1),
        "at": round(100 * share.value, 1) if share.n else 0.0,
    }


def _score(score: float, regression: bool) -> str:
    if score != score:
        return ""
    return fmt(score) if regression else words.percent(score)
