"""The compiled core of guided, in reading order.  Cython sources live in `_fast/`; the stub is guided/_fast.pyi."""

include "types.pxi"          # number types, DEAD
include "recognizer.pyx"     # a language, a byte at a time; its table is filled on demand
include "trie.pyx"           # every token of a vocabulary in depth-first order
