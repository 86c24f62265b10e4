"""HuggingFaceModel: a transformers model and its tokenizer as a guided Model.

Not here: the KV cache of texts in the making (kv.py), the decoding loop (engines/generate.py).
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from guided.errors import ModelError
from guided.models.kv import KVSession
from guided.models.kv_tree import KVRows, KVTree, tree_on
from guided.models.llama_tree import LlamaTree
from guided.models.sampling import Sampler, Warper
from guided.models.superposed import SuperposedSession
from guided.models.vocabularies import vocabulary_of

Message = Mapping[str, Any]


def load(model: Any, tokenizer: Any = None, **options: Any) -> HuggingFaceModel:
    """A Hugging Face model ready for guided.

    model     : a transformers model with a language-model head, or a path or name that `from_pretrained` reads.
    tokenizer : its tokenizer, or a path or name; default: from the same path.
    options   : for `from_pretrained`, where a path was given (dtype=, device_map=, ...).
    Raises ModelError if the two do not belong together.
    """
    if isinstance(model, (str, os.PathLike)):
        tokenizer = model if tokenizer is None else tokenizer
        config = AutoConfig.from_pretrained(model)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = kind.from_pretrained(model, **options)
    elif options:
        raise TypeError(f"{', '.join(options)} can only be given where the model is a path")
    if tokenizer is None:
        raise TypeError("a model without a path needs its tokenizer: guided.load(model, tokenizer)")
    if isinstance(tokenizer, (str, os.PathLike)):
        tokenizer = AutoTokenizer.from_pretrained(tokenizer)
    return HuggingFaceModel(model, tokenizer)


class HuggingFaceModel:
    """A distribution over tokens, by a transformers model.

    model, tokenizer  : the objects themselves; the model is put in eval mode.
    vocab             : Vocabulary over all columns of the logits; EOS are the ids at which either of the two stops.
    n_columns         : columns of the logits, at least len(tokenizer).
    is_encoder_decoder: prompts go to the encoder, texts are written by the decoder.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        if not hasattr(model, "generate") or not hasattr(model, "config"):
            raise ModelError(f"{type(model).__name__} is no transformers model with a language-model head")
        self.model, self.tokenizer = model.eval(), tokenizer
        self.is_encoder_decoder = bool(model.config.is_encoder_decoder)
        head = model.get_output_embeddings()
        weight = getattr(head, "weight", None)
        self.n_columns = int(model.config.get_text_config().vocab_size if weight is None else weight.shape[0])
        if len(tokenizer) > self.n_columns:
            raise ModelError(
                f"the tokenizer has {len(tokenizer):,} tokens, the logits have {self.n_columns:,} columns: this "
                "tokenizer does not belong to this model (or tokens were added without model.resize_token_embeddings)"
            )
        self.vocab = vocabulary_of(tokenizer, size=self.n_columns, eos_token_id=self._eos_ids())
        parameters = inspect.signature(model.forward).parameters
        self.takes_logits_to_keep = "logits_to_keep" in parameters
        # What the cache of keys and values is called from transformers 5.24 on; the older name is deprecated there.
        self.cache_name = "cache" if "cache" in parameters else "past_key_values"
        # Rows of a batch may only grow by different lengths where a hole in the cache is invisible: positions are given
        # from outside, and no layer has a window or a recurrent state that counts slots instead of positions.
        text_config = model.config.get_text_config()
        kinds = set(getattr(text_config, "layer_types", None) or ["full_attention"])
        self.takes_ragged_rows = (
            not self.is_encoder_decoder
            and "position_ids" in parameters
            and kinds == {"full_attention"}
            and not getattr(text_config, "sliding_window", None)
            and not getattr(model, "_is_stateful", False)
        )

    def __repr__(self) -> str:
        return f"HuggingFaceModel({type(self.model).__name__}, {self.vocab!r})"

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        found: torch.device = self.model.device
        return found

    def _eos_ids(self) -> list[int]:
        config = getattr(self.model, "generation_config", None)
        found: set[int] = set()
        for given in (getattr(config, "eos_token_id", None), self.tokenizer.eos_token_id):
            found.update([given] if isinstance(given, int) else given or [])
        return sorted(token for token in found if 0 <= token < self.n_columns)

    # --- prompts ---------------------------------------------------------------------------------------------------

    def encode(self, prompt: str | Sequence[Message]) -> list[int]:
        """Token ids of a prompt: text, or chat messages through the tokenizer's chat template.

        An empty prompt is BOS, or EOS where there is no BOS.  Raises ModelError if there is neither.
        """
        if isinstance(prompt, str):
            ids = list(self.tokenizer(prompt)["input_ids"])
            if ids and not self.is_encoder_decoder and len(ids) > 1 and ids[-1] in self.vocab.eos_ids:
                ids.pop()  # some tokenizers end every text with EOS; a prompt is to be continued
        else:
            if getattr(self.tokenizer, "chat_template", None) is None:
                raise ModelError("the prompt is a list of messages, but this tokenizer has no chat template")
            text = self.tokenizer.apply_chat_template(list(prompt), tokenize=False, add_generation_prompt=True)
            ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if ids:
            return ids
        first = self.tokenizer.bos_token_id
        if first is None:
            first = min(self.vocab.eos_ids, default=None)
        if first is None:
            raise ModelError("an empty prompt needs a BOS or EOS token to start from, and this tokenizer has neither")
        return [first]

    def encode_text(self, text: str) -> list[int]:
        """Token ids of `text` alone, no special tokens added."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:  # 20 us instead of 500 us through the tokenizer's own call
            return list(backend.encode(text, add_special_tokens=False).ids)
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    # --- the model -------------------------------------------------------------------------------------------------

    def session(self, prompts: Sequence[Sequence[int]], copies: int = 1) -> KVSession:
        """Read the prompts, ready to write `copies` texts after each.  See KVSession."""
        return KVSession(self, prompts, copies)

    def tree(self, prompt_ids: Sequence[int]) -> LlamaTree | KVTree | KVRows:
        """Contexts that grow as a tree from one prompt, as smc needs them.  See KVTree."""
        return tree_on(self, prompt_ids)

    def superposed(self, prompts: Sequence[Sequence[int]]) -> SuperposedSession:
        """Read the prompts, ready to read weighted sums of tokens after each.  See SuperposedSession."""
        return SuperposedSession(self, prompts)

    def logprobs(self, contexts: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """Natural log-probabilities of the next token, float32[n, n_columns], for n contexts of token ids.

        Raises ModelError for an empty context, an encoder-decoder model, or logits that are no distribution.
        """
        if self.is_encoder_decoder:
            raise ModelError("logprobs(contexts) is for models without an encoder")
        if not contexts:
            return np.empty((0, self.n_columns), np.float32)
        if not all(len(context) for context in contexts):
            raise ModelError("a context is empty: start from BOS, as encode('') does")
        logits = self.session(contexts).logits
        result: npt.NDArray[np.float32] = torch.log_softmax(logits, -1).cpu().numpy()
        for row in np.flatnonzero(~np.isfinite(result.max(axis=-1))):
            raise ModelError(f"context {row}: the logits are NaN or all -inf, not a distribution")
        return result

    @property
    def max_length(self) -> int | None:
        """Tokens that fit into the model's context, prompt included; None if nothing says so."""
        found = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(found) if found else None

    def sampler(self, *, temperature: float = 1.0, **options: float | None) -> Sampler:
        """Draws tokens as `generate` of transformers would with these options.

        temperature : 0 is greedy.      options : as in `warpers`; None leaves one out.
        Raises ValueError for values out of range, by our check or by transformers' own.
        """
        if temperature < 0 or not math.isfinite(temperature):
            raise ValueError(f"temperature must be 0 or a positive number, got {temperature}")
        given = {name: value for name, value in options.items() if value is not None}
        for name in ("top_p", "min_p", "typical_p"):
            if not 0 <= given.get(name, 1) <= 1:  # transformers takes more than 1 for "off"
                raise ValueError(f"{name} is a probability, got {given[name]}")
        if temperature not in (0, 1):
            given["temperature"] = float(temperature)
        before, after = self.warpers(given) if given else ([], [])
        return Sampler(before, after, is_greedy=temperature == 0)

    def warpers(self, options: Mapping[str, Any]) -> tuple[list[Warper], list[Warper]]:
        """What transformers would put before and after a logits processor for these options of `generate`.

        options : temperature, top_k, top_p, min_p, typical_p, repetition_penalty, ... as GenerationConfig names them.
        Returns (before the constraint, after it).  Raises ValueError for values that transformers refuses.
        """

        class Constraint(LogitsProcessor):
            pass

        place = Constraint()
        config = GenerationConfig(do_sample=True, **options)
        config.validate()
        found = list(
            self.model._get_logits_processor(config, 1, None, None, LogitsProcessorList([place]), self.device, {})
        )
        middle = found.index(place)
        return found[:middle], found[middle + 1 :]
