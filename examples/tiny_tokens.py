"""From documents to rows of token ids: the tokenizer, its training, and the packing of documents into rows.

Not here: which documents (tiny_corpus.py), what a model does with the rows (train_tiny.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tiny_corpus import END, SPECIAL_TOKENS
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

# GPT-4's pattern, with the indentation kept beside the line end that it follows: the two come together in
# Python and in JSON.  With 8,192 entries a token is 4.02 bytes of the left-out modules instead of 3.75, of JSON 3.50
# instead of 3.12.
PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+(?:[\r\n]+[ \t]*)?"
    r"|[ \t]*[\r\n]+[ \t]*|\s+(?!\S)|\s+"
)
ROW_TOKENS = 1024  # the context length; documents longer than a row go on in the next one


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE tokenizer without normaliser: the 256 bytes, the four special tokens, then merges."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """tokenizer.json and tokenizer_config.json, as AutoTokenizer reads them."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=END,
        padding_side="left",  # a batch of prompts is to be continued
        model_max_length=ROW_TOKENS,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
    )
    fast.save_pretrained(folder)
    # transformers 5 writes its internal class name, which other readers do not know.
    path = folder / "tokenizer_config.json"
    path.write_text(path.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast"))


def encode(tokenizer: Tokenizer, texts: list[str], batch: int = 256) -> Iterator[NDArray[np.uint16]]:
    """The token ids of each text, special tokens recognised.  uint16 holds any vocabulary up to 65,536."""
    for start in range(0, len(texts), batch):
        for encoding in tokenizer.encode_batch_fast(texts[start : start + batch], add_special_tokens=False):
            yield np.array(encoding.ids, dtype=np.uint16)


def pack(tokenizer: Tokenizer, texts: list[str], seed: int) -> NDArray[np.uint16]:
    """Documents in a shuffled order, an <|endoftext|> before each, cut into shuffled rows.

    Returns uint16[n_rows, ROW_TOKENS + 1]; the last id of a row is the first of the row that followed it in the
    text, so that ROW_TOKENS predictions are made per row.  Rows are shuffled because a long file fills many rows,
    and a batch should not be one file.
    """
    rng = random.Random(seed)
    order = rng.sample(texts, len(texts))
    end = np.array([tokenizer.token_to_id(END)], dtype=np.uint16)
    stream = np.concatenate([part for ids in encode(tokenizer, order) for part in (end, ids)])
    n_rows = (len(stream) - 1) // ROW_TOKENS
    starts = np.random.default_rng(seed).permutation(n_rows) * ROW_TOKENS
    return stream[starts[:, None] + np.arange(ROW_TOKENS + 1)[None, :]]


def batch_rows(rows: NDArray[np.uint16], tokens_seen: int, n_tokens: int, length: int) -> NDArray[np.int64]:
    """The batch that follows after `tokens_seen` tokens: int64[n_tokens // length, length + 1].

    tokens_seen, n_tokens : multiples of ROW_TOKENS.   length : divides ROW_TOKENS; rows are cut into such parts.
    A function of its arguments alone, so a resumed run reads what the unbroken one would have read; it starts again
    from the first row after the last.
    """
    first = tokens_seen // ROW_TOKENS
    chosen = rows[np.arange(first, first + n_tokens // ROW_TOKENS) % len(rows)].astype(np.int64)
    starts = np.arange(0, ROW_TOKENS, length)
    return chosen[:, starts[:, None] + np.arange(length + 1)[None, :]].reshape(-1, length + 1)
