"""Vocabularies: token id -> bytes, from any Hugging Face tokenizer.  Imports neither transformers nor torch."""

from guided.vocab.vocabulary import Vocabulary

__all__ = ["Vocabulary"]
