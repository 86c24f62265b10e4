"""`python -m guided`: the same as the command `guided`."""

from guided.cli import main

main()
