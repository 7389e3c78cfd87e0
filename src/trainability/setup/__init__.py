"""What decides a training run, and the plain training of it; knows no other part but theory and measures."""

from trainability.setup.run import Run
from trainability.setup.setup import Setup, as_setup

__all__ = ["Run", "Setup", "as_setup"]
