"""Every entry runs its small version, its claims hold there, and its figure can be saved."""

import io
from pathlib import Path

import pytest

from trainability import gallery
from trainability.errors import UnknownNameError


@pytest.mark.parametrize("name", gallery.ALL)
def test_smoke(name):
    module = gallery.get(name)
    assert module.TITLE
    assert module.SOURCE
    seen = []
    result = module.run(smoke=True, progress=lambda stage, done, total: seen.append((done, total)))
    assert result.claims
    assert result.holds, [c for c in result.claims if not c.holds]
    assert all(c.says and c.predicted and c.measured for c in result.claims)
    assert all(done <= total for done, total in seen)
    buffer = io.BytesIO()
    module.figure(result).savefig(buffer, format="png")
    assert buffer.getvalue().startswith(b"\x89PNG")


def test_every_file_is_listed():
    folder = Path(gallery.__file__).parent
    files = {p.stem.replace("_", "-") for p in folder.glob("*.py") if not p.stem.startswith("_")}
    assert files == set(gallery.ALL)


def test_an_unknown_entry_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'saturated-softmax'"):
        gallery.get("saturated-softmx")
