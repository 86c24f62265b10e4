"""Engines: what speaks to an index and a model alone."""
