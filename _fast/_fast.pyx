"""The compiled core of guided, in reading order.  Cython sources live in `_fast/`; the stub is guided/_fast.pyi."""

include "types.pxi"          # number types, DEAD
include "recognizer.pyx"     # a language, a byte at a time; its table is filled on demand
include "nfa.pyx"            # byte automata with counted loops, built backwards
include "dfa.pyx"            # a regular language: sets of places in the byte automaton, made on demand
include "table.pyx"          # finished automata: product, complement, minimisation
