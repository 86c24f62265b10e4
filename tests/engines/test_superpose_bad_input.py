"""superpose(): what cannot be done is refused by name."""

import numpy as np
import pytest

import guided
from guided.engines.ngrams import NGrams
from guided.errors import ConstraintError, DeadEnd, ModelError, VocabularyError
from guided.models.huggingface import load
from tests.engines.superposed_toys import linear_model
from tests.engines.test_superpose import PROMPTS, SCHEMA
from tests.small_models import CORPUS, llama, t5, tokenizer


@pytest.fixture(scope="module")
def lm():
    return load(llama(), tokenizer())


@pytest.fixture(scope="module")
def ngrams():
    return NGrams.train(CORPUS[:3], tokenizer(), progress=False)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"k": 0}, "k, the number of drafts"),
        ({"k": -1}, "k, the number of drafts"),
        ({"k": True}, "k, the number of drafts"),
        ({"k": 257}, "k, the number of drafts"),
        ({"k": 5, "m": 4}, "at least k = 5"),
        ({"m": 10**6}, "at most 340"),
        ({"k": [1, 2]}, "2 numbers of drafts for 1 prompts"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"k": 2.0}, "k, the number of drafts"),
        ({"k": None}, "k, the number of drafts"),
        ({"max_tokens": 2.5}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"alpha": 0.5}, "no n-grams"),
        ({"verify": "speculation"}, "verify"),
        ({"verify": "spectr", "heal": True}, "exact samples"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_bad_numbers_are_named(lm, options, match):
    with pytest.raises(ValueError, match=match):
        guided.superpose(lm, PROMPTS[0], **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"prompt": None}, "prompt must be text"),
        ({"prompt": 3}, "prompt must be text"),
        ({"prompt": b"the"}, "prompt must be text"),
        ({"stop": 3}, "stop must be"),
        ({"stop": [b"a"]}, "stop must be"),
        ({"ngrams": "code.ngrams"}, r"NGrams\.open"),
    ],
)
def test_things_of_another_kind_are_named(lm, options, match):
    with pytest.raises(TypeError, match=match):
        guided.superpose(lm, **({"prompt": PROMPTS[0]} | options))


def test_alpha_is_a_share(lm, ngrams):
    with pytest.raises(ValueError, match="0 to 1"):
        guided.superpose(lm, PROMPTS[0], ngrams=ngrams, alpha=1.5)


def test_models_that_cannot_read_weighted_sums_are_refused(lm):
    with pytest.raises(ModelError, match="encoder"):
        guided.superpose(load(t5(), tokenizer()), "the")
    from tests.engines.toys import toy

    with pytest.raises(ModelError, match="TableModel cannot read weighted sums"):
        guided.superpose(toy(), "a")

    class Plain(type(lm.model)):
        def forward(self, input_ids=None, attention_mask=None, past_key_values=None, use_cache=None, return_dict=None):
            return super().forward(
                input_ids, attention_mask=attention_mask, past_key_values=past_key_values, use_cache=use_cache
            )

    plain = Plain(lm.model.config).eval()
    with pytest.raises(ModelError, match="takes no inputs_embeds"):
        guided.superpose(load(plain, tokenizer()), "the")


def test_ngrams_of_another_tokenizer_are_refused(lm):
    other = NGrams.train(CORPUS[:1], tokenizer(300), progress=False)
    with pytest.raises(VocabularyError, match="another tokenizer"):
        guided.superpose(lm, PROMPTS[0], ngrams=other)


def test_languages_that_do_not_fit_are_refused(lm):
    with pytest.raises(ConstraintError, match="max_tokens="):
        guided.superpose(lm, PROMPTS[0], 2, 3, constraint=SCHEMA, complete=True)
    with pytest.raises(ConstraintError, match="no member"):
        guided.superpose(lm, PROMPTS[0], constraint=guided.regex("a") & guided.regex("b"))
    with pytest.raises(ConstraintError, match="could be a pattern"):
        guided.superpose(lm, PROMPTS[0], constraint="[a-z]+")
    with pytest.raises(ValueError, match="empty"):
        guided.superpose(lm, [])


def test_a_language_that_the_tokens_cannot_spell_is_a_dead_end():
    lm = linear_model(np.random.default_rng(0), [b"a", b"b", b""], 2)
    lm.encode_text = lm.encode
    with pytest.raises(DeadEnd, match="cannot spell"):
        guided.superpose(lm, [[0]], 2, 4, m=3, constraint=guided.regex("[xy]+"))
