"""`python -m trainability.cli`."""

from trainability.cli import main

main()
