"""For test suites: the pytest marker `trainable`, which pytest finds by itself.

    import pytest
    import trainability as tr

    @pytest.mark.trainable
    def test_my_setup():
        return tr.Setup(model, loss_fn, optimizer, data)

    @pytest.mark.trainable(train=True, probability=0.8)  # trains it, on several seeds
    def test_it_for_real(my_setup):                      # fixtures as ever
        return my_setup

A marked test returns a Setup, or a function that builds one, and fails with the first finding where it will not train.
The marker takes the arguments of `trainability.assert_trainable`. Nothing but pytest is imported before one runs.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest

MARKER = "trainable"
SAYS = (
    "trainable(probability=None, steps=None, train=False, ...): the test returns a trainability.Setup, and fails with the "
    "first finding where that will not train. Arguments are those of trainability.assert_trainable."
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that --strict-markers takes it."""
    config.addinivalue_line("markers", SAYS)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a marked test and check what it returns; leave every other test alone."""
    marker = pyfuncitem.get_closest_marker(MARKER)
    if marker is None or inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    given = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted})
    if given is None:
        pytest.fail(
            f"{pyfuncitem.name} is marked as {MARKER} and returned None; needed is a trainability.Setup, or a function "
            "that builds one: end the test with `return setup`.",
            pytrace=False,
        )
    why = _why_not(given, marker)
    if why:
        pytest.fail(why, pytrace=False)
    return True


def _why_not(given: Any, marker: pytest.Mark) -> str:
    from trainability.prognosis import assert_trainable

    try:
        assert_trainable(given, *marker.args, **marker.kwargs)
    except AssertionError as error:
        return str(error)
    return ""
