"""The limits on what a constraint may cost, counted in states, items and bytes, never in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Given when a constraint is compiled; a breach raises LimitExceeded with the field's name.

    max_pattern_length : characters of a regular expression
    max_pattern_depth  : nested groups of a regular expression
    max_nfa_states     : states of a byte automaton, a counted repeat counting its body once
    max_dfa_states     : states of an automaton that must be built in full (lookahead, &, not)
    max_states         : states that one recogniser may intern in its lifetime
    max_mask_bytes     : memory for finished masks per (constraint, vocabulary); the oldest are dropped and made anew
    max_grammar_length : characters of a Lark grammar
    max_grammar_rules  : rules and terminals of a Lark grammar; Lark needs about 0.2 ms for each
    max_schema_nodes   : sub-schemas of a JSON Schema
    max_schema_depth   : nested sub-schemas, and nested values of an instance
    max_formula_steps  : steps spent on one question about a combination of anyOf, oneOf and allOf
    """

    max_pattern_length: int = 1_000_000
    max_pattern_depth: int = 10_000
    max_nfa_states: int = 1_000_000
    max_dfa_states: int = 50_000
    max_states: int = 1_000_000
    max_mask_bytes: int = 64 * 2**20
    max_grammar_length: int = 1_000_000
    max_grammar_rules: int = 5_000
    max_schema_nodes: int = 100_000
    max_schema_depth: int = 1_000
    max_formula_steps: int = 200_000


DEFAULT_LIMITS = Limits()
