"""Lark grammars: Lark's own tables, read a byte at a time.  The only importer of lark; theory: docs/theory/grammars.md."""
