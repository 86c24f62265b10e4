"""Other people's decoding loops."""
