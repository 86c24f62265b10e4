"""The compiled core of guided, in reading order.  Cython sources live in `_fast/`; the stub is guided/_fast.pyi."""

import hashlib
from array import array

import numpy as np

cimport cython
from cpython.buffer cimport (PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.math cimport INFINITY, exp, floor, log, log1p
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

from guided.errors import DeadEnd, LimitExceeded, ModelError, TokenRejected, VocabularyError

include "types.pxi"          # number types, DEAD
include "recognizer.pyx"     # a language, a byte at a time; its table is filled on demand
include "nfa.pyx"            # byte automata with counted loops, built backwards
include "rounds.pyx"         # how many rounds of a counted loop a text can hold
include "words.pyx"          # many literal texts as one tree of states
include "trim.pyx"           # states that lead nowhere are taken out
include "finish.pyx"         # shortest ways to the end of a byte automaton
include "dfa.pyx"            # a regular language: sets of places in the byte automaton, made on demand
include "table.pyx"          # finished automata: product, complement, minimisation
include "trie.pyx"           # the tokens of a vocabulary as a flat tree
include "children.pyx"       # the children of each node side by side
include "horizon.pyx"        # how far ahead the tokens look
include "letters.pyx"        # which characters occur below a node
include "walk.pyx"           # which tokens may a language read next?
include "external.pyx"       # a language written in Python
include "product.pyx"        # two languages side by side, for & and |
include "places.pyx"         # interned places, texts and exits of a machine
include "records.pyx"        # interned rows of integers
include "wordlist.pyx"       # a finite list of texts
include "disjoint.pyx"       # languages that differ in their first byte
include "counted.pyx"        # strings of bounded length
include "without.pyx"        # a language less a few texts
include "restricted.pyx"     # a labelled language of which some ends do not count
include "json_places.pyx"    # places in a JSON document, labels of its lexemes
include "shapes.pyx"         # what plain JSON arrays and objects ask
include "plain.pyx"          # their contexts
include "plain_completions.pyx"  # how to finish a document from there
include "machine.pyx"        # lexers and contexts: JSON, grammars
include "network.pyx"        # languages one after another
include "embedding.pyx"      # languages inside a grammar
include "threads.pyx"        # the program of a grammar's terminals, a place at a time
include "cut.pyx"            # which lexeme would Lark take?
include "outcomes.pyx"       # outcomes of a state of a table, with sets of lookaheads
include "saturation.pyx"     # what becomes of a state of an LALR table under a lookahead?
include "stacks.pyx"         # the parser's stacks, and what a lexeme makes of them
include "rows.pyx"           # finished masks by state
include "entries.pyx"        # tokens inside a lexeme, and those that leave it
include "lexing.pyx"         # what every token does to one lexer
include "universe.pyx"       # where a string is free but for its end
include "lexer_indexes.pyx"  # the same for lexers made of parts
include "index.pyx"          # a recogniser met a vocabulary
include "machine_index.pyx"  # the same for lexers and contexts
include "indexes.pyx"        # the same for composed languages
include "networks.pyx"       # the same for languages one after another
include "cut_index.pyx"      # what every token does to the lexers of a Lark grammar
include "grammar.pyx"        # a Lark grammar: lexemes, stacks, masks
include "earley.pyx"         # the same for grammars that are not LALR
include "filtered.pyx"       # an index and a rule about tokens
include "matcher.pyx"        # one text in the making
include "known.pyx"          # what is known of a mask without making it
include "random.pyx"         # random numbers by address
include "urn.pyx"            # tokens without replacement, by probability
include "reject.pyx"         # one step of sampling by asking about few tokens
include "mass.pyx"           # the probability of what a token starts with
include "llama.pyx"          # one pass of a small Llama over tokens that grow as a tree
include "pairs.pyx"          # which two tokens may stand side by side?
include "ngrams.pyx"         # counts of tokens after histories, in one file
include "blender.pyx"        # weighted sums of embeddings, where a model reads them
include "candidates.pyx"     # which tokens may follow k drafts, and how good they are
include "superpose.pyx"      # k drafts for one row of logits
