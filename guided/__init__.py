"""Constrained and guided decoding for any Hugging Face model."""
