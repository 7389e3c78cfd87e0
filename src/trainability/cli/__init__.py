"""The command line: one verb a file, typed functions turned into commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 when the work was done, 2 when what was given cannot be worked with.

    Args:
        arguments: words after the program's name; None for those of this process.
    """
    from trainability.cli.app import run

    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))
