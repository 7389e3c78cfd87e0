"""SARIF: what the standard asks of a log, where results point, and fixes that apply."""

import json
import linecache

import pytest

from trainability.cli.app import run as command
from trainability.doctor import diagnose
from trainability.doctor.finding import Finding
from trainability.doctor.report import sarif
from trainability.doctor.report._source import lr_literal, place_of

SCRIPT = '''
import torch
from torch import nn
import trainability as tr

RATE = {rate}


def setup():
    """Ünïcode before the number, so that bytes are not columns."""
    torch.manual_seed(0)
    x = torch.randn(64, 2)
    model = nn.Linear(2, 1)
    optimizer = {optimizer}
    return tr.Setup(model, nn.MSELoss(), optimizer, data=(x, x @ torch.ones(2, 1)), batch_size=16, epochs=10)
'''


def loaded(tmp_path, text, name="script"):
    path = tmp_path / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    linecache.checkcache()
    space = {"__name__": name}
    exec(compile(text, str(path), "exec"), space)
    return path, space["setup"]


def check(log):
    """SARIF 2.1.0, sections 3.13 to 3.57: the properties that are required, and their kinds."""
    assert json.loads(json.dumps(log, allow_nan=False)) == log
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"] == "trainability"
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(ids) == len(set(ids))
        for rule in driver["rules"]:
            assert rule["shortDescription"]["text"]
            assert rule.get("help", {"text": "-"})["text"]
        for result in run["results"]:
            assert result["message"]["text"]
            assert ids[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error")
            for place in result["locations"]:
                assert place.get("physicalLocation") or place.get("logicalLocations")
                if "physicalLocation" in place:
                    assert place["physicalLocation"]["artifactLocation"]["uri"]
                    region = place["physicalLocation"]["region"]
                    begin = (region["startLine"], region["startColumn"])
                    assert (1, 1) <= begin < (region["endLine"], region["endColumn"])
            for fix in result.get("fixes", []):
                assert fix["description"]["text"]
                for change in fix["artifactChanges"]:
                    assert change["artifactLocation"]["uri"]
                    for replacement in change["replacements"]:
                        assert replacement["deletedRegion"]["startLine"] >= 1
                        assert isinstance(replacement["insertedContent"]["text"], str)


def applied(text, fix):
    """The patch as another program would apply it: lines and columns from 1, columns in characters."""
    (replacement,) = fix["artifactChanges"][0]["replacements"]
    r = replacement["deletedRegion"]
    lines = text.split("\n")
    assert r["startLine"] == r["endLine"]
    line = lines[r["startLine"] - 1]
    lines[r["startLine"] - 1] = (
        line[: r["startColumn"] - 1] + replacement["insertedContent"]["text"] + line[r["endColumn"] - 1 :]
    )
    return "\n".join(lines)


@pytest.mark.parametrize(
    "optimizer",
    [
        "torch.optim.SGD(model.parameters(), lr=40.0)",
        "torch.optim.SGD(model.parameters(), 40.0)",
        "torch.optim.SGD(model.parameters(), lr=RATE)",
        "torch.optim.SGD(model.parameters(), lr=40.0, momentum=0.5)",
    ],
)
def test_a_fix_makes_the_users_own_file_train(tmp_path, optimizer):
    text = SCRIPT.format(rate="40.0", optimizer=optimizer)
    path, setup = loaded(tmp_path, text)
    diagnosis = diagnose(setup, seeds=1, workers=1)
    log = diagnosis.to_sarif(setup)
    check(log)
    first = log["runs"][0]["results"][0]
    assert first["ruleId"] == diagnosis.findings[0].cause == "lr-too-high"
    assert first["level"] == "error"
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == path.as_uri()
    mended = applied(text, first["fixes"][0])
    _, again = loaded(tmp_path, mended, "mended")
    assert again().optimizer.param_groups[0]["lr"] < 10
    assert diagnose(again, seeds=1, workers=1).verdict == "trains"


@pytest.mark.parametrize(
    "optimizer",
    [
        "torch.optim.SGD(model.parameters(), lr=2 * RATE)",
        "torch.optim.SGD([{'params': model.parameters(), 'lr': 40.0}])",
        "torch.optim.SGD(model.parameters(), lr=RATE) if RATE else None",  # the name is read twice
        "torch.optim.SGD(model.parameters(), lr=4.0) or torch.optim.Adam(model.parameters(), lr=4.0)",
    ],
)
def test_no_fix_where_the_number_is_not_one_literal(tmp_path, optimizer):
    _, setup = loaded(tmp_path, SCRIPT.format(rate="40.0", optimizer=optimizer))
    assert lr_literal(place_of(setup)) is None


def test_a_log_without_a_place_and_of_an_unknown_cause():
    findings = [
        Finding("lr-zero", "optimizer", {"lr": 0.0, "odd": float("nan")}, "All rates are 0."),
        Finding("never-heard-of", "layer 3", {}, "Something else.", severity="warning"),
        Finding("lr-zero", "another", {}, "Again 0."),
    ]
    log = sarif.of_findings(findings, name="mine")
    check(log)
    results = log["runs"][0]["results"]
    assert [r["level"] for r in results] == ["error", "warning", "error"]
    assert [r["ruleIndex"] for r in results] == [0, 1, 0]
    assert "physicalLocation" not in results[0]["locations"][0]
    check(sarif.of_findings([]))


def test_the_command_and_save(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, setup = loaded(tmp_path, SCRIPT.format(rate="40.0", optimizer="torch.optim.SGD(model.parameters(), lr=40.0)"))
    done = command(
        ["diagnose", "script.py:setup", "--seeds", "1", "--workers", "1", "--no-map", "--sarif", "a/b.sarif"]
    )
    assert done == 0
    log = json.loads((tmp_path / "a" / "b.sarif").read_text())
    check(log)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "script.py"
    assert path.read_text().splitlines()[place["region"]["startLine"] - 1].endswith("lr=40.0)")
    assert diagnose(setup, seeds=1, workers=1, steps=20).save(tmp_path / "c.sarif").exists()
