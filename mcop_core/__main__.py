"""`python -m mcop_core` is `mcop`."""

from mcop_core.cli.main import main

main()
