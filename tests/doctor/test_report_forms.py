"""The four forms of the report, on Diagnosis objects typed by hand."""

import dataclasses
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from trainability.doctor import rules
from trainability.doctor.diagnosis import Diagnosis
from trainability.doctor.readings import LayerReading, Readings, Snapshot, WeightReading
from trainability.doctor.remedies import Change
from trainability.doctor.remedy import Attempt, Remedy
from trainability.doctor.report import figures, html, picture, terminal
from trainability.doctor.report import json as report_json
from trainability.doctor.verification import verification
from trainability.setup import Run

EVIL = "<script>alert(1)</script>"
SEEDS = (1, 2, 3, 4, 5)


def run(outcome="stalled", seed=None, level=2.0, **changes):
    values = {
        "outcome": outcome,
        "losses": np.linspace(2.0, level, 300),
        "start_loss": 2.0,
        "constant_loss": 1.0,
        "target": 0.5,
        "score": 0.1,
        "constant_score": 0.1,
        "validation_loss": math.nan,
        "validation_constant_loss": math.nan,
        "validation_score": math.nan,
        "seed": seed,
        "steps": 300,
        "seconds": 0.1,
        "gradient_norms": np.zeros((1, 2)),
    }
    return Run(**(values | changes))


def snapshot(name="0", step=0, **changes):
    layer = LayerReading(name=name, kind="linear", role="weight", **changes)
    relu = LayerReading(name=f"{name}.act", kind="relu", role="activation", dead=0.25, always_on=0.0)
    values = tuple(np.linspace(-1, 1, 1000).tolist())
    weight = WeightReading(name=f"{name}.weight", shape=(64, 64), says="U[-1, 1]", values=values)
    last = dataclasses.replace(layer, name="out")
    return Snapshot(step=step, layers=(layer, relu, last), weights=(weight,))


def remedy(unchanged, summary="Lower the learning rate", code="lr = 0.1", n=5):
    runs = tuple(run("trained", seed, 0.1, score=0.9) for seed in SEEDS[:n])
    change = Change(
        name="lr", family="lower-lr", summary=summary, code=code, size=1.0, answers=("lr-too-high",), touches=("lr",),
        transform=lambda setup, generator: setup,
    )  # fmt: skip
    return Remedy(change, verification(unchanged, runs, "trained"), runs)


def diagnosis(name="a setup", text="plain", **changes):
    unchanged = tuple(run(seed=seed) for seed in SEEDS)
    sick = rules.ALL["saturated-softmax"]
    readings = dataclasses.replace(
        sick.sick[0], start=snapshot(name), healthy=snapshot(name), early=snapshot(name, 30), end=snapshot(name, 300)
    )
    values = {
        "name": name,
        "task": "multi-class",
        "task_reason": text,
        "verdict": "will-not-train",
        "says": f"Of 6 runs 6 stalled. {text}",
        "findings": (dataclasses.replace(sick.judge(sick.sick[0]), where=name, says=text),),
        "remedies": (remedy(unchanged, text, f"print({text!r})"),),
        "attempts": (Attempt(text, "x", f"could not be applied: {text}", ()),),
        "readings": readings,
        "runs": (run(), *unchanged),
        "seeds": SEEDS,
        "steps": 300,
        "budget": 900,
        "seconds": 3.0,
    }
    return Diagnosis(**(values | changes))


def healthy(**changes):
    runs = tuple(run("trained", seed, 0.1) for seed in (None, *SEEDS))
    plain = {"verdict": "trains", "findings": (), "remedies": (), "attempts": (), "runs": runs}
    return diagnosis(says="Of 6 runs 6 trained.", readings=Readings(), **(plain | changes))


def fail(word):
    raise AssertionError(f"{word} in the JSON")


class Markup(HTMLParser):
    """What a browser would see: elements, their attributes, text outside of scripts, scripts."""

    def __init__(self, page):
        super().__init__()
        self.stack, self.links, self.scripts, self.text, self.count = [], [], [], "", 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.count += tag == "script"
        self.links += [v for k, v in attrs if k in ("src", "href", "action")]
        self.stack.append(tag)

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop() != tag:
            pass

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "script":
            self.scripts.append(data)
        elif self.stack and self.stack[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def evil_page():
    return html.page(diagnosis(EVIL, EVIL))


def test_the_page_asks_nobody_and_runs_nothing_of_the_users(evil_page):
    seen = Markup(evil_page)
    figure_count = evil_page.count('<div class="plot"')
    assert figure_count == 4
    assert seen.count == figure_count + 2, "one script per figure's data, plotly, and the page's own"
    assert seen.links == ["data:,"], "only the empty icon: nothing is fetched"
    assert seen.text.count(EVIL) >= 8, "the user's words are shown, as words"
    assert len(evil_page) < 6_000_000


def test_names_are_escaped_inside_figures_too(evil_page):
    for data in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', evil_page, re.DOTALL):
        figure = json.loads(data, parse_constant=fail)
        assert "<script" not in json.dumps(figure), "plotly reads markup in texts"
        assert "<" not in data
    assert "&lt;script" in json.dumps(json.loads(data))


def test_plotly_is_inlined_once(evil_page):
    from plotly.offline import get_plotlyjs

    assert evil_page.count(get_plotlyjs()[:2000]) == 1


def test_page_says_what_was_found_and_proved():
    text = Markup(html.page(diagnosis())).text
    for words in (
        "It will not train as it is: saturated softmax.",
        "What it does not mean",
        "5 of 5",
        "95% interval 57% to 100%",
        "share of inputs given the same class",
        "300 steps per run, cut from 900",
        "tr.diagnose(setup, seeds=5, steps=300, max_seconds=None)",
        "trainability diagnose FILE.py:FUNCTION --seeds 5 --steps 300",
    ):
        assert words in text


def test_a_healthy_page_is_calm():
    page = html.page(healthy())
    text = Markup(page).text
    assert '<header class="verdict trains">' in page
    assert "No cause for alarm was found." in text
    assert "What makes it train" not in text
    assert "What else was tried" not in text


def test_no_remedy_is_said_plainly():
    d = diagnosis(remedies=())
    assert "No verified remedy was found among 1 change tried." in Markup(html.page(d)).text
    assert "No verified remedy was found among 1 change tried." in terminal.text(d)


ODD = {
    "no runs, no layers": {"runs": (), "readings": Readings(), "remedies": ()},
    "everything broken": {
        "readings": Readings(
            start=snapshot(mean_square=math.nan, gradient=0.0, share_across_inputs=math.nan),
            healthy=snapshot(mean_square=math.inf, gradient=math.nan),
            end=Snapshot(step=3),
            curvature=None,
        ),
        "runs": (run("diverged", losses=np.full(300, math.nan), start_loss=math.inf, constant_loss=math.nan),),
        "remedies": (),
    },
    "losses below 0": {
        "runs": (run("learning", losses=-np.arange(300.0), constant_loss=-1.0, start_loss=-0.5, target=-math.inf),),
        "remedies": (),
    },
    "one step": {"runs": (run(losses=np.array([2.0])),), "steps": 1},
    "losses of 0": {"runs": (run("trained", losses=np.zeros(300)),)},
    "diverging in numbers": {"runs": (run("diverged", losses=10.0 ** np.arange(0, 300)),)},
    "an unknown cause": {"findings": (dataclasses.replace(diagnosis().findings[0], cause="made-up"),)},
    "no path": {"findings": (dataclasses.replace(diagnosis().findings[0], where=""),)},
    "one seed": {"remedies": (remedy((run(seed=1),), n=1),), "seeds": (1,)},
}


@pytest.mark.parametrize("what", ODD)
def test_every_form_survives(what, tmp_path):
    d = diagnosis(**ODD[what])
    for ending in ("html", "json", "png"):
        d.save(tmp_path / f"report.{ending}")
    json.loads((tmp_path / "report.json").read_text(), parse_constant=fail)
    assert d.name in (tmp_path / "report.html").read_text()
    assert terminal.text(d)


def test_json_has_the_schema():
    d = diagnosis()
    found = json.loads(d.to_json(), parse_constant=fail)
    assert found == json.loads(json.dumps(d.to_dict()))
    assert found["schema_version"] == "1.0"
    expected = {
        "name", "verdict", "says", "task", "task_reason", "findings", "remedies", "attempts", "readings", "runs",
        "seeds", "steps", "budget", "seconds", "versions",
    }  # fmt: skip
    assert expected <= set(found)
    assert set(found["versions"]) == {"trainability", "torch", "python"}
    proof = found["remedies"][0]["verification"]
    assert proof["changed"]["successes"] == proof["changed"]["n"] == 5
    assert proof["changed"]["low"] == pytest.approx(0.5655, abs=1e-3)
    assert proof["pairs"][0] == {
        "seed": 1, "unchanged": "stalled", "changed": "trained", "unchanged_score": 0.1, "changed_score": 0.9,
    }  # fmt: skip
    curve = found["runs"][0]["loss_curve"]
    assert len(curve) == 200
    assert curve[-1] == [300, pytest.approx(2.0)]
    assert len(found["readings"]["start"]["weights"][0]["values"]) == 200
    assert found["runs"][0]["validation_loss"] is None


def test_json_words_carry_what_null_cannot():
    finding = dataclasses.replace(diagnosis().findings[0], evidence={"stable lr": math.inf, "ratio": math.nan})
    found = report_json.as_dict(diagnosis(findings=(finding,)))["findings"][0]
    assert found["evidence"] == {"stable lr": None, "ratio": None}
    assert found["evidence_words"]["stable lr"] == "no limit"


def test_the_terminal_obeys_no_text_of_the_users():
    tricks = f"[bold red]x[/] {EVIL} \x1b[2J"
    d = diagnosis(tricks, tricks)
    out = StringIO()
    terminal.render(d, Console(file=out, width=200, force_terminal=True, color_system="truecolor"))
    assert "\x1b[2J" not in out.getvalue()
    assert "[bold red]x[/]" in terminal.text(d, width=200)


def test_the_terminal_fits_eighty_columns_without_colour():
    text = terminal.text(diagnosis(text="a long sentence of many words " * 12))
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "trained on 5 of 5 (95% interval 57% to 100%)" in text


def test_the_picture_has_its_size_and_leaves_no_global_state(tmp_path):
    picture.save(diagnosis(f"{EVIL} $\\frac", "costs 5$"), tmp_path / "p.png")
    data = (tmp_path / "p.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (1800, 660)
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_loss_curves_are_measured_by_the_constant_answer_of_each_setup():
    other = dataclasses.replace(remedy(diagnosis().runs[1:]))
    scaled = tuple(dataclasses.replace(r, losses=r.losses * 7, constant_loss=7.0, target=3.5) for r in other.runs)
    curves = figures.loss_curves(diagnosis(remedies=(Remedy(other.change, other.verification, scaled),)))
    assert curves.unit == "constant answer"
    unchanged, changed = curves.panels
    assert unchanged.curves[0].losses[-1] == pytest.approx(2.0)
    assert changed.curves[0].losses[-1] == pytest.approx(0.1, rel=0.2)
    assert changed.target == unchanged.target == 0.5


@pytest.mark.parametrize(
    ("constant", "start", "unit"), [(1.0, 2.0, "constant answer"), (math.nan, 2.0, "start"), (-1.0, -1.0, "")]
)
def test_the_unit_of_the_loss_falls_back(constant, start, unit):
    runs = (run(constant_loss=constant, start_loss=start),)
    assert figures.loss_curves(diagnosis(runs=runs, remedies=())).unit == unit


def test_the_doctor_imports_no_drawing_library():
    code = (
        "import sys, trainability.doctor, trainability.doctor.report, trainability.plots; "
        "print([m for m in ('plotly', 'matplotlib', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
