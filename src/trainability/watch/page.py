"""A post-mortem as one page that opens without network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from trainability.doctor.report import words as doctor_words
from trainability.watch import figures, words
from trainability.watch.postmortem import PostMortem

if TYPE_CHECKING:
    from jinja2 import Template


def page(p: PostMortem) -> str:
    """The whole page as text; everything in it that came from the user is escaped.

    Args:
        p: any.

    Returns:
        HTML.
    """
    from plotly.offline import get_plotlyjs

    alarms = [step for step, _ in p.alarms]
    drawn = [(q, _in_script(figures.draw_plotly(q, alarms).to_json())) for q in figures.quantities(p)]
    when = {f.cause: step for step, f in p.alarms}
    return _template().render(
        p=p,
        headline=words.headline(p),
        grounds=words.grounds(p),
        style=words.STYLE.get(p.outcome, "uncertain"),
        findings=[_finding(f, when[f.cause]) for f in p.findings],
        facts=words.facts(p),
        figures=drawn,
        outcomes=doctor_words.OUTCOMES,
        plotly=get_plotlyjs() if drawn else "",
    )


def _finding(finding: Any, step: int) -> dict[str, object]:
    rule = doctor_words.rule(finding)
    return {
        "title": doctor_words.title(finding),
        "cause": finding.cause,
        "where": finding.where,
        "severity": finding.severity,
        "step": step,
        "says": finding.says,
        "evidence": [(name, doctor_words.evidence(name, value)) for name, value in finding.evidence.items()],
        "why": rule.why if rule else "",
        "not_meant": rule.not_meant if rule else "",
        "source": rule.source if rule else "",
    }


def _in_script(json: str) -> str:
    """JSON that no HTML parser can take for markup."""
    for mark in "<>&\u2028\u2029":
        json = json.replace(mark, f"\\u{ord(mark):04x}")
    return json


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    places = Environment(
        loader=PackageLoader("trainability.watch", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return places.get_template("page.html.j2")
