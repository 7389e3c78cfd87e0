"""The commands together, and what becomes of an error: one clear sentence and exit code 2."""

from __future__ import annotations

from cyclopts import App, CycloptsError
from rich.console import Console

from trainability import __version__
from trainability.cli.check import check
from trainability.cli.demo import demo
from trainability.cli.diagnose import diagnose
from trainability.cli.explain import explain
from trainability.cli.map import map_
from trainability.cli.postmortem import postmortem
from trainability.cli.predict import predict
from trainability.cli.reproduce import reproduce
from trainability.cli.sharpness import sharpness
from trainability.cli.sweep import sweep
from trainability.errors import TrainabilityError

BAD_INPUT = 2

app = App(
    name="trainability",
    version=__version__,
    help="Will this neural network train, why not, and which change makes it train.",
    suppress_keyboard_interrupt=False,
)
app.command(check)
app.command(diagnose)
app.command(demo)
app.command(explain)
app.command(map_, name="map")
app.command(postmortem)
app.command(predict)
app.command(reproduce)
app.command(sharpness)
app.command(sweep)


def run(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: words after the program's name.

    Returns:
        The exit code: 0; 1 where a reproduced claim fails; 2 with a sentence on standard error.
    """
    console = Console(stderr=True, highlight=False)
    try:
        code = app(arguments, exit_on_error=False, result_action="return_value")
    except CycloptsError:
        return BAD_INPUT  # cyclopts has said what is wrong with the arguments
    except TrainabilityError as error:
        console.print("Error:", style="bold red", end=" ")
        console.print(str(error), markup=False, soft_wrap=True)
        return BAD_INPUT
    except KeyboardInterrupt:
        console.print(
            "Stopped by Ctrl-C: nothing of yours was changed and no report was written. Run the same command again, "
            "with --steps or --max-seconds for a shorter one.",
            soft_wrap=True,
        )
        return BAD_INPUT
    return code if isinstance(code, int) else 0
