"""What the README shows is run."""

import re
from pathlib import Path

import trainability

ROOT = Path(trainability.__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


def test_the_python_example_runs_and_says_what_it_says(tmp_path, monkeypatch, capsys):
    (code,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), space)
    printed = capsys.readouterr().out
    said = dict(re.findall(r"print\((.+?)\) +# (.+)$", code, flags=re.M))
    assert printed.startswith(said["diagnosis.verdict"])
    assert said["finding.cause, finding.where"].split(",")[0] in printed
    assert said["best.summary"] in printed
    assert said["best.verification"] in printed
    assert (tmp_path / "report.html").stat().st_size > 1e6
    assert space["fixed"].score(space["X"][400:], space["y"][400:]) > 0.9


def test_the_first_two_commands_are_demo_and_test():
    first = blocks("sh")[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]


def test_every_rule_and_addition_named_exists():
    for folder in re.findall(r"`(src/trainability/[\w/]+)`", README):
        assert (ROOT / folder).is_dir()
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()
    assert (ROOT / ".ci" / "run").read_text().strip().endswith("make test")
