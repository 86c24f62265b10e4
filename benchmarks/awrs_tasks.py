"""Tasks whose true posterior can be written down: a prompt, a language, a test of texts, all members.

Four kinds: a pattern with a condition on the whole text, JSON with a rule across fields, SQL that must run, dead ends.
Every test answers for beginnings too, as a user would write it: as soon as a text cannot become a member, it says so.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import guided
from guided.engines.contexts import tree_of
from guided.engines.outcomes import Walk

MAX_TOKENS = 32
TOLERANCE = 1e-2  # spellings that could change a text's probability by less than this share are left out of the truth


@dataclass(frozen=True)
class Task:
    """prompt; language (a Constraint); may_become and fits: str -> bool, for beginnings and whole texts; members.

    No member is the beginning of another, and a text ends by itself where nothing can follow (end="free"): the built-in
    model was not taught when to stop, and what it thinks of that is not what is measured.
    """

    name: str
    prompt: str
    language: Any
    may_become: Callable[[str], bool]
    fits: Callable[[str], bool]
    members: tuple[str, ...]

    @property
    def product(self) -> Any:
        """The language by its mask, the test by questions."""
        return self.language & guided.predicate(prefix=self.may_become, complete=self.fits)

    @property
    def critic(self) -> guided.Potential:
        """The same test as a potential, which judges a text after a token was drawn."""
        return guided.Potential(prefix=self.may_become, complete=self.fits)

    @property
    def late(self) -> Any:
        """The test asked of whole texts only."""
        return self.language & guided.predicate(complete=self.fits)


def digits() -> Task:
    """A time of day whose digits add up to ten: which digits are left to choose depends on all before."""

    def digits_of(text: str) -> list[int]:
        return [int(letter) for letter in text if letter.isdigit()]

    def may_become(text: str) -> bool:
        found = digits_of(text)
        return 10 - sum(found) in range(9 * (4 - len(found)) + 1) if len(found) < 4 else sum(found) == 10

    def fits(text: str) -> bool:
        return sum(digits_of(text)) == 10

    texts = [f" {hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
    language = guided.regex(r" ([01]\d|2[0-3]):[0-5]\d")
    members = tuple(filter(fits, texts))
    return Task(
        "pattern: digits sum to 10", "Trains leave at 08:15, at 09:45 and at", language, may_become, fits, members
    )


def fields() -> Task:
    """JSON in which the second number must exceed the first."""

    def may_become(text: str) -> bool:
        found = re.findall(r"\d", text)
        return found < ["9"] if len(found) < 2 else found[0] < found[1]

    def fits(text: str) -> bool:
        value = json.loads(text)
        return bool(value["low"] < value["high"])

    language = guided.regex(r'\{"low":\d,"high":\d\}')  # a schema would allow 4.0 for 4 too
    members = tuple(f'{{"low":{low},"high":{high}}}' for low in range(10) for high in range(low + 1, 10))
    return Task("JSON: low < high", '{"low":2,"high":5}\n', language, may_become, fits, members)


COLUMNS = ("name", "age", "price", "city", "id")
TABLES = ("users", "products", "orders")


def database() -> sqlite3.Connection:
    """What the SQL task asks: two tables with few columns."""
    shop = sqlite3.connect(":memory:")
    shop.executescript(
        "CREATE TABLE users (id INTEGER, name TEXT, age INTEGER); CREATE TABLE products (id INTEGER, price REAL);"
        "INSERT INTO users VALUES (1, 'Ada', 36), (2, 'Kurt', 21); INSERT INTO products VALUES (1, 2.5), (7, 8.0);"
    )
    return shop


def sql() -> Task:
    """The SQL grammar, kept to queries of one shape so that they can be listed; a query must run and give rows."""
    shop = database()
    names = "|".join(COLUMNS)
    shape = rf"SELECT ({names}) FROM ({'|'.join(TABLES)})( ORDER BY ({names}))?;"

    @cache
    def runs(query: str) -> bool:
        try:
            return bool(shop.execute(query).fetchall())
        except sqlite3.Error:
            return False

    def may_become(text: str) -> bool:
        """As much of it as is sure to be whole must run: up to the end of the table's name, or of the order's."""
        whole = re.match(r"SELECT \w+ FROM \w+( ORDER BY \w+)?(?=[ ;])", text)
        return whole is None or runs(whole[0])

    orders = ["", *(f" ORDER BY {name}" for name in COLUMNS)]
    texts = [f"SELECT {column} FROM {table}{order};" for column in COLUMNS for table in TABLES for order in orders]
    language = guided.grammar("sql") & guided.regex(shape)
    prompt = "-- A query of the shop:\n"
    return Task("SQL that runs", prompt, language, may_become, runs, tuple(filter(runs, texts)))


def dead_ends() -> Task:
    """After the first words that the model likes, only words fit that it does not expect."""
    members = tuple(
        f" {first} {second}"
        for firsts, seconds in (
            (("the", "a"), ("xylophone", "quokka", "zebra")),
            (("my", "his"), ("dog", "cat", "hat")),
        )
        for first in firsts
        for second in seconds
    )
    beginnings = {text[:length] for text in members for length in range(len(text) + 1)}
    language = guided.choice(members)
    return Task("dead ends", "She was looking for", language, beginnings.__contains__, members.__contains__, members)


TASKS = (digits, fields, sql, dead_ends)


class Remembering:
    """A model that computes the row of a context once.

    A run of ten particles then costs the time of the sampler, and thousands of runs can be made.
    """

    def __init__(self, lm: Any, prompt: str) -> None:
        self.lm, self.vocab, self.rows = lm, lm.vocab, {}
        self.prompt = prompt

    def encode(self, prompt: str) -> list[int]:
        return self.lm.encode(prompt)

    def encode_text(self, text: str) -> list[int]:
        return self.lm.encode_text(text)

    def logprobs(self, contexts: Sequence[Sequence[int]]) -> Any:
        """float32[n, V]."""
        given = [tuple(context) for context in contexts]
        missing = [context for context in dict.fromkeys(given) if context not in self.rows]
        for first in range(0, len(missing), 64):
            some = missing[first : first + 64]
            self.rows.update(zip(some, np.asarray(self.lm.logprobs(some)), strict=True))
        return np.stack([self.rows[context] for context in given])

    def truth(self, task: Task) -> dict[str, float]:
        """The posterior of every member, over all its spellings."""
        walk = Spellings(self, [text.encode() for text in task.members], end=False)
        prompt_ids = self.encode(task.prompt)
        usual = {text.encode(): walk.follow(tree_of(self, prompt_ids), self.encode_text(text)) for text in task.members}
        found = walk.spread(tree_of(self, prompt_ids), usual, math.log(TOLERANCE))
        return normalised({text: math.exp(found[text.encode()]) for text in task.members})


class Spellings(Walk):
    """Ways to spell a text that do not go beyond it."""

    def next_tokens(self, rest: bytes) -> list[tuple[int, bytes]]:
        """Tokens that spell a beginning of `rest`."""
        return [
            (token, done) for token, done in super().next_tokens(rest) if len(self.vocab.tokens[token]) <= len(rest)
        ]


def normalised(masses: dict[str, float]) -> dict[str, float]:
    total = math.fsum(masses.values())
    return {text: mass / total for text, mass in masses.items()}


def effective(probs: dict[str, float]) -> float:
    """exp of the entropy: how many texts it is about."""
    return math.exp(-math.fsum(p * math.log(p) for p in probs.values() if p > 0))
