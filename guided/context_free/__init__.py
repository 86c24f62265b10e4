"""Lark grammars: Lark's own tables, read a byte at a time; the only importer of lark.

Derivation: docs/theory/grammars.md.
"""
