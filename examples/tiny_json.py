"""JSON documents with a request before them, made up from a seed.

Not here: the fields and their values (tiny_entities.py), code (tiny_corpus.py), SQL (tiny_sql.py).
"""

from __future__ import annotations

import json
import random

from tiny_entities import (
    ADDRESS,
    BOOL,
    BUYER,
    ENTITIES,
    FAVOURITES,
    FLOAT,
    INT,
    ITEM,
    LINE,
    STR,
    STRINGS,
    Fields,
    fill,
    make,
)
from tiny_words import CITIES, Value

# What a request may add to the noun; the fields do not follow it, which a model this small would not learn anyway.
ABOUT = {
    "Order": [
        " of a returning customer",
        " with several items",
        " that has been paid",
        " of the day",
        ", already shipped",
        " with several items that has been paid",
        " of the day, already shipped",
        " from {city}",
        " of last week",
    ],
    "Person": [" from {city}", " who lives in {city}", " with a job", " of the list", ", invented"],
    "Customer": [" from {city}", " who pays late", " of the shop"],
    "User": [" of the site", ", signed in today"],
    "Recipe": [" for two", " with few steps", " for a winter evening"],
    "Product": [" of the shop", " on sale", ", sold out"],
    "Event": [" in {city}", " next week"],
    "Weather": [" in {city}"],
    "Flight": [" from {city}", " to {city}"],
}


def listed(names: list[str]) -> str:
    """["a", "b", "c"] -> "a, b and c", underscores read as spaces."""
    spoken = [name.replace("_", " ") for name in names]
    return spoken[0] if len(spoken) == 1 else ", ".join(spoken[:-1]) + " and " + spoken[-1]


def request(rng: random.Random, entity: str, used: Fields, count: int | None) -> str:
    """A short English request; `count` is the number of objects asked for, None for one object."""
    article = "an" if entity[0] in "AEIO" else "a"
    noun = entity if rng.random() < 0.3 else entity.lower()
    last = rng.choice(["last", "first", "next", "second", "latest", "best"])
    fields = rng.choice([f" with {listed(list(used))}", f" with the fields {', '.join(used)}", "", ""])
    if count is None:
        told = rng.choice([*ABOUT.get(entity, [""]), ""]).format(city=rng.choice(CITIES)[0])
        which = rng.choice(["", "", "new ", "typical ", "random ", "old ", "small ", "simple "])
        one = f"{'an' if (which or entity)[0] in 'aeioAEIO' else 'a'} {which}{noun}{told}"
        capital = one[0].upper() + one[1:]
        return rng.choice(
            [
                f"{capital}, as JSON:\n",
                f"{capital}, as JSON:\n",
                f"{capital}{fields} as JSON:\n",
                f"The {last} {noun}{told}, as JSON:\n",
                f"Write a JSON object for {article} {noun}{fields}:\n",
                f"Write a JSON object for {one}:\n",
                f"Give me {one}{fields} as JSON.\n",
                f"Return {article} {noun} as a JSON object{fields}.\n",
                f"Make up {one}{fields}. Answer in JSON.\n",
                f"Describe {one}{fields} in JSON:\n",
                f"JSON object of {one}:\n",
                f"{entity}:\n",
                f"# {entity} as JSON\n",
                f"JSON for {article} {noun}{fields}: ",
                f"Generate {one}{fields}.\nJSON: ",
            ]
        )
    number = rng.choice([str(count), ["zero", "one", "two", "three", "four", "five"][count]])
    plural = "people" if noun == "person" else ("companies" if noun == "company" else noun + "s")
    return rng.choice(
        [
            f"Write a JSON array of {number} {plural}{fields}:\n",
            f"{number.title()} {plural}{fields} as JSON:\n",
            f"Give me {number} {plural}{fields} as a JSON list.\n",
            f"List {number} {plural}{fields} in JSON.\n",
        ]
    )


def pydantic_class(entity: str, used: Fields) -> str:
    """The fields as a pydantic model, nested models first."""
    parts = (("Address", ADDRESS), ("Person", BUYER), ("Item", LINE if "customer" in used else ITEM))
    nested = "".join(
        pydantic_class(name, fields) + "\n\n"
        for name, fields in parts
        if any(kind in (name, f"list[{name}]") for kind, _ in used.values())
    )
    return (
        nested + f"class {entity}(BaseModel):\n" + "".join(f"    {name}: {kind}\n" for name, (kind, _) in used.items())
    )


def json_schema(used: Fields) -> dict[str, Value]:
    """The fields as a JSON Schema; nested objects stay open."""
    plain = {
        STR: {"type": "string"},
        INT: {"type": "integer"},
        FLOAT: {"type": "number"},
        BOOL: {"type": "boolean"},
        STRINGS: {"type": "array", "items": {"type": "string"}},
        "list[Item]": {"type": "array", "items": {"type": "object"}},
    }
    return {
        "type": "object",
        "properties": {name: plain.get(kind, {"type": "object"}) for name, (kind, _) in used.items()},
        "required": list(used),
    }


def dump(rng: random.Random, value: Value) -> str:
    """JSON text in one of the layouts that people use."""
    layout = rng.choice([{}, {}, {"separators": (",", ":")}, {"indent": 2}, {"indent": 4}])
    return json.dumps(value, ensure_ascii=False, **layout)  # type: ignore[arg-type]


def json_document(rng: random.Random) -> tuple[str, str]:
    """One document: (what comes before the JSON, possibly empty; the JSON text)."""
    entity, fields = rng.choice(FAVOURITES) if rng.random() < 0.4 else rng.choice(list(ENTITIES.items()))
    first, used = fill(rng, fields)
    form = rng.random()
    if form < 0.30:  # no request: bare objects, arrays, a wrapper, JSON lines
        shape = rng.random()
        others = [make(rng, used) for _ in range(rng.randint(1, 4))]
        if shape < 0.5:
            return "", dump(rng, first)
        if shape < 0.75:
            return "", dump(rng, others)
        return "", dump(rng, {"count": len(others), entity.lower() + "s": others})
    if form < 0.65:
        if rng.random() < 0.25:
            count = rng.randint(2, 5)
            return request(rng, entity, used, count), dump(rng, [make(rng, used) for _ in range(count)])
        return request(rng, entity, used, None), dump(rng, first)
    if form < 0.80:
        lead = rng.choice(["", "from pydantic import BaseModel\n\n\n"])
        ask = rng.choice(
            [
                "\n",
                f"\n# {entity} as JSON\n",
                f"\nWrite one {entity} as JSON:\n",
                "\nJSON:\n",
                f"\nAn example {entity}:\n",
            ]
        )
        return lead + pydantic_class(entity, used) + ask, dump(rng, first)
    if form < 0.90:
        lead = rng.choice(["", "JSON schema:\n", "Schema: ", "Answer with JSON that follows this schema:\n"])
        return lead + dump(rng, json_schema(used)) + rng.choice(["\n", "\nJSON: ", "\n\n", "\nExample:\n"]), dump(
            rng, first
        )
    plain = {
        name: value
        for name, value in first.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }
    told = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in plain.items()) or "nothing"
    lead, ask = rng.choice(["Text", "Note", "Read this", "Extract the data"]), rng.choice(["JSON: ", "As JSON:\n"])
    return (
        f"{lead}: {told}\n{ask}",
        dump(rng, plain),
    )
