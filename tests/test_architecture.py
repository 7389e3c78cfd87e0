"""Imports point one way, families are complete, and `import trainability` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import trainability

SRC = Path(trainability.__file__).parent

MAY_IMPORT = {
    "theory": set(),
    "measures": set(),
    "plots": {"theory", "measures"},
    "setup": {"theory", "measures"},
    "initializers": {"theory", "measures"},
    "optimizers": {"theory", "measures"},
    "problems": {"theory", "measures", "setup", "initializers", "optimizers"},
    "lab": {"theory", "measures", "setup", "initializers", "optimizers", "problems"},
    "curvature": {"theory", "measures", "plots", "setup", "initializers", "optimizers"},
    "forecast": {"theory", "measures", "setup", "initializers", "plots"},
    "doctor": {"theory", "measures", "setup", "initializers", "optimizers", "problems", "lab", "plots", "curvature"},
    "watch": {
        "theory", "measures", "setup", "initializers", "optimizers", "problems", "lab", "plots", "curvature", "doctor",
    },
    "integrations": {"watch"},
    "prognosis": {"theory", "measures", "setup", "initializers", "optimizers", "problems", "forecast", "doctor"},
    "gallery": {
        "theory", "measures", "setup", "initializers", "optimizers", "problems", "lab", "forecast", "doctor", "plots",
        "curvature",
    },
    "cli": {
        "theory", "measures", "setup", "initializers", "optimizers", "problems", "lab", "forecast", "doctor", "plots",
        "gallery", "curvature", "prognosis", "watch",
    },
}  # fmt: skip

FAMILIES = ["initializers", "optimizers", "problems", "doctor/rules", "doctor/remedies"]


def imported(path: Path) -> set[str]:
    """Dotted names below `trainability` that a file imports, at any depth of its syntax tree."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {n for n in names if n.split(".")[0] == "trainability"}


def files() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SRC)))
def test_imports_point_one_way(path):
    part = path.relative_to(SRC).parts[0]
    if part.endswith(".py"):  # the package's own __init__ names its public members lazily
        return
    allowed = MAY_IMPORT[part] | {part, "errors", "__version__"}
    found = {name.split(".")[1] for name in imported(path) if "." in name}
    assert found <= allowed, f"{part} may not import {sorted(found - allowed)}"


def test_every_part_has_its_place_in_the_order():
    assert {p.name for p in SRC.iterdir() if p.is_dir() and any(p.rglob("*.py"))} == set(MAY_IMPORT)


def test_theory_runs_without_torch():
    offenders = [p for p in (SRC / "theory").rglob("*.py") if "torch" in _top_level(p)]
    assert offenders == []


def _top_level(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_member_does_not_import_its_siblings(family):
    home = SRC / family
    package = "trainability." + family.replace("/", ".")
    members = {p.stem for p in home.glob("*.py") if not p.stem.startswith("_")}
    hubs = {"initialize"} if family == "initializers" else set()  # the one that applies any member to a model
    for path in home.glob("*.py"):
        if path.stem in {"__init__", *hubs}:
            continue
        siblings = {f"{package}.{m}" for m in members - {path.stem}}
        assert not imported(path) & siblings, f"{path.name} imports a sibling"


@pytest.mark.parametrize("family", ["problems", "doctor/rules", "doctor/remedies"])
def test_a_file_in_a_family_is_listed(family):
    home = SRC / family
    listing = (home / "__init__.py").read_text()
    for path in home.glob("*.py"):
        if not path.stem.startswith("_"):
            assert path.stem in listing, f"{path.name} is not listed in {family}/__init__.py"


@pytest.mark.parametrize("family", FAMILIES)
def test_engines_name_no_member(family):
    package = "trainability." + family.replace("/", ".")
    members = {p.stem for p in (SRC / family).glob("*.py") if not p.stem.startswith("_")} - {"initialize"}
    engine = [
        SRC / "doctor" / n
        for n in ("verdict.py", "verification.py", "examine.py", "bench.py", "search.py", "diagnose.py")
    ]
    engine += list((SRC / "lab").glob("*.py"))
    for path in engine:
        assert not imported(path) & {f"{package}.{m}" for m in members}, path.name


def test_import_is_light():
    code = (
        "import time, sys; t = time.perf_counter(); import trainability; s = time.perf_counter() - t; "
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules, 'heavy'; print(s)"
    )
    seconds = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    assert seconds < 0.1


def test_parts_are_reached_without_an_import_of_their_own():
    code = "import trainability as tr; print(tr.theory.wilson.interval(1, 2), tr.initializers.get('zeros'), tr.gallery.ALL)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_public_names_resolve():
    for name in trainability.__all__:
        assert getattr(trainability, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = trainability.nothing
