"""Models: token contexts to log-probabilities."""
