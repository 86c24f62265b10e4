"""guided inside other people's loops: transformers.  Floor 6."""
