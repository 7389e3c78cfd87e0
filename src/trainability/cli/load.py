"""From `train.py:setup` to the function it names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from trainability.errors import SetupError
from trainability.setup import Setup


def load(target: str) -> Setup | Callable[[], Setup]:
    """The function (or the Setup) that `FILE.py:NAME` names.

    The file runs as an imported module, with its own folder first on the path, as a script would have it.

    Args:
        target: a path to a Python file and a name in it, joined by a colon; a name "setup" may be left out.

    Returns:
        What the name stands for, if that is a function or a Setup.

    Raises:
        SetupError: no such file, no such name, the file raises, or the name stands for something else.
    """
    path, name = _split(target)
    module = _run(path)
    if not hasattr(module, name):
        public = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__]
        near = get_close_matches(name, public, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = f" It has: {', '.join(public)}." if public else " It has no functions."
        raise SetupError(
            f"{path} has no {name!r}; needed is a function that returns a trainability.Setup.{hint}{known}"
        )
    found = getattr(module, name)
    if isinstance(found, Setup) or (callable(found) and not isinstance(found, type)):
        return found
    raise SetupError(
        f"{name!r} in {path} is a {type(found).__name__}; needed is a function that takes nothing and returns a "
        "trainability.Setup."
    )


def _split(target: str) -> tuple[Path, str]:
    path, colon, name = target.rpartition(":")
    if not colon or name.endswith(".py") or "/" in name or "\\" in name:
        path, name = target, "setup"
    file = Path(path)
    if not name.isidentifier():
        raise SetupError(f"{name!r} in {target!r} is no name of a function; needed is FILE.py:FUNCTION.")
    if file.is_dir():
        raise SetupError(f"{path!r} is a folder; needed is a Python file, as in train.py:setup.")
    if not file.exists():
        beside = [p.name for p in file.parent.glob("*.py")] if file.parent.is_dir() else []
        near = get_close_matches(file.name, beside, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SetupError(f"there is no file {path!r}; needed is a Python file, as in train.py:setup.{hint}")
    if file.suffix != ".py":
        raise SetupError(f"{path!r} is not a Python file (.py); needed is one, as in train.py:setup.")
    return file, name


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SetupError(f"{path} cannot be loaded as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise SetupError(
            f"{path} is not valid Python: {error.msg} in line {error.lineno}. Mend it and run this again."
        ) from error
    except (Exception, SystemExit) as error:
        raise SetupError(
            f"{path} raised {type(error).__name__} when it was loaded: {error}. Needed is a file that can be imported; "
            "put what starts a training under `if __name__ == '__main__':`."
        ) from error
    return module
