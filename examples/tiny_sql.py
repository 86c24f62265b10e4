"""Database schemas with a question and its SELECT, made up from a seed.

Every statement runs under sqlite3 on its own schema (tests/models/test_tiny_corpus.py runs them).
Not here: code (tiny_corpus.py), JSON (tiny_json.py).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tiny_words import CATEGORIES, CITIES, COLORS, DEPARTMENTS, FIRST_NAMES, GENRES, LAST_NAMES, PRODUCTS, TITLES


@dataclass(frozen=True)
class Column:
    """One column: its name, SQL type and, for text, some values that questions may name."""

    name: str
    type: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table; `parent` is the table its last column refers to, "" for none."""

    name: str
    columns: tuple[Column, ...]
    parent: str = ""

    def of(self, *types: str) -> list[Column]:
        """Columns of the given types, without keys."""
        return [column for column in self.columns if column.type in types and not column.name.endswith("id")]


def text(name: str, values: list[str] | None = None) -> Column:
    return Column(name, "TEXT", tuple(values or ()))


def number(name: str) -> Column:
    return Column(name, "INTEGER")


def real(name: str) -> Column:
    return Column(name, "REAL")


CITY_NAMES = [name for name, _ in CITIES]
COUNTRIES = sorted({country for _, country in CITIES})
PEOPLE = [f"{first} {last}" for first, last in zip(FIRST_NAMES, LAST_NAMES, strict=False)]
STATUS = ["open", "closed", "pending", "active"]
# (parent table, child table): the child's last column is a key into the parent.
THEMES: list[tuple[Table, Table]] = [
    (
        Table(
            "customers",
            (text("name", PEOPLE), text("city", CITY_NAMES), text("country", COUNTRIES), number("age"), text("email")),
        ),
        Table(
            "orders",
            (text("product", PRODUCTS), number("quantity"), real("price"), text("order_date"), text("status", STATUS)),
            "customers",
        ),
    ),
    (
        Table(
            "departments", (text("name", DEPARTMENTS), real("budget"), text("location", CITY_NAMES), number("floor"))
        ),
        Table(
            "employees",
            (text("name", PEOPLE), number("age"), real("salary"), text("hired"), text("city", CITY_NAMES)),
            "departments",
        ),
    ),
    (
        Table("authors", (text("name", PEOPLE), text("country", COUNTRIES), number("birth_year"))),
        Table(
            "books",
            (text("title", TITLES), number("year"), number("pages"), text("genre", GENRES), real("price")),
            "authors",
        ),
    ),
    (
        Table("singers", (text("name", PEOPLE), number("age"), text("country", COUNTRIES))),
        Table(
            "songs",
            (text("title", TITLES), number("year"), real("length"), text("genre", GENRES), real("rating")),
            "singers",
        ),
    ),
    (
        Table("teachers", (text("name", PEOPLE), text("city", CITY_NAMES), number("age"))),
        Table(
            "courses",
            (
                text("title", ["Math", "Physics", "History", "Art"]),
                number("credits"),
                number("students"),
                number("year"),
            ),
            "teachers",
        ),
    ),
    (
        Table(
            "teams",
            (
                text("name", ["Lions", "Bears", "Eagles", "Wolves"]),
                text("city", CITY_NAMES),
                number("founded"),
                number("points"),
            ),
        ),
        Table(
            "players",
            (
                text("name", PEOPLE),
                number("age"),
                number("goals"),
                real("height"),
                text("position", ["forward", "goalkeeper", "defender"]),
            ),
            "teams",
        ),
    ),
    (
        Table("airlines", (text("name"), text("country", COUNTRIES), number("fleet_size"))),
        Table(
            "flights",
            (
                text("origin", CITY_NAMES),
                text("destination", CITY_NAMES),
                text("departure"),
                real("price"),
                number("seats"),
            ),
            "airlines",
        ),
    ),
    (
        Table("stores", (text("name"), text("city", CITY_NAMES), number("opened"), number("staff"))),
        Table(
            "products",
            (
                text("name", PRODUCTS),
                text("category", CATEGORIES),
                real("price"),
                number("stock"),
                text("color", COLORS),
            ),
            "stores",
        ),
    ),
    (
        Table("hospitals", (text("name"), text("city", CITY_NAMES), number("beds"))),
        Table(
            "patients",
            (text("name", PEOPLE), number("age"), text("city", CITY_NAMES), text("admitted"), real("weight")),
            "hospitals",
        ),
    ),
    (
        Table(
            "countries",
            (
                text("name", COUNTRIES),
                text("continent", ["Europe", "Asia", "Africa"]),
                real("area"),
                number("population"),
            ),
        ),
        Table("cities", (text("name", CITY_NAMES), number("population"), number("founded"), real("area")), "countries"),
    ),
    (
        Table("projects", (text("title"), text("status", STATUS), real("budget"), text("start_date"))),
        Table(
            "tasks",
            (text("title"), text("status", STATUS), number("priority"), real("hours"), text("due_date")),
            "projects",
        ),
    ),
    (
        Table("owners", (text("name", PEOPLE), text("city", CITY_NAMES), text("phone"))),
        Table(
            "pets",
            (
                text("name", ["Rex", "Luna", "Milo"]),
                text("species", ["dog", "cat", "rabbit"]),
                number("age"),
                real("weight"),
            ),
            "owners",
        ),
    ),
]


def singular(table: str) -> str:
    """customers -> customer, cities -> city, countries -> country."""
    return table[:-3] + "y" if table.endswith("ies") else table[:-1]


def create(table: Table, style: int) -> str:
    """The CREATE TABLE statement; `style` 0 keeps one line, others one line per column."""
    lines = ["id INTEGER PRIMARY KEY"] + [f"{column.name} {column.type}" for column in table.columns]
    if table.parent:
        lines.append(f"{singular(table.parent)}_id INTEGER REFERENCES {table.parent}(id)")
    if style == 0:
        return f"CREATE TABLE {table.name} ({', '.join(lines)});\n"
    return f"CREATE TABLE {table.name} (\n" + ",\n".join("  " * style + line for line in lines) + "\n);\n"


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def condition(rng: random.Random, table: Table, alias: str = "") -> tuple[str, str]:
    """A condition on one row: (English, SQL)."""
    named = [column for column in table.columns if column.values]
    if named and rng.random() < 0.5:
        column = rng.choice(named)
        value = rng.choice(column.values)
        return f"whose {column.name} is {value}", f"{alias}{column.name} = {quoted(value)}"
    column = rng.choice(table.of("INTEGER", "REAL"))
    bound = rng.choice([5, 10, 18, 20, 30, 40, 50, 100, 200, 500, 1000, 1990, 2000, 2010, 2020])
    word, sign = rng.choice(
        [("more than", ">"), ("less than", "<"), ("at least", ">="), ("at most", "<="), ("exactly", "=")]
    )
    return f"with {column.name.replace('_', ' ')} {word} {bound}", f"{alias}{column.name} {sign} {bound}"


def question(rng: random.Random, parent: Table, child: Table) -> tuple[str, str]:
    """One question and its SELECT, over one table or over both."""
    table = rng.choice([parent, child])
    name = table.name
    shown = rng.choice(table.columns).name
    measure = rng.choice(table.of("INTEGER", "REAL")).name
    spoken = measure.replace("_", " ")
    key = f"{singular(parent.name)}_id"
    label = parent.columns[0].name
    english, where = condition(rng, table)
    child_english, child_where = condition(rng, child, "T2.")
    joined = f"FROM {parent.name} AS T1 JOIN {child.name} AS T2 ON T1.id = T2.{key}"
    function, adjective = rng.choice([("AVG", "average"), ("MAX", "highest"), ("MIN", "lowest"), ("SUM", "total")])
    child_measure = rng.choice(child.of("INTEGER", "REAL")).name
    child_spoken = child_measure.replace("_", " ")
    group = rng.choice(table.of("TEXT") or list(table.columns)).name
    limit = rng.randint(2, 10)
    least = rng.randint(1, 5)
    return rng.choice(
        [
            (f"How many {name} are there?", f"SELECT COUNT(*) FROM {name}"),
            (f"How many {name} {english} are there?", f"SELECT COUNT(*) FROM {name} WHERE {where}"),
            (f"List the {shown} of all {name}.", f"SELECT {shown} FROM {name}"),
            (f"List the {shown} of {name} {english}.", f"SELECT {shown} FROM {name} WHERE {where}"),
            (
                f"Show the {shown} and {measure} of {name} {english}.",
                f"SELECT {shown}, {measure} FROM {name} WHERE {where}",
            ),
            (f"What is the {adjective} {spoken} of {name}?", f"SELECT {function}({measure}) FROM {name}"),
            (
                f"What is the {adjective} {spoken} of {name} {english}?",
                f"SELECT {function}({measure}) FROM {name} WHERE {where}",
            ),
            (
                f"Which {singular(name)} has the highest {spoken}?",
                f"SELECT {shown} FROM {name} ORDER BY {measure} DESC LIMIT 1",
            ),
            (
                f"Show the {limit} {name} with the lowest {spoken}.",
                f"SELECT * FROM {name} ORDER BY {measure} LIMIT {limit}",
            ),
            (f"How many {name} are there for each {group}?", f"SELECT {group}, COUNT(*) FROM {name} GROUP BY {group}"),
            (f"What are the different values of {group} of {name}?", f"SELECT DISTINCT {group} FROM {name}"),
            (
                f"Which {group} have at least {least} {name}?",
                f"SELECT {group} FROM {name} GROUP BY {group} HAVING COUNT(*) >= {least}",
            ),
            (
                f"How many {child.name} does each {singular(parent.name)} have?",
                f"SELECT T1.{label}, COUNT(*) {joined} GROUP BY T1.id",
            ),
            (
                f"List the {label} of {parent.name} that have {child.name} {child_english}.",
                f"SELECT DISTINCT T1.{label} {joined} WHERE {child_where}",
            ),
            (
                f"What is the {adjective} {child_spoken} of the {child.name} of each {singular(parent.name)}?",
                f"SELECT T1.{label}, {function}(T2.{child_measure}) {joined} GROUP BY T1.id",
            ),
            (
                f"Which {parent.name} have no {child.name}?",
                f"SELECT {label} FROM {parent.name} WHERE id NOT IN (SELECT {key} FROM {child.name})",
            ),
            (
                f"Which {name} have a {spoken} above the average?",
                f"SELECT {shown} FROM {name} WHERE {measure} > (SELECT AVG({measure}) FROM {name})",
            ),
            (f"List all {name} sorted by {spoken}.", f"SELECT * FROM {name} ORDER BY {measure}"),
        ]
    )


def sql_document(rng: random.Random) -> tuple[str, list[tuple[str, str]]]:
    """A schema (CREATE TABLE text) and one to four (question, SELECT without the semicolon) about it."""
    parent, child = rng.choice(THEMES)
    parent, child = (
        Table(table.name, tuple(rng.sample(table.columns[1:], rng.randint(2, len(table.columns) - 1))), table.parent)
        for table in (parent, child)
    )
    # A number is asked about in every table, so each keeps one; the first column stays, it is the row's name.
    full = {table.name: table for theme in THEMES for table in theme}
    parent, child = (
        table
        if table.of("INTEGER", "REAL")
        else Table(
            table.name,
            (*table.columns, rng.choice(full[table.name].of("INTEGER", "REAL") or [number("total")])),
            table.parent,
        )
        for table in (parent, child)
    )
    parent, child = (
        Table(table.name, (full[table.name].columns[0], *table.columns), table.parent) for table in (parent, child)
    )
    style = rng.randint(0, 2)
    return create(parent, style) + create(child, style), [
        question(rng, parent, child) for _ in range(rng.randint(1, 4))
    ]


def sql_text(rng: random.Random) -> str:
    """One training document: the schema, then each question as a comment and its SELECT."""
    schema, pairs = sql_document(rng)
    return schema + "".join(f"{rng.choice(['', chr(10)])}-- {asked}\n{select};\n" for asked, select in pairs)
