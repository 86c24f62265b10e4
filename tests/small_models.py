"""Random models and a byte-level tokenizer of a few hundred tokens, made in the test, the same every time."""

from __future__ import annotations

from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

torch.set_num_threads(1)  # models this small are slower on two

N_TOKENS = 340
PAD, BOS, EOS, END_OF_TURN = 0, 1, 2, 3
CORPUS = [
    'the name of the {"name": "Ann", "age": 31, "email": "ann@example.org"} is the same as in the other object',
    '{"name": "Bob", "age": 42, "tags": ["a", "b", "the"]}, {"id": 7, "ok": true, "none": null} abc aab bba ababab ccc',
    "thethethe the the d dd cthed cthethed abbcthed aabcd 日本 日本語 été naïve 12 123 2024-01-31",
] * 4


@cache
def tokenizer(n_tokens: int = N_TOKENS) -> PreTrainedTokenizerFast:
    """Byte-level BPE; ids 0..3 are PAD, BOS, EOS and a second end."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=n_tokens,
            special_tokens=["<pad>", "<s>", "</s>", "<end_of_turn>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left"
    )
    made.add_special_tokens({"additional_special_tokens": ["<end_of_turn>"]})
    return made


def _ready(model):
    """Ids of the tokenizer, and logits spread widely enough that no two tokens tie and samples differ."""
    model.generation_config.update(pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model.eval()


@cache
def gpt2(seed: int = 0, n_columns: int = N_TOKENS):
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=n_columns, n_embd=32, n_layer=2, n_head=2, n_positions=256, bos_token_id=BOS, eos_token_id=EOS
    )
    return _ready(GPT2LMHeadModel(config))


@cache
def llama(seed: int = 0, n_columns: int = N_TOKENS):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=n_columns,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return _ready(LlamaForCausalLM(config))


@cache
def t5(seed: int = 0, n_columns: int = N_TOKENS):
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=n_columns,
        d_model=32,
        d_kv=16,
        d_ff=48,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=PAD,
        pad_token_id=PAD,
        eos_token_id=EOS,
    )
    model = _ready(T5ForConditionalGeneration(config))
    model.generation_config.decoder_start_token_id = PAD
    return model


MODELS = {"gpt2": gpt2, "llama": llama, "t5": t5}
