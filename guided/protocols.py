"""The whole architecture on one page: what the pieces of guided ask of each other.

    constraint (regex, choice, json_schema, ...)      knows no tokenizer
        └── Recognizer    a language, a byte at a time; states are interned integers      _fast/recognizer.pyx
              ├── Dfa         regular languages, made lazily                              _fast/dfa.pyx
              ├── Machine     lexer x context, the contexts given by a front end          _fast/machine.pyx
              ├── Network     one after another, one of several, inside a grammar         _fast/network.pyx
              └── Product     two of them side by side, for &                             _fast/product.pyx
    Vocabulary                token id -> bytes, as a trie                                guided/vocab, _fast/trie.pyx
        └── Index         Recognizer x Vocabulary: masks by state, made once              _fast/index.pyx
              └── Matcher     a position in a text                                        _fast/matcher.pyx
    Model                     token contexts -> log-probabilities                         guided/models
        └── engines       generate, ...: Index x Model                                    guided/engines

Every front end ends in a Recognizer and every model in a Model, so N front ends and M engines need N + M pieces.
The compiled classes are named here as protocols, so that a reader (and a type checker) sees what is relied upon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    import numpy.typing as npt

DEAD = -1
FINISHED = -5


@runtime_checkable
class Recognizer(Protocol):
    """A language of bytes.  States are ints >= 0; a state that is not DEAD can reach a member."""

    @property
    def start(self) -> int: ...
    def step(self, state: int, byte: int, /) -> int: ...
    def is_accepting(self, state: int, /) -> bool: ...


@runtime_checkable
class Contexts(Protocol):
    """The context half of a Machine, written by a front end.  Contexts are ints >= 0: equal futures, equal ints.

    A lexeme ends at once when its lexer is in a final state (accepting, nothing can follow), or before a byte that is
    dead in the lexer while the lexer accepts; that byte is then read by the lexer of the next context.
    """

    @property
    def start(self) -> int:
        """The first context; DEAD if no document exists."""

    def lexer(self, context: int, /) -> Any:
        """The Dfa of what may be written next, the same object for equal automata; None where the text is finished."""

    def exit(self, context: int, labels: tuple[int, ...], text: bytes | None, /) -> int:
        """The context after a lexeme that ended with these labels; DEAD if nothing can follow.

        text : the lexeme's bytes if captures(context), else None.  None where captures(context) means "any fresh text".
        """

    def captures(self, context: int, /) -> bool:
        """Whether exit() needs the text of the lexeme.

        Which text it is may change the contexts to come, but not whether anything can follow: names that may not be
        used again are kept out by the lexer.  (Masks ask exit() once, with None, for all texts.)
        """

    def fallback(self, context: int, /) -> int:
        """The context that reads the lexeme, from its first byte, where this context's lexer cannot; DEAD for none.

        For exceptions to a rule: the lexer reads a few texts that mean something special (known keys, keys that may
        not come again), each ending at once; whatever differs from them is the fallback's.  Optional.
        """

    def is_accepting(self, context: int, /) -> bool:
        """Whether the text may end here, nothing of the context's lexeme being written."""

    def completion(self, context: int, /) -> bytes:
        """A short text that finishes the document from here; how long it is does not depend on captured texts."""


@runtime_checkable
class Vocabulary(Protocol):
    """What the core needs of a tokenizer."""

    @property
    def tokens(self) -> Sequence[bytes]: ...
    @property
    def eos_ids(self) -> Collection[int]: ...
    @property
    def size(self) -> int: ...
    @property
    def trie(self) -> Any: ...
    @property
    def fingerprint(self) -> str: ...


@runtime_checkable
class Model(Protocol):
    """A distribution over tokens."""

    @property
    def vocab(self) -> Vocabulary: ...

    def logprobs(self, contexts: Sequence[Sequence[int]], /) -> npt.NDArray[np.float32]:
        """Natural log-probabilities of the next token, float32[n, V], for n contexts of token ids."""
