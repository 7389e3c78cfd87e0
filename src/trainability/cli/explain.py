"""`trainability explain saturated-softmax`: a rule's page."""

from __future__ import annotations

from rich.console import Console


def explain(cause: str = "", /) -> None:
    """Show what a finding means: why it hurts, what it does not mean, where it is known from, what answers it.

    Parameters
    ----------
    cause
        Its id; without one, all ids are listed.
    """
    from trainability.doctor import remedies, rules
    from trainability.errors import UnknownNameError

    console = Console(highlight=False)
    if not cause:
        for known, rule in rules.ALL.items():
            console.print(f"{known:32} {rule.title}", markup=False, soft_wrap=True)
        return
    if cause not in rules.ALL:
        raise UnknownNameError("cause", cause, list(rules.ALL))
    rule = rules.ALL[cause]
    answers = [name for name, remedy in remedies.ALL.items() if cause in remedy.answers]
    console.print(rule.title, style="bold")
    for head, text in (
        ("Why it hurts", rule.why),
        ("What it does not mean", rule.not_meant),
        ("Known from", rule.source),
        ("Remedies that are tried", ", ".join(answers) or "none: this has to be mended by hand"),
    ):
        console.print(f"\n{head}", style="dim")
        console.print(text, markup=False)
