"""Speed and memory of guided and of its rivals, measured in one run on one core; `make bench TOKENIZER=DIR` runs it.

run.py       the runner: starts one process per engine, prints the table, writes the dated JSON line
measure.py   what one such process does, in the engine's own environment
engines/     one file per engine
generation.py  whole generations with the built-in model; guided alone
"""
