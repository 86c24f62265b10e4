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
from typing import Any

import numpy as np

import guided

MAX_TOKENS = 32
N_LONG_RUNS, LONG_RUN = 4, 2000  # runs a half, particles a run


@dataclass(frozen=True)
class Task:
    """prompt; language (a Constraint); may_become and fits: str -> bool, for beginnings and whole texts; members."""

    name: str
    prompt: str
    language: Any
    may_become: Callable[[str], bool]
    fits: Callable[[str], bool]
    members: tuple[str, ...]
    is_long: bool = False

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

    texts = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
    members = tuple(text for text in texts if sum(digits_of(text)) == 10)
    language = guided.regex(r"([01]\d|2[0-3]):[0-5]\d")
    return Task(
        "pattern: digits sum to 10", "The train leaves at ", language, may_become, members.__contains__, members
    )


def fields() -> Task:
    """JSON in which the second number must exceed the first."""
    form = '{{"low": {}, "high": {}}}'

    def may_become(text: str) -> bool:
        found = re.findall(r"\d", text)
        return found < ["9"] if len(found) < 2 else found[0] < found[1]

    def fits(text: str) -> bool:
        value = json.loads(text)
        return bool(value["low"] < value["high"])

    members = tuple(form.format(low, high) for low in range(10) for high in range(low + 1, 10))
    language = guided.regex(r'\{"low": \d, "high": \d\}')
    return Task(
        "JSON: low < high",
        'A range as JSON, low below high: {"low": 2, "high": 5} or ',
        language,
        may_become,
        fits,
        members,
    )


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
    shop, known = database(), {}
    names = "|".join(COLUMNS)
    shape = rf"SELECT ({names}) FROM ({'|'.join(TABLES)})( ORDER BY ({names})( DESC)?)?;"

    def rows(query: str) -> bool:
        try:
            return bool(shop.execute(query).fetchall())
        except sqlite3.Error:
            return False

    def fits(text: str) -> bool:
        if text not in known:
            known[text] = rows(text)
        return known[text]

    orders = ["", *(f" ORDER BY {name}{way}" for name in COLUMNS for way in ("", " DESC"))]
    texts = [f"SELECT {column} FROM {table}{order};" for column in COLUMNS for table in TABLES for order in orders]
    members = tuple(text for text in texts if fits(text))
    beginnings = {text[:length] for text in members for length in range(len(text) + 1)}
    return Task(
        "SQL that runs",
        "-- A query of the shop:\n",
        guided.grammar("sql") & guided.regex(shape),
        beginnings.__contains__,
        fits,
        members,
        is_long=True,
    )


def dead_ends() -> Task:
    """After the first words that the model likes, only a second word fits that it does not expect."""
    firsts, seconds = ("the", "a", "an", "my", "his"), ("xylophone", "dog", "qat", "old")
    members = tuple(
        f"{first} {second}"
        for first in firsts
        for second in seconds
        if (first in ("the", "a")) == (second in ("xylophone", "qat"))
    )
    beginnings = {text[:length] for text in members for length in range(len(text) + 1)}
    return Task(
        "dead ends",
        "She was looking for ",
        guided.choice(members),
        beginnings.__contains__,
        members.__contains__,
        members,
    )


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

    def truth(self, task: Task) -> tuple[dict[str, float], float]:
        """(the posterior of every member, how sure that is: the total variation between two halves, 0 if it is exact).

        Exact: over all spellings, each up to 1e-3 of its text's.  Long texts have too many; there by long runs of SMC.
        """
        if not task.is_long:
            logp = guided.choice_logprobs(self, task.prompt, task.members, end=True, tolerance=1e-3)
            return normalised({text: math.exp(value) for text, value in logp.items()}), 0.0
        # A text has at least the probability of its usual spelling, however rarely a run finds it.
        least = guided.choice_logprobs(self, task.prompt, task.members, end=True, encodings="canonical")
        halves = []
        for half in range(2):
            found = dict.fromkeys(task.members, 0.0)
            for seed in range(N_LONG_RUNS):
                number = 10**6 + half * N_LONG_RUNS + seed
                run = guided.smc(
                    self, task.prompt, task.product, n_particles=LONG_RUN, max_tokens=MAX_TOKENS, seed=number
                )
                for text, share in run.probabilities.items():
                    found[text] += share * math.exp(run.log_z)
            halves.append(
                normalised({text: max(found[text] / N_LONG_RUNS, math.exp(least[text])) for text in task.members})
            )
        both = {text: (halves[0][text] + halves[1][text]) / 2 for text in task.members}
        return both, sum(abs(halves[0][text] - halves[1][text]) for text in both) / 2


def normalised(masses: dict[str, float]) -> dict[str, float]:
    total = math.fsum(masses.values())
    return {text: mass / total for text, mass in masses.items()}


def effective(probs: dict[str, float]) -> float:
    """exp of the entropy: how many texts it is about."""
    return math.exp(-math.fsum(p * math.log(p) for p in probs.values() if p > 0))
