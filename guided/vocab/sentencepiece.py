"""A slow tokenizer around a SentencePiece model, seen as a `tokenizers.Tokenizer`: the few methods that are read.

For the models that transformers still runs through `sentencepiece` itself and cannot convert.  Imports neither.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

SPACE = "▁"  # SentencePiece's mark for a space


class Part:
    """A decoder or normalizer that is only asked for its JSON."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def __getstate__(self) -> bytes:
        return json.dumps(self.state).encode()


class SentencePieceBackend:
    """tokenizer : has `sp_model`, a SentencePieceProcessor, and maps its own ids to pieces."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.processor = tokenizer.sp_model
        first = next(iter(self.processor.encode("a", out_type=str)), "")
        strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if first.startswith(SPACE) else []
        steps = [{"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"}]
        self.decoder = Part({"type": "Sequence", "decoders": [*steps, {"type": "Fuse"}, *strip]})
        self.normalizer = Part({"type": "the table of its SentencePiece model"})
        self.pre_tokenizer = Part({"type": "Metaspace", "prepend_scheme": "first" if strip else "never"})
        unknown = getattr(tokenizer, "unk_token", None)
        self.model = SimpleNamespace(unk_token=unknown, token_to_id=tokenizer.convert_tokens_to_ids)

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        """Ids in all: SentencePiece ids have no holes."""
        return len(self.tokenizer)

    def get_added_tokens_decoder(self) -> dict[int, Any]:
        """Added tokens by id."""
        return dict(self.tokenizer.added_tokens_decoder)

    def id_to_token(self, token: int) -> str | None:
        """The piece of an id; None for one that is not in use, and for control pieces, which are no text."""
        if token >= len(self.tokenizer):
            return None
        piece = self.tokenizer.convert_ids_to_tokens(token)
        number = self.processor.piece_to_id(piece) if isinstance(piece, str) else 0
        if self.processor.is_control(number) or self.processor.is_unused(number):
            return ""
        return piece if isinstance(piece, str) else None

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        """What the tokenizer itself decodes."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens))
