"""infill(): what stands between a prefix and a suffix, by a model that was taught to fill in the middle.

The cursor may stand inside a token.  The end of the prefix is cut back to where its tokens are certain, the rest is
covered exactly (heal.py), one way is drawn by its weight, and the model goes on token by token: at temperature 1
these are the model's own probabilities of the middle, given every byte of the prefix.

Not here: which tokens frame the parts (fim_tokens.py), the decoding loop (generate.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from guided.constraints.base import Constraint
from guided.constraints.between import between
from guided.engines.fim_tokens import FimTokens, fim_tokens
from guided.engines.generate import Run
from guided.engines.heal import Healed, rule_for, split_open_end, ways_after
from guided.engines.results import Output
from guided.errors import ConstraintError, DeadEnd, ModelError
from guided.vocab import Vocabulary
from guided.vocab.canonical import Canonical

LAYOUTS = ("psm", "spm")
PREFIX_SHARE = (
    0.75  # of the context that is left, where prefix and suffix have to be cut: what is near counts, before more
)


def infill(
    lm: Any,
    prefix: str,
    suffix: str,
    constraint: Any = None,
    *,
    layout: str = "psm",
    fim_tokens: FimTokens | Sequence[int | str] | None = None,
    heal: bool = True,
    max_tokens: int = 128,
    temperature: float = 1.0,
    top_p: float | None = None,
    top_k: int | None = None,
    seed: int | None = None,
    n: int | None = None,
    stop: str | Sequence[str] = (),
    trim: bool = False,
) -> Any:
    """The text between a prefix and a suffix.

    lm          : what `guided.load` returns, of a model that was taught to fill in the middle.
    constraint  : prefix + middle + suffix as a whole is a member of its language.  A middle that max_tokens cut off is
                  no such text: `is_complete` says so.
    layout      : "psm" (prefix, suffix, middle: most models) or "spm" (suffix, prefix, middle, the two joined without a
                  token between: Code Llama and the built-in model know it as well).
    fim_tokens  : the three tokens (prefix, suffix, middle), ids or names, or a FimTokens; default: from the tokenizer.
    heal        : exact at the cursor, also where it stands inside a token.  False gives the prefix's own tokens to the
                  model as they are.  Tokenizers whose canonical tokens are not known exactly (they change texts) are
                  refused with the reason unless it is False.
    max_tokens  : tokens of the middle.      stop : strings at which it is cut.
    temperature, top_p, top_k, seed : as in generate(); at the cursor temperature acts on whole ways to go on.
    n           : middles; a list is returned if it is given.
    trim        : cut prefix and suffix, at the far ends, where they do not fit into the model's context; else that is a
                  ModelError.

    Returns an Output: .text is the middle alone; .tokens begin at the last certain cut before the cursor; .logp is the
    log-probability of what is new; .logw counts from the cursor as well.
    The middle ends where the model ends it, that is where the suffix begins.
    Raises ModelError for a model without FIM tokens (naming the argument), and for one with an encoder; ConstraintError
    if no middle can make the whole a member; ValueError for lone surrogates, VocabularyError from `heal`.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {LAYOUTS}, not {layout!r}")
    if max_tokens < 1 or (n is not None and n < 1):
        raise ValueError(f"max_tokens and n must be at least 1, got {max_tokens} and {n}")
    if constraint is not None and not isinstance(constraint, Constraint):
        raise TypeError(f"constraint must be a Constraint or None, not {constraint!r}")
    if getattr(lm, "is_encoder_decoder", False):
        raise ModelError("fill in the middle is for models without an encoder")
    before, after = _utf8(prefix, "prefix"), _utf8(suffix, "suffix")
    frame = Frame(lm, layout, fim_tokens)
    if heal:
        frame.need_exact()
    context, rest = frame.prompt(before, after, heal, max_tokens, trim)
    elements = frame.ways(context, rest)
    if not elements:
        raise DeadEnd(f"no canonical tokens of this model begin with {rest!r}", rest)
    languages: dict[bytes, Constraint] = {}
    if constraint is not None:
        elements = [one for one in elements if _language(languages, constraint, before, one.beyond, after) is not None]
        if not elements:
            raise ConstraintError(f"no text at all fits between this prefix and this suffix in {constraint!r}")
    options = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    entropy: Any = np.random.SeedSequence(seed).entropy
    chosen = choose(elements, 1 if n is None else n, temperature, np.random.default_rng([entropy, 1]))
    stops = [stop] if isinstance(stop, str) else list(stop)
    total = _log_sum([one.logw for one in elements])
    made: dict[int, Output] = {}
    for number in dict.fromkeys(chosen):
        rows = [row for row, one in enumerate(chosen) if one == number]
        element = elements[number]
        given = Given(lm, frame.vocab)
        language = languages.get(element.beyond)
        sampler = lm.sampler(**options)
        run = Run(given, language, max_tokens, sampler, entropy + number, stops, True)
        events = run.events([[*context, *element.tokens]], len(rows), 32, False)
        for row, out in zip(rows, (event.done for event in events if event.done is not None), strict=True):
            made[row] = _finished(out, prefix, element, element.logw - total, frame.vocab, row)
    results = [made[row] for row in range(len(chosen))]
    return results[0] if n is None else results


class Given:
    """A model whose prompts are token ids, and at which more tokens end a text."""

    def __init__(self, lm: Any, vocab: Vocabulary) -> None:
        self._lm, self.vocab = lm, vocab

    def encode(self, prompt: Sequence[int]) -> list[int]:
        """The ids themselves."""
        return list(prompt)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lm, name)


class Frame:
    """How one model wants prefix and suffix framed.  vocab : the model's, with the tokens that end a middle as EOS."""

    def __init__(self, lm: Any, layout: str, given: Any) -> None:
        self.lm, self.layout = lm, layout
        self.tokens = fim_tokens(lm, given)
        self.canonical = Canonical.of(lm.vocab, lm.tokenizer)
        ends = {*lm.vocab.eos_ids, *self.tokens.ends}
        self.vocab = lm.vocab if ends == set(lm.vocab.eos_ids) else with_ends(lm, ends)
        added = list(lm.tokenizer("")["input_ids"])
        self.first = [token for token in added if token not in ends] or added[: added != [] and added[0] not in ends]

    def need_exact(self) -> None:
        """Raises VocabularyError where the canonical tokens are not known."""
        if not self.canonical.exact:
            from guided.errors import VocabularyError

            raise VocabularyError(f"exact at the cursor is not possible: {self.canonical.reason}. Pass heal=False")

    def prompt(self, prefix: bytes, suffix: bytes, heal: bool, max_tokens: int, trim: bool) -> tuple[list[int], bytes]:
        """(tokens to give to the model, bytes of the prefix that the text must begin with)."""
        fim = self.tokens
        if heal:
            kept, rest = split_open_end(self.lm, rule_for(self.lm), prefix)
        else:
            kept, rest = self.canonical.encode(prefix), b""
        behind = self.inner(suffix)
        room = self.lm.max_length
        if room is not None:
            free = room - len(self.first) - 3 - max_tokens - len(rest)
            if len(kept) + len(behind) > free:
                if not trim:
                    raise ModelError(
                        f"prefix and suffix have {len(kept) + len(behind):,} tokens, and the model's context of "
                        f"{room:,} leaves {max(0, free):,} beside max_tokens={max_tokens}: "
                        "pass trim=True to cut their far ends"
                    )
                if free < 2:
                    raise ModelError(
                        f"max_tokens={max_tokens} leaves nothing of the model's context of {room:,} tokens"
                    )
                n_kept = min(len(kept), max(free - len(behind), int(free * PREFIX_SHARE)))
                kept, behind = kept[len(kept) - n_kept :], behind[: free - n_kept]
        if self.layout == "psm":
            return [*self.first, fim.prefix, *kept, fim.suffix, *behind, fim.middle], rest
        return [*self.first, fim.prefix, fim.suffix, *behind, fim.middle, *kept], rest

    def ways(self, context: list[int], rest: bytes) -> list[Healed]:
        """The ways to write `rest` after the tokens of `prompt`, heaviest first; [] where there are none."""
        if not rest:
            return [Healed([], b"", 0.0)]
        return ways_after(self.lm, rule_for(self.lm), context, rest, self.canonical.state_after(context))

    def inner(self, text: bytes) -> list[int]:
        """Tokens of a text that does not begin a document: without the space that SentencePiece puts before it."""
        if not text or not self.canonical.adds_first_space:
            return self.canonical.encode(text)
        lead = self.canonical.encode(b"\n")
        ids = self.canonical.encode(b"\n" + text)
        return ids[len(lead) :] if ids[: len(lead)] == lead else self.canonical.encode(text)


def with_ends(lm: Any, ends: set[int]) -> Vocabulary:
    """The model's vocabulary with further tokens that end a text."""
    return Vocabulary.from_tokenizer(lm.tokenizer, size=lm.vocab.size, eos_ids=frozenset(ends))


def choose(elements: Sequence[Healed], n: int, temperature: float, chance: np.random.Generator) -> list[int]:
    """n numbers of elements, drawn by weight ** (1 / temperature); the heaviest at temperature 0."""
    if temperature == 0:
        return [0] * n
    logw = np.array([one.logw for one in elements]) / temperature
    weights = np.exp(logw - logw.max())
    return [int(number) for number in chance.choice(len(elements), size=n, p=weights / weights.sum())]


def _language(
    languages: dict[bytes, Constraint], constraint: Constraint, before: bytes, beyond: bytes, after: bytes
) -> Constraint | None:
    """The middles that may follow prefix + beyond; None if there are none."""
    if beyond not in languages:
        try:
            languages[beyond] = between(constraint, before + beyond, after)
        except ConstraintError:
            if not beyond:
                raise
            return None
    return languages[beyond]


def _finished(out: Output, prefix: str, element: Healed, logp: float, vocab: Vocabulary, index: int) -> Output:
    """An Output whose text, tokens and weights begin at the cursor's last certain cut."""
    raw = element.beyond + vocab.bytes_of(out.tokens)
    if out.finish_reason == "stop_string":
        out.text = element.beyond.decode("utf-8", "replace") + out.text
    else:
        out.text = raw.decode("utf-8", "replace")
    out.prompt, out.index = prefix, index
    out.tokens = [*element.tokens, *out.tokens]
    out.logp += logp
    return out


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def _utf8(text: str, name: str) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the {name} holds a lone surrogate at character {error.start}: it is no text") from None
