"""`guided mask`: the tokens that may come next after a prefix."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any

import typer

from guided.cli import options
from guided.cli.match import DEAD, describe, examine
from guided.cli.show import byte_name, place, spell

EXAMPLES = 6  # tokens shown for a group
GROUPS = 12  # groups shown


def command(
    regex: options.Regex = None,
    choice: options.Choice = None,
    schema: options.Schema = None,
    grammar: options.Grammar = None,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="What is written; - reads stdin.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="Most tokens to list one by one.")] = 40,
    tokenizer: options.Tokenizer = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the tokens that may follow a prefix; exit 1 if the prefix is not one of any text that matches."""
    options.one_stdin(prefix, schema)
    constraint = options.need_constraint(regex, choice, schema, grammar)
    written = options.text_from(prefix)
    recognizer = constraint.recognizer()
    state = recognizer.run(recognizer.start, written)
    if state == DEAD:
        answer = examine(recognizer, written)
        if as_json:
            options.print_json({"viable": False, **answer})
        else:
            print(describe(answer, written, no="no text that matches begins like this"))
        raise typer.Exit(1)
    vocab = options.vocabulary_from(tokenizer)
    allowed = allowed_tokens(constraint, vocab, state)
    may_end = bool(recognizer.is_accepting(state))
    if as_json:
        options.print_json(as_dict(allowed, vocab, may_end, limit))
    else:
        print(as_text(allowed, vocab, may_end, limit, written))


def allowed_tokens(constraint: Any, vocab: Any, state: int) -> list[int]:
    """Ids of the tokens of text that may come next in `state`, in the order of their bytes (EOS is told apart)."""
    import numpy as np

    from guided.index import index_for

    index = index_for(constraint, vocab)
    words = np.empty(index.n_words, np.uint32)
    index.mask_into(state, words)
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    tokens = [int(token) for token in np.flatnonzero(bits) if vocab.tokens[int(token)]]
    return sorted(tokens, key=lambda token: vocab.tokens[token])


def grouped(tokens: list[int], vocab: Any) -> list[tuple[str, list[int]]]:
    """Tokens by their first byte, the largest group first."""
    groups: dict[int, list[int]] = defaultdict(list)
    for token in tokens:
        groups[vocab.tokens[token][0]].append(token)
    return [(byte_name(byte), group) for byte, group in sorted(groups.items(), key=lambda item: -len(item[1]))]


def as_dict(tokens: list[int], vocab: Any, may_end: bool, limit: int) -> dict[str, Any]:
    return {
        "viable": True,
        "allowed": len(tokens),
        "of": vocab.size,
        "may_end": may_end,
        "eos_ids": sorted(vocab.eos_ids) if may_end else [],
        "tokens": [{"id": token, "text": spell(vocab.tokens[token])} for token in tokens[:limit]],
        "by_first_byte": {name: len(group) for name, group in grouped(tokens, vocab)},
    }


def as_text(tokens: list[int], vocab: Any, may_end: bool, limit: int, written: bytes) -> str:
    end = "; the text may end here" if may_end else ""
    lines = [place(written, len(written)), f"{len(tokens):,} of {vocab.size:,} tokens may follow{end}"]
    if len(tokens) <= limit:
        lines += [f"{token:>8}  {quoted(vocab.tokens[token])}" for token in tokens]
        return "\n".join(lines)
    groups = grouped(tokens, vocab)
    for name, group in groups[:GROUPS]:
        shortest = sorted(group, key=lambda token: (len(vocab.tokens[token]), vocab.tokens[token]))[:EXAMPLES]
        examples = " ".join(quoted(vocab.tokens[token]) for token in shortest)
        lines.append(f"{len(group):>8,}  begin with {name:<8} {examples}{' …' if len(group) > EXAMPLES else ''}")
    rest = groups[GROUPS:]
    if rest:
        n_tokens = sum(len(group) for _, group in rest)
        lines.append(f"{n_tokens:>8,}  begin with one of {len(rest)} other bytes")
    return "\n".join(lines)


def quoted(text: bytes) -> str:
    """A token between quotes that it does not hold."""
    shown = spell(text)
    return f"'{shown}'" if '"' in shown else f'"{shown}"'
